//! The text format of Java's `Properties`: escapes, continued lines, comments, and the comment with the date.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A key with its value and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
}

/// What is wrong with a line.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// All properties in order; a key may come twice, and then the later one counts.
pub(super) fn parse(content: &[u8]) -> Result<Vec<Property>, SyntaxError> {
    let text = std::str::from_utf8(content)
        .map_err(|_| SyntaxError { line: 1, reason: "not text in UTF-8".to_owned() })?;
    let mut properties = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start_matches(BLANK);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_in_continuation(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(BLANK));
        }
        let line = index + 1;
        let (key, value) = split(&logical).map_err(|reason| SyntaxError { line, reason })?;
        properties.push(Property { line, key, value });
    }
    Ok(properties)
}

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

fn ends_in_continuation(line: &str) -> bool {
    line.chars().rev().take_while(|character| *character == '\\').count() % 2 == 1
}

fn split(line: &str) -> Result<(String, String), String> {
    let mut characters = line.chars().peekable();
    let mut key = String::new();
    while let Some(character) = characters.next_if(|next| !matches!(next, '=' | ':') && !BLANK.contains(next))
    {
        push_unescaped(&mut key, character, &mut characters)?;
    }
    skip_blanks(&mut characters);
    if characters.next_if(|next| matches!(next, '=' | ':')).is_some() {
        skip_blanks(&mut characters);
    }
    let mut value = String::new();
    while let Some(character) = characters.next() {
        push_unescaped(&mut value, character, &mut characters)?;
    }
    Ok((key, value))
}

fn skip_blanks(characters: &mut Peekable<Chars<'_>>) {
    while characters.next_if(|next| BLANK.contains(next)).is_some() {}
}

fn push_unescaped(to: &mut String, character: char, rest: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    if character != '\\' {
        to.push(character);
        return Ok(());
    }
    match rest.next() {
        None => {}
        Some('t') => to.push('\t'),
        Some('n') => to.push('\n'),
        Some('r') => to.push('\r'),
        Some('f') => to.push('\u{c}'),
        Some('u') => {
            let digits: String = rest.take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
            to.push(code.and_then(char::from_u32).ok_or_else(|| format!("\\u{digits} is no character"))?);
        }
        Some(other) => to.push(other),
    }
    Ok(())
}

/// An empty comment, the date, then one `key=value` a line.
pub(super) fn format(entries: &[(String, String)], now_ms: i64) -> String {
    let mut text = format!("#\n#{}\n", java_date(now_ms));
    for (key, value) in entries {
        escape(&mut text, key, true);
        text.push('=');
        escape(&mut text, value, false);
        text.push('\n');
    }
    text
}

/// Characters outside ASCII are written as `\uXXXX`, because Java reads the file as Latin-1.
fn escape(to: &mut String, text: &str, is_key: bool) {
    for (index, character) in text.chars().enumerate() {
        match character {
            ' ' if is_key || index == 0 => to.push_str("\\ "),
            '\t' => to.push_str("\\t"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\u{c}' => to.push_str("\\f"),
            '\\' | '=' | ':' | '#' | '!' => to.extend(['\\', character]),
            ' '..='~' => to.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(to, "\\u{unit:04X}");
                }
            }
        }
    }
}

/// A time as Java's `Date` prints it, in UTC: `Mon Nov 23 09:08:31 UTC 2026`.
fn java_date(now_ms: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = now_ms.div_euclid(1000);
    let (days, in_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_date(days);
    let name = |names: &[&'static str], index: i64| names[usize::try_from(index).unwrap_or(0)];
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        name(&WEEKDAYS, days.rem_euclid(7)),
        name(&MONTHS, month - 1),
        in_day / 3600,
        in_day / 60 % 60,
        in_day % 60,
    )
}

/// Year, month and day of a count of days since 1970, by eras of 400 years that begin on a 1st of March.
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).unwrap().into_iter().map(|property| (property.key, property.value)).collect()
    }

    #[test]
    fn separators_and_continuations_are_javas() {
        let text = "! note\n  a = 1 \nb: 2\nc 3\nd\\ e=f\\\n    g\nh\n# end";
        let expected = [("a", "1 "), ("b", "2"), ("c", "3"), ("d e", "fg"), ("h", "")];
        assert_eq!(pairs(text), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn escapes_survive_a_round_trip() {
        let entries = vec![(" key=:#".to_owned(), " \t\u{e9} a b\\!".to_owned())];
        let text = format(&entries, 0);
        assert!(text.is_ascii());
        assert_eq!(pairs(&text), entries);
    }

    #[test]
    fn dates_are_javas() {
        assert_eq!(java_date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(java_date(1_709_164_800_000), "Thu Feb 29 00:00:00 UTC 2024");
        assert_eq!(java_date(-1), "Wed Dec 31 23:59:59 UTC 1969");
    }
}
