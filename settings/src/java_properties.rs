//! Java's `.properties` files: read as `Properties.load` does, written as `Properties.store`.
//!
//! Source: the documentation of `java.util.Properties`.

use std::fmt::Write as _;

/// A key with its value and the line on which it begins, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, without escapes.
    pub name: String,
    /// The value, without escapes; space at its end is kept.
    pub value: String,
    /// The line.
    pub line: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// Reads the text of a properties file. Later lines with the same key come later in the result.
///
/// # Errors
/// [`SyntaxError`] for a `\u` without four hexadecimal digits or that is half a character.
pub fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let entry = |(line, content): (usize, String)| {
        let (name, value) = split(&content);
        let read = |text: &str| unescape(text).map_err(|reason| SyntaxError { line, reason });
        Ok(Entry { name: read(name)?, value: read(value)?, line })
    };
    logical_lines(text).into_iter().map(entry).collect()
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\x0c')
}

/// Lines without comments and blank ones, continued lines joined; escapes are still there.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let normalized = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut natural = normalized.split('\n').enumerate();
    while let Some((index, first)) = natural.next() {
        let first = first.trim_start_matches(is_space);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut content = first.to_owned();
        while is_continued(&content) {
            content.pop();
            let Some((_, next)) = natural.next() else { break };
            content.push_str(next.trim_start_matches(is_space));
        }
        lines.push((index + 1, content));
    }
    lines
}

fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Cuts a line behind its key: at `=` or `:`, or at space, neither escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let key_end = line
        .char_indices()
        .find(|(_, character)| {
            let ends = !escaped && (is_space(*character) || matches!(character, '=' | ':'));
            escaped = *character == '\\' && !escaped;
            ends
        })
        .map_or(line.len(), |(position, _)| position);
    let (key, rest) = line.split_at(key_end);
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_space))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let meant = match character {
            '\\' => match characters.next() {
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).collect();
                    let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                    units.push(unit.ok_or("\\u must be followed by four hexadecimal digits")?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
                None => continue,
            },
            plain => plain,
        };
        units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "\\u must not name half of a character")
}

/// One `key=value` a line.
pub fn format(entries: &[(String, String)]) -> String {
    let mut text = String::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|p| (p.name, p.value)).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn separators_are_equals_colon_and_space() {
        assert_eq!(
            pairs("a=1\nb:2\nc 3\nd = 4\ne : 5\nf\tg\nh\ni=\nj==k\n"),
            [
                pair("a", "1"),
                pair("b", "2"),
                pair("c", "3"),
                pair("d", "4"),
                pair("e", "5"),
                pair("f", "g"),
                pair("h", ""),
                pair("i", ""),
                pair("j", "=k"),
            ]
        );
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        assert_eq!(
            pairs("# x=1\n  ! y=2\n\n \t\na=1 # not a comment\r\nb=2"),
            [pair("a", "1 # not a comment"), pair("b", "2"),]
        );
    }

    #[test]
    fn continued_lines_are_joined_without_their_indentation() {
        let text = "listeners=A://:1,\\\n    B://:2\nx=a\\\\\ny=b\\\n# no comment here\nz=end\\";
        assert_eq!(
            pairs(text),
            [
                pair("listeners", "A://:1,B://:2"),
                pair("x", "a\\"),
                pair("y", "b# no comment here"),
                pair("z", "end"),
            ]
        );
    }

    #[test]
    fn escapes() {
        assert_eq!(pairs(r"a\ b\=c\:d=1\t2\n\u00e9\ud83d\ude00\q"), [pair("a b=c:d", "1\t2\né😀q")]);
        assert_eq!(pairs("path=C:\\\\tmp"), [pair("path", "C:\\tmp")]);
    }

    #[test]
    fn line_numbers_are_those_of_the_key() {
        let properties = parse("#\na=1\\\n 2\n\nb=3").unwrap();
        assert_eq!(properties.iter().map(|p| p.line).collect::<Vec<_>>(), [2, 5]);
    }

    #[test]
    fn half_an_escape_is_an_error_with_its_line() {
        let error = parse("a=1\nb=\\u12").unwrap_err();
        assert_eq!((error.line, error.reason), (2, "\\u must be followed by four hexadecimal digits"));
        assert!(parse("b=\\ud83d").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z=: \\\\#\n\tu0-9]{0,60}") {
            let _ = parse(&text);
        }
    }

    #[test]
    fn escapes_survive_a_round_trip() {
        let entries = vec![(" key=:#".to_owned(), " \t\u{e9} a b\\!".to_owned())];
        let text = format(&entries);
        assert!(text.is_ascii());
        assert_eq!(pairs(&text), entries);
    }
}
