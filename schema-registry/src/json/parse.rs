//! Reading JSON.

use thiserror::Error;

use super::{Json, Number, Object};

/// How deep arrays and objects may lie in each other: Jackson's default.
pub const DEPTH_MAX: usize = 1_000;

/// What is taken beyond JSON.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParseOptions {
    /// `/* */` and `//`, which Avro's own parser takes.
    pub comments: bool,
}

/// Why a text is not JSON. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct JsonError {
    reason: String,
    line: usize,
    column: usize,
}

pub(super) fn parse(text: &str, options: ParseOptions) -> Result<Json, JsonError> {
    let mut reader = Reader { text, at: 0, options };
    let value = reader.value(0)?;
    reader.skip_space()?;
    if reader.at < text.len() {
        return Err(reader.error("more text after the end of the JSON value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes, always between characters.
    at: usize,
    options: ParseOptions,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, reason: impl Into<String>) -> JsonError {
        let before = &self.text[..self.at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        JsonError {
            reason: reason.into(),
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn unexpected(&self, wanted: &str) -> JsonError {
        match self.rest().chars().next() {
            Some(found) => self.error(format!("expected {wanted}, found {found:?}")),
            None => self.error(format!("expected {wanted}, found the end of the text")),
        }
    }

    fn skip_space(&mut self) -> Result<(), JsonError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') if self.options.comments => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), JsonError> {
        let rest = self.rest();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or_else(|| self.error("a comment without an end"))?;
            end + 4
        } else {
            return Err(self.unexpected("a comment"));
        };
        self.at += length;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.skip_space()?;
        if depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in
                    [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
                {
                    if self.rest().starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.unexpected("a JSON value"))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut entries = Object::new();
        self.skip_space()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(entries));
        }
        loop {
            self.skip_space()?;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in quotes"));
            }
            let key = self.string()?;
            self.skip_space()?;
            if self.peek() != Some(b':') {
                return Err(self.unexpected("a colon"));
            }
            self.at += 1;
            entries.insert(key, self.value(depth + 1)?);
            if self.is_last(b'}', "a comma or the end of the object")? {
                return Ok(Json::Object(entries));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.is_last(b']', "a comma or the end of the array")? {
                return Ok(Json::Array(elements));
            }
        }
    }

    /// Takes the comma or the end that follows an element.
    fn is_last(&mut self, end: u8, wanted: &str) -> Result<bool, JsonError> {
        self.skip_space()?;
        let found = self.peek();
        if found != Some(b',') && found != Some(end) {
            return Err(self.unexpected(wanted));
        }
        self.at += 1;
        Ok(found == Some(end))
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut length = usize::from(rest.starts_with('-'));
        let whole = digits(length);
        let has_leading_zero = whole > 1 && rest[length..].starts_with('0');
        let mut is_number = whole > 0 && !has_leading_zero;
        length += whole;
        if rest[length..].starts_with('.') {
            let fraction = digits(length + 1);
            is_number &= fraction > 0;
            length += 1 + fraction;
        }
        if rest[length..].starts_with(['e', 'E']) {
            length += 1;
            length += usize::from(rest[length..].starts_with(['+', '-']));
            let exponent = digits(length);
            is_number &= exponent > 0;
            length += exponent;
        }
        if !is_number {
            return Err(self.error("a malformed number"));
        }
        self.at += length;
        Ok(Json::Number(Number::new(&rest[..length])))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(plain) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                return Err(self.error("a string without an end"));
            };
            text.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => text.push(self.escape()?),
                _ => return Err(self.error("a control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = self.rest().as_bytes().get(1).copied();
        let character = match escaped {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("an unknown escape")),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.unit()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) {
            units.push(self.unit()?);
        }
        let decoded = char::decode_utf16(units).next().and_then(Result::ok);
        decoded.ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn unit(&mut self) -> Result<u16, JsonError> {
        let hex = self.rest().strip_prefix("\\u").and_then(|rest| rest.get(..4));
        let unit = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = unit.and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let unit = unit.ok_or_else(|| self.error("a malformed \\u escape"))?;
        self.at += 6;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_alike() {
        for text in [
            r#"{"b":1,"a":[true,false,null,-5,1.5],"c":{}}"#,
            r#""é \u0001 \" \\ 😀""#,
            "12345678901234567890123",
        ] {
            assert_eq!(Json::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Json::parse("[1e3, 1.50,-0, \"\\u001f\\ud83d\\ude00\\/\"]").unwrap().to_string(),
            "[1000.0,1.5,0,\"\\u001F😀/\"]"
        );
        assert_eq!(Json::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().to_string(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn comments_are_taken_where_they_are_allowed() {
        let text = "/* a */ {\"a\": // b\n 1}";
        assert!(Json::parse(text).is_err());
        assert_eq!(
            Json::parse_with(text, ParseOptions { comments: true }).unwrap().to_string(),
            r#"{"a":1}"#
        );
    }

    #[test]
    fn errors_name_the_place() {
        let error = Json::parse("{\n  \"a\": 01}").unwrap_err();
        assert_eq!(error.to_string(), "a malformed number at line 2, column 8");
        for text in
            ["", "{", "[1,]", "{\"a\"}", "\"a", "\"\\ud800\"", "nul", "1 2", "\"\n\"", "'a'", "-", "1.", "1e"]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
        assert!(
            Json::parse(&nested(DEPTH_MAX + 2))
                .unwrap_err()
                .to_string()
                .starts_with("nested deeper than 1000")
        );
        assert!(Json::parse(&"[".repeat(1_000_000)).is_err());
    }
}
