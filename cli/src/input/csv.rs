//! Comma-separated values.

use std::io::Read;

use anyhow::{Context, bail};
use serde_json::Value;

use super::row::Row;
use super::{InputOptions, Records};

/// The rows of a file whose first line names the columns.
pub(super) fn records(reader: impl Read + Send + 'static, options: InputOptions) -> anyhow::Result<Records> {
    let mut reader = csv::ReaderBuilder::new().from_reader(reader);
    let names: Vec<String> =
        reader.headers().context("no line of column names")?.iter().map(str::to_owned).collect();
    if let Some(name) =
        names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name))
    {
        bail!("the column {name:?} is there twice");
    }
    Ok(Box::new(reader.into_records().map(move |row| {
        let row = row.context("not comma-separated values")?;
        let fields = names.iter().cloned().zip(row.iter().map(field)).collect();
        let line = row.position().map_or(0, csv::Position::line);
        Row(fields).into_record(&options).with_context(|| format!("line {line}"))
    })))
}

/// Nothing is null; numbers and truth values are what they look like; all else is text. `007` stays text, and so does a
/// whole number beyond 64 bits, which would lose digits.
fn field(text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match serde_json::from_str(text) {
            Ok(Value::Number(number)) if !number.is_f64() || text.contains(['.', 'e', 'E']) => {
                Value::Number(number)
            }
            _ => Value::String(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::InputFormat;
    use super::super::tests::{options, text};
    use super::*;

    #[test]
    fn rows_become_objects_in_the_order_of_the_columns() {
        let options = InputOptions { key_field: Some("b".to_owned()), ..options(InputFormat::Csv) };
        let rows = records(&b"b,a,c,d\n7,007,,\"x,y\"\n1.50,true,-3,1e3\n"[..], options).unwrap();
        let rows: Vec<_> = rows.map(|row| row.unwrap().record).collect();
        assert_eq!(text(rows[0].key.as_ref()), Some("7"));
        assert_eq!(text(rows[0].value.as_ref()), Some(r#"{"b":7,"a":"007","c":null,"d":"x,y"}"#));
        assert_eq!(text(rows[1].value.as_ref()), Some(r#"{"b":1.5,"a":true,"c":-3,"d":1000.0}"#));
    }

    #[test]
    fn whole_numbers_keep_all_their_digits() {
        assert_eq!(field("18446744073709551615").to_string(), "18446744073709551615");
        assert_eq!(field("12345678901234567890123"), "12345678901234567890123");
        assert_eq!(field("-9223372036854775809"), "-9223372036854775809");
    }

    #[test]
    fn a_column_that_is_there_twice_is_named() {
        let error = records(&b"a,b,a\n1,2,3\n"[..], options(InputFormat::Csv)).err().unwrap();
        assert!(error.to_string().contains("\"a\""), "{error}");
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        let mut rows = records(&b"a,b\n1\n"[..], options(InputFormat::Csv)).unwrap();
        assert!(rows.next().unwrap().is_err());
    }
}
