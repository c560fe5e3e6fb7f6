//! A record a line.

use anyhow::bail;
use bytes::Bytes;

use super::{InputOptions, InputRecord};

/// A line's value, with the key before the first separator where one is asked for.
pub(super) fn record(line: &[u8], options: &InputOptions) -> anyhow::Result<InputRecord> {
    let nullable = |part: &[u8]| {
        let is_null = options.null_value.as_ref().is_some_and(|null| null.as_bytes() == part);
        (!is_null).then(|| Bytes::copy_from_slice(part))
    };
    let (key, value) = match &options.key_separator {
        None => (None, line),
        Some(separator) => match split(line, separator.as_bytes()) {
            Some((key, value)) => (nullable(key), value),
            None => bail!("no key separator {separator:?} in the line {:?}", String::from_utf8_lossy(line)),
        },
    };
    Ok(InputRecord::new(key, nullable(value), options.headers.clone()))
}

fn split<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len().max(1)).position(|window| window == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::super::InputFormat;
    use super::super::tests::{options, text};
    use super::*;

    #[test]
    fn a_line_splits_at_the_first_separator() {
        let options = InputOptions {
            key_separator: Some("::".to_owned()),
            null_value: Some("NULL".to_owned()),
            ..options(InputFormat::Lines)
        };
        let parsed = record(b"k::v::w", &options).unwrap().record;
        assert_eq!((text(parsed.key.as_ref()), text(parsed.value.as_ref())), (Some("k"), Some("v::w")));
        let tombstone = record(b"k::NULL", &options).unwrap().record;
        assert_eq!((text(tombstone.key.as_ref()), tombstone.value), (Some("k"), None));
        let empty = record(b"::", &options).unwrap().record;
        assert_eq!((text(empty.key.as_ref()), text(empty.value.as_ref())), (Some(""), Some("")));
        assert!(record(b"no key", &options).is_err());
    }
}
