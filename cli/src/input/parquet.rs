//! Parquet files.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Number, Value};

use super::row::Row;
use super::{Input, InputOptions};
use crate::output::hex;
use crate::time::format_timestamp;

/// Opens the rows of a file.
pub(super) fn open(file: File, options: InputOptions) -> anyhow::Result<Input> {
    let reader = SerializedFileReader::new(file)?;
    let rows: i64 = reader.metadata().file_metadata().num_rows();
    let position = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&position);
    let records = RowIter::from_file_into(Box::new(reader)).enumerate().map(move |(index, row)| {
        counter.fetch_add(1, Ordering::Relaxed);
        let row = row.with_context(|| format!("row {}", index + 1))?;
        let fields = row.into_columns().into_iter().map(|(name, field)| (name, field_as_json(&field)));
        Row(fields.collect()).into_record(&options).with_context(|| format!("row {}", index + 1))
    });
    Ok(Input { records: Box::new(records), position, length: u64::try_from(rows).ok() })
}

/// A field as JSON: times as text in UTC, decimals as text with all their digits, bytes in hexadecimal.
fn field_as_json(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::Bool(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float(value) => number(f64::from(*value)),
        Field::Double(value) => number(*value),
        Field::Str(text) => Value::String(text.clone()),
        Field::TimestampMillis(ms) => Value::String(format_timestamp(*ms)),
        Field::TimestampMicros(us) => Value::String(format_timestamp(us.div_euclid(1000))),
        Field::Bytes(bytes) => Value::String(hex(bytes.data())),
        Field::Group(row) => {
            let fields = row.get_column_iter().map(|(name, field)| (name.clone(), field_as_json(field)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Field::ListInternal(list) => list.elements().iter().map(field_as_json).collect(),
        Field::MapInternal(map) => {
            let entries = map.entries().iter().map(|(key, value)| {
                let key = field_as_json(key);
                let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                (key, field_as_json(value))
            });
            Value::Object(entries.collect())
        }
        other => Value::String(other.to_string().trim_matches('"').to_owned()),
    }
}

/// JSON has no infinities: they are null.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::super::InputFormat;
    use super::super::tests::{options, text};
    use super::*;

    #[test]
    fn rows_become_objects_and_are_counted() {
        let schema = "message schema { OPTIONAL INT64 zone; OPTIONAL BYTE_ARRAY name (UTF8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let file = tempfile::tempfile().unwrap();
        let mut writer =
            SerializedFileWriter::new(file.try_clone().unwrap(), schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[4, 132], Some(&[1, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from("JFK")], Some(&[0, 1]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        let options = InputOptions { key_field: Some("zone".to_owned()), ..options(InputFormat::Parquet) };
        let input = open(file, options).unwrap();
        let records: Vec<_> = input.records.map(|record| record.unwrap().record).collect();
        assert_eq!((input.length, input.position.load(Ordering::Relaxed)), (Some(2), 2));
        assert_eq!(text(records[1].key.as_ref()), Some("132"));
        let values: Vec<_> = records.iter().map(|record| text(record.value.as_ref())).collect();
        assert_eq!(values, [Some(r#"{"zone":4,"name":null}"#), Some(r#"{"zone":132,"name":"JFK"}"#)]);
    }

    #[test]
    fn fields_become_json() {
        assert_eq!(field_as_json(&Field::TimestampMicros(1_553_372_469_000_000)), "2019-03-23T20:21:09.000Z");
        assert_eq!(field_as_json(&Field::Double(1.5)), 1.5);
        assert_eq!(field_as_json(&Field::Double(f64::NAN)), Value::Null);
        assert_eq!(field_as_json(&Field::Bytes(vec![0_u8, 255].into())), "00ff");
    }
}
