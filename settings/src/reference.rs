//! The reference of settings, in Markdown.

use std::fmt::Write as _;

use crate::Declaration;

/// The table of these settings; with a column of ranges where one has any.
pub fn table(declarations: &[Declaration]) -> String {
    let has_ranges = declarations.iter().any(|one| one.range.is_some());
    let mut table = String::from(if has_ranges {
        "| name | type | default | range | importance | what it does |\n|---|---|---|---|---|---|\n"
    } else {
        "| name | type | default | importance | what it does |\n|---|---|---|---|---|\n"
    });
    for one in declarations {
        let default = (one.default)();
        let default = if default.is_empty() { default } else { format!("`{default}`") };
        let range = if has_ranges { format!(" {} |", range(one)) } else { String::new() };
        let doc = one.doc.trim().replace('|', "\\|");
        let (name, value_type, importance) = (one.name, one.value_type, one.importance);
        let _ = writeln!(table, "| `{name}` | {value_type} | {default} |{range} {importance} | {doc} |");
    }
    table
}

/// A chapter for each group of settings, under its title.
pub fn chapters(chapters: &[(&str, &[Declaration])]) -> String {
    let mut page = String::new();
    for (title, declarations) in chapters {
        page.extend(["\n## ", title, "\n\n", &table(declarations)]);
    }
    page
}

fn range(one: &Declaration) -> String {
    match one.range {
        None => String::new(),
        Some((min, max)) if max >= i128::from(i32::MAX) => format!("from {min}"),
        Some((min, max)) => format!("{min} to {max}"),
    }
}

/// For tests: holds the file at `path` against `page`; with `UPDATE_DOCS` in the environment it is written first.
///
/// # Panics
/// If the file is another.
pub fn check_page(path: &str, page: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == page, "{path} is stale: run this test again with UPDATE_DOCS=1");
}

#[cfg(test)]
mod tests {
    crate::settings! {
        struct Sample {
            /// What it | is.
            retries: u32 ["retries", high] = 3, range 1..=5;
            /// Any.
            names: Vec<String> ["names"] = Vec::new();
            /// Many.
            bytes: usize ["bytes", low] = 7, range 1..=i32::MAX;
        }
    }

    #[test]
    fn a_row_has_what_is_declared() {
        let expected = "\
| name | type | default | range | importance | what it does |
|---|---|---|---|---|---|
| `retries` | a number from 0 | `3` | 1 to 5 | high | What it \\| is. |
| `names` | a list with commas |  |  | medium | Any. |
| `bytes` | a number from 0 | `7` | from 1 | low | Many. |
";
        assert_eq!(super::table(Sample::DECLARATIONS), expected);
        let without = super::table(&Sample::DECLARATIONS[1..2]);
        assert_eq!(without.lines().last(), Some("| `names` | a list with commas |  | medium | Any. |"));
    }
}
