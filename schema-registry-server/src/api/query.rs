//! What stands behind the question mark.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// Parameters in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(super) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Anything but `true` is false, as in Java.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// JAX-RS answers 404 to a number that is none.
    pub(super) fn integer(&self, name: &str, default: i32) -> Result<i32, Problem> {
        match self.get(name) {
            None | Some("") => Ok(default),
            Some(text) => text.parse().map_err(|_| Problem::not_found()),
        }
    }

    /// Puts a parameter in place of those of its name.
    pub(super) fn replace(&mut self, name: &'a str, value: String) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((Cow::Borrowed(name), Cow::Owned(value)));
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let spaces = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaces).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::parse("subject=%3A.c%3Aa+b&deleted=TRUE&limit=x&key=1&key=2&empty");
        assert_eq!(query.get("subject"), Some(":.c:a b"));
        assert!(query.flag("deleted") && !query.flag("empty") && !query.flag("absent"));
        assert_eq!(query.integer("limit", 0).map_err(|problem| problem.code), Err(404));
        assert_eq!(query.integer("absent", 7), Ok(7));
        assert_eq!(query.all("key").collect::<Vec<_>>(), ["1", "2"]);
    }
}
