//! A page of metrics in Prometheus' text format, read strictly.

use std::collections::{BTreeMap, BTreeSet};

use crate::http;
use crate::server::Server;

/// The samples of a page: name and labels in the order of their names, and the value.
#[derive(Debug)]
pub struct Page {
    text: String,
    samples: BTreeMap<(String, Vec<(String, String)>), f64>,
}

impl Page {
    /// What a server shows now.
    ///
    /// # Panics
    /// When it is not as Prometheus and `promtool check metrics` want it.
    pub fn of(server: &Server) -> Self {
        let (status, text) = http::get(&server.metrics(), "/metrics");
        assert_eq!(status, 200, "{text}");
        Self::parse(text)
    }

    /// Reads a page.
    ///
    /// # Panics
    /// When a line is not understood; for a sample without HELP and TYPE before it, a series that comes twice, a counter
    /// without `_total`, or another type with it.
    pub fn parse(text: String) -> Self {
        let (mut kinds, mut helped, mut samples) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, _) = help.split_once(' ').expect("a help text");
                assert!(helped.insert(name.to_owned()), "{name} is explained twice");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert!(helped.contains(name), "{name} has no HELP");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line} comes twice");
            } else if !line.is_empty() {
                let (name, labels, value) = sample(line);
                let family = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix).filter(|name| kinds.contains_key(*name)));
                let family = family.unwrap_or(&name);
                assert!(kinds.contains_key(family), "{line} has no TYPE");
                assert!(samples.insert((name, labels), value).is_none(), "{line} comes twice");
            }
        }
        Self { text, samples }
    }

    /// The value of the series with this name and these labels, in any order.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let owned = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
        let mut labels: Vec<_> = owned.collect();
        labels.sort();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// All series of a name that have these labels among theirs.
    pub fn series(&self, name: &str, among: &[(&str, &str)]) -> Vec<(Vec<(String, String)>, f64)> {
        let has = |labels: &[(String, String)], (label, value): &(&str, &str)| {
            labels.iter().any(|(l, v)| l == label && v == value)
        };
        let of_name = self.samples.iter().filter(|((found, _), _)| found == name);
        let matching = of_name.filter(|((_, labels), _)| among.iter().all(|pair| has(labels, pair)));
        matching.map(|((_, labels), value)| (labels.clone(), *value)).collect()
    }

    /// The page as it came.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// `name{label="value",...} 1.5`, or without labels.
fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let is_name = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    assert!(is_name(name), "{line}");
    let mut rest = rest.strip_suffix('}').unwrap_or_else(|| panic!("labels do not end: {line}"));
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("not a label: {line}"));
        assert!(is_name(label) && !label.contains(':'), "{line}");
        let (value, behind) = quoted(behind).unwrap_or_else(|| panic!("a label does not end: {line}"));
        labels.push((label.to_owned(), value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    labels.sort();
    (name.to_owned(), labels, value)
}

/// The text before the closing quote, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                _ => return None,
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read() {
        let page = "# HELP a_total x\n# TYPE a_total counter\na_total{g=\"q\\\"{}, \\n\",b=\"2\"} 3\n\
                    # HELP h x\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 0.5\nh_count 1\n";
        let page = Page::parse(page.to_owned());
        assert_eq!(page.value("a_total", &[("b", "2"), ("g", "q\"{}, \n")]), Some(3.0));
        assert_eq!(page.value("h_sum", &[]), Some(0.5));
        assert_eq!(page.value("a_total", &[]), None);
        assert_eq!(page.series("a_total", &[("b", "2")]).len(), 1);
    }

    #[test]
    fn what_promtool_would_refuse_is_refused() {
        for wrong in [
            "a 1\n",
            "# HELP a x\n# TYPE a counter\na 1\n",
            "# HELP a_total x\n# TYPE a_total gauge\na_total 1\n",
            "# HELP a x\n# TYPE a gauge\na 1\na 2\n",
            "# TYPE a gauge\na 1\n",
            "# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n",
        ] {
            assert!(std::panic::catch_unwind(|| Page::parse(wrong.to_owned())).is_err(), "{wrong}");
        }
    }
}
