//! The form of addresses `/contexts/{context}/...`, which puts a context before every subject (`ContextFilter`).

use super::problem::Problem;
use super::query::Query;

/// Rewrites segments and parameters of an address that begins with `contexts`; others stay as they are.
pub(super) fn rewrite(segments: Vec<String>, query: &mut Query<'_>) -> Result<Vec<String>, Problem> {
    if segments.len() < 2 || segments[0] != "contexts" {
        return Ok(segments);
    }
    let context = qualified(&segments[1])?;
    let mut rest = segments[2..].to_vec();
    if rest.is_empty() {
        return Ok(if context.is_empty() { rest } else { vec!["contexts".to_owned(), context] });
    }
    let is_settings = rest[0] == "config" || rest[0] == "mode";
    if is_settings && rest.len() == 1 {
        if !context.is_empty() {
            rest.push(context);
        }
        return Ok(rest);
    }
    let before_subject = rest.iter().position(|segment| segment == "subjects").or(is_settings.then_some(0));
    if let Some(subject) = before_subject.and_then(|at| rest.get_mut(at + 1))
        && !names_context(subject)
    {
        *subject = format!("{context}{subject}");
    }
    let parameter = match rest.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["schemas", "ids", ..] => "subject",
        ["schemas" | "subjects"] => "subjectPrefix",
        _ => return Ok(rest),
    };
    let value = query.text(parameter);
    if !names_context(&value) {
        query.replace(parameter, format!("{context}{value}"));
    }
    Ok(rest)
}

fn names_context(subject: &str) -> bool {
    subject.starts_with(":.") || subject.starts_with(":*:")
}

/// `:.name:` for `name`, `.name` and `:.name:`; nothing for the default context.
pub(super) fn qualified(context: &str) -> Result<String, Problem> {
    let name = context.strip_prefix(':').unwrap_or(context);
    let name = name.strip_suffix(':').unwrap_or(name);
    if name.contains(':') {
        return Err(Problem::new(400, format!("Context name '{name}' cannot contain a colon")));
    }
    let name = name.strip_prefix('.').unwrap_or(name);
    Ok(if name.is_empty() { String::new() } else { format!(":.{name}:") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(path: &str, query: &str) -> (String, Option<String>) {
        let mut query = Query::parse(query);
        let segments = path.split('/').map(str::to_owned).collect();
        let path = rewrite(segments, &mut query).expect("a good context").join("/");
        let parameter = query.get("subject").or(query.get("subjectPrefix")).map(str::to_owned);
        (path, parameter)
    }

    #[test]
    fn the_context_goes_before_subjects() {
        assert_eq!(
            rewritten("contexts/.c/subjects/a/versions", ""),
            ("subjects/:.c:a/versions".into(), None)
        );
        assert_eq!(rewritten("contexts/c/subjects/:.d:a", "").0, "subjects/:.d:a");
        assert_eq!(rewritten("contexts/:.c:/config/a", "").0, "config/:.c:a");
        assert_eq!(rewritten("contexts/c/mode", "").0, "mode/:.c:");
        assert_eq!(rewritten("contexts/./mode", "").0, "mode");
        assert_eq!(
            rewritten("contexts/c/compatibility/subjects/a/versions/1", "").0.split('/').nth(2),
            Some(":.c:a")
        );
        assert_eq!(rewritten("contexts/c/schemas/ids/1", ""), ("schemas/ids/1".into(), Some(":.c:".into())));
        assert_eq!(rewritten("contexts/c/schemas/ids/1", "subject=a").1, Some(":.c:a".into()));
        assert_eq!(rewritten("contexts/c/subjects", "").1, Some(":.c:".into()));
        assert_eq!(rewritten("contexts/./subjects", "").1, Some(String::new()));
        assert_eq!(rewritten("contexts/c", "").0, "contexts/:.c:");
        assert_eq!(rewritten("contexts", "").0, "contexts");
        assert_eq!(rewritten("subjects/a", "").0, "subjects/a");
    }

    #[test]
    fn a_colon_within_a_context_is_refused() {
        let mut query = Query::default();
        let segments = vec!["contexts".to_owned(), "a:b".to_owned(), "subjects".to_owned()];
        assert_eq!(rewrite(segments, &mut query).map_err(|problem| problem.code), Err(400));
    }
}
