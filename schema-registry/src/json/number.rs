//! Numbers as they were written, and as Java prints them.

use std::fmt::{self, LowerExp};
use std::hash::{Hash, Hasher};

/// A JSON number. Two are equal where Java prints them alike: `1e0` equals `1.0`, but not `1`.
#[derive(Debug, Clone)]
pub struct Number {
    /// As it was written; `NaN`, `Infinity` and `-Infinity` come only from defaults that were strings.
    text: String,
}

impl Number {
    /// A number from a text that is known to be one.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// A floating-point number, finite or not.
    pub fn from_f64(value: f64) -> Self {
        Self { text: double_text(value) }
    }

    /// Whether it was written without fraction and exponent.
    pub fn is_integral(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    }

    /// Whether it is not a number at all, or infinite, which JSON can only write as a string.
    pub fn is_finite(&self) -> bool {
        !self.text.ends_with('N') && !self.text.ends_with('y')
    }

    /// The value, where it is integral and fits.
    pub fn as_i32(&self) -> Option<i32> {
        if self.is_integral() { self.text.parse().ok() } else { None }
    }

    /// The value, where it is integral and fits.
    pub fn as_i64(&self) -> Option<i64> {
        if self.is_integral() { self.text.parse().ok() } else { None }
    }

    /// The nearest floating-point number.
    pub fn as_f64(&self) -> f64 {
        self.text.parse().unwrap_or(f64::NAN)
    }

    /// What is printed of one that is integral.
    fn integral_text(&self) -> &str {
        if self.text == "-0" { "0" } else { &self.text }
    }

    /// What tells one that is not integral from others: each number of its own is printed as a text of its own.
    fn float_bits(&self) -> u64 {
        let value = self.as_f64();
        if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
    }

    /// The text as it was written.
    pub fn as_written(&self) -> &str {
        &self.text
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self { text: value.to_string() }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self { text: value.to_string() }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
            || match (self.is_integral(), other.is_integral()) {
                (true, true) => self.integral_text() == other.integral_text(),
                (false, false) => self.float_bits() == other.float_bits(),
                _ => false,
            }
    }
}

impl Eq for Number {}

/// Without a look at what Java prints, which takes memory: enums may have millions of numbers.
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_integral() { self.integral_text().hash(state) } else { self.float_bits().hash(state) }
    }
}

/// As Jackson writes it: integers as they are, others as Java's `Double.toString`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_integral() {
            return f.write_str(self.integral_text());
        }
        f.write_str(&double_text(self.as_f64()))
    }
}

/// Java's `Double.toString`.
pub fn double_text(value: f64) -> String {
    java_text(value, value)
}

/// Java's `Float.toString`.
pub fn float_text(value: f32) -> String {
    java_text(value, f64::from(value))
}

/// The shortest digits that give the same number, without exponent from 10^-3 to 10^7.
fn java_text(shortest: impl LowerExp, value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let written = format!("{shortest:e}");
    let (mantissa, exponent) = written.split_once('e').expect("LowerExp writes an exponent");
    let exponent: i32 = exponent.parse().expect("LowerExp writes a whole exponent");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if value == 0.0 {
        return format!("{sign}0.0");
    }
    if !(-3..7).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{sign}{first}.{rest}E{exponent}");
    }
    let zeros = usize::try_from(-exponent).unwrap_or(0);
    let mut padded = "0".repeat(zeros) + &digits;
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    while padded.len() <= whole {
        padded.push('0');
    }
    format!("{sign}{}.{}", &padded[..whole], &padded[whole..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_as_java_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (-12.25, "-12.25"),
            (1e-7, "1.0E-7"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157E308"),
        ] {
            assert_eq!(double_text(value), text);
        }
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(1e10), "1.0E10");
    }
}
