//! The text of a `.proto` file in words, strings and signs.

use super::model::{ProtobufError, TAG_MAX, parse_whole_number};

pub(super) struct Reader<'a> {
    text: &'a str,
    /// A place in the text, in bytes.
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 }
    }

    pub(super) fn fail(&self, problem: impl Into<String>) -> ProtobufError {
        let before = &self.text[..self.at];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ProtobufError::Syntax {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: problem.into(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) -> Result<(), ProtobufError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or_else(|| self.fail("the comment has no end"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    /// The next sign that is no space and in no comment; nothing at the end.
    pub(super) fn peek(&mut self) -> Result<Option<char>, ProtobufError> {
        self.skip_space()?;
        Ok(self.rest().chars().next())
    }

    /// Goes past a sign if it comes next.
    pub(super) fn take(&mut self, sign: char) -> Result<bool, ProtobufError> {
        let is_next = self.peek()? == Some(sign);
        if is_next {
            self.at += sign.len_utf8();
        }
        Ok(is_next)
    }

    pub(super) fn expect(&mut self, sign: char) -> Result<(), ProtobufError> {
        if self.take(sign)? { Ok(()) } else { Err(self.expected(&format!("'{sign}'"))) }
    }

    fn expected(&self, what: &str) -> ProtobufError {
        match self.rest().chars().next() {
            Some(found) => self.fail(format!("expected {what}, found '{found}'")),
            None => self.fail(format!("expected {what}, found the end")),
        }
    }

    /// Letters, digits, `_`, `-` and `.`: a name, a number or a keyword.
    pub(super) fn word(&mut self) -> Result<&'a str, ProtobufError> {
        self.skip_space()?;
        self.run(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.'))
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> Result<&'a str, ProtobufError> {
        let rest = self.rest();
        let end = rest.find(|sign| !belongs(sign)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.expected("a word"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    /// Goes past a word if it comes next.
    pub(super) fn take_word(&mut self, wanted: &str) -> Result<bool, ProtobufError> {
        self.skip_space()?;
        let start = self.at;
        let is_next = self.word().is_ok_and(|word| word == wanted);
        if !is_next {
            self.at = start;
        }
        Ok(is_next)
    }

    /// An option's name, and whether it is in parentheses. In brackets it keeps those.
    pub(super) fn option_name(&mut self) -> Result<(String, bool), ProtobufError> {
        if self.take('(')? {
            let name = self.word()?.to_owned();
            self.expect(')')?;
            return Ok((name, true));
        }
        if self.take('[')? {
            self.skip_space()?;
            let name =
                self.run(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.' | '/'))?;
            let name = format!("[{name}]");
            self.expect(']')?;
            return Ok((name, false));
        }
        Ok((self.word()?.to_owned(), false))
    }

    /// One string, or several that follow each other.
    pub(super) fn string(&mut self) -> Result<String, ProtobufError> {
        let mut text = String::new();
        let mut count = 0;
        while let Some(quote) = self.peek()?.filter(|sign| matches!(sign, '"' | '\'')) {
            self.at += 1;
            self.string_rest(quote, &mut text)?;
            count += 1;
        }
        if count == 0 { Err(self.expected("a string")) } else { Ok(text) }
    }

    fn string_rest(&mut self, quote: char, text: &mut String) -> Result<(), ProtobufError> {
        loop {
            let rest = self.rest();
            let sign = rest.chars().next().filter(|sign| *sign != '\n');
            let sign = sign.ok_or_else(|| self.fail("the string has no end on its line"))?;
            self.at += sign.len_utf8();
            match sign {
                _ if sign == quote => return Ok(()),
                '\\' => text.push(self.escape()?),
                _ => text.push(sign),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ProtobufError> {
        let sign = self.rest().chars().next().ok_or_else(|| self.fail("the string has no end"))?;
        let meant = match sign {
            'x' | 'X' => {
                self.at += 1;
                return self.escaped_number(16, 2);
            }
            'u' => {
                self.at += 1;
                return self.escaped_number(16, 4);
            }
            'U' => {
                self.at += 1;
                return self.escaped_number(16, 8);
            }
            '0'..='7' => return self.escaped_number(8, 3),
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            other => other,
        };
        self.at += sign.len_utf8();
        Ok(meant)
    }

    fn escaped_number(&mut self, radix: u32, digits_max: usize) -> Result<char, ProtobufError> {
        let rest = self.rest();
        let count = rest.chars().take(digits_max).take_while(|sign| sign.is_digit(radix)).count();
        let code = u32::from_str_radix(&rest[..count], radix).ok();
        let sign = code.and_then(char::from_u32);
        let sign = sign.ok_or_else(|| self.fail("the escape stands for no character"))?;
        self.at += count;
        Ok(sign)
    }

    /// A whole number: decimal, or hexadecimal after `0x`.
    pub(super) fn number(&mut self) -> Result<i32, ProtobufError> {
        let start = self.at;
        let word = self.word()?;
        parse_whole_number(word).and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
            self.at = start;
            self.fail(format!("expected a whole number of 32 bits, found {word:?}"))
        })
    }

    /// The end of a range: a number, or `max`.
    pub(super) fn range_end(&mut self) -> Result<i32, ProtobufError> {
        if self.take_word("max")? { Ok(TAG_MAX) } else { self.number() }
    }

    /// Goes back before what was read last.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn go_back(&mut self, place: usize) {
        self.at = place;
    }
}
