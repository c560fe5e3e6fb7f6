//! How many messages a push holds, before any is made of it: half a million of the smallest fit into the size that is allowed,
//! and would take a hundred times that.

/// More messages than this are refused. An honest push of the allowed size has fewer: an attribute has names and values.
const MESSAGES_MAX: usize = 100_000;

/// The messages that [`super`] reads; what is within others is skipped there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    MetricsData,
    ResourceMetrics,
    Resource,
    ScopeMetrics,
    Metric,
    Points,
    Point,
    Leaf,
}

impl Level {
    /// The message in a field, if it is read.
    fn child(self, field: usize) -> Option<Self> {
        match (self, field) {
            (Self::MetricsData, 1) => Some(Self::ResourceMetrics),
            (Self::ResourceMetrics, 1) => Some(Self::Resource),
            (Self::ResourceMetrics, 2) => Some(Self::ScopeMetrics),
            (Self::ScopeMetrics, 2) => Some(Self::Metric),
            (Self::Metric, 5 | 7) => Some(Self::Points),
            (Self::Points, 1) => Some(Self::Point),
            (Self::Resource, 1) | (Self::Point, 7) => Some(Self::Leaf),
            _ => None,
        }
    }
}

/// Refuses a push of too many messages.
///
/// # Errors
/// That it has, or that the bytes are none.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut left = MESSAGES_MAX;
    count(bytes, Level::MetricsData, &mut left)
}

/// Takes the messages within `bytes` from what is left. It goes as deep as there are levels.
fn count(mut bytes: &[u8], level: Level, left: &mut usize) -> Result<(), String> {
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let length = match key & 7 {
            0 => number(&mut bytes).map(|_| 0)?,
            1 => 8,
            2 => number(&mut bytes)?,
            5 => 4,
            other => return Err(format!("a field has the type {other}")),
        };
        if length > bytes.len() {
            return Err(format!("a field of {length} bytes begins {} before the end", bytes.len()));
        }
        let (inner, behind) = bytes.split_at(length);
        if key & 7 == 2
            && let Some(child) = level.child(key >> 3)
        {
            *left = left.checked_sub(1).ok_or_else(|| format!("more than {MESSAGES_MAX} messages"))?;
            count(inner, child, left)?;
        }
        bytes = behind;
    }
    Ok(())
}

/// A varint.
fn number(bytes: &mut &[u8]) -> Result<usize, String> {
    // The key before a field is written as lengths are.
    prost::decode_length_delimiter(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with this message in it.
    fn within(field: u8, bytes: &[u8]) -> Vec<u8> {
        let mut whole = vec![field << 3 | 2];
        prost::encode_length_delimiter(bytes.len(), &mut whole).expect("a vector grows");
        whole.extend_from_slice(bytes);
        whole
    }

    #[test]
    fn messages_are_counted_at_every_level() {
        let empty = |field: u8, count: usize| within(field, &[]).repeat(count);
        let too_many = MESSAGES_MAX + 1;
        let metric = |inside: &[u8]| within(1, &within(2, &within(2, inside)));
        for bytes in [
            empty(1, too_many),
            within(1, &empty(2, too_many)),
            within(1, &within(2, &empty(2, too_many))),
            within(1, &within(1, &empty(1, too_many))),
            metric(&within(5, &empty(1, too_many))),
            metric(&within(7, &within(1, &empty(7, too_many)))),
        ] {
            assert_eq!(check(&bytes), Err(format!("more than {MESSAGES_MAX} messages")));
        }
        assert_eq!(check(&empty(1, MESSAGES_MAX)), Ok(()));
        assert_eq!(check(&metric(&empty(9, too_many))), Ok(()), "what is not read is not counted");
    }

    #[test]
    fn other_bytes_are_refused() {
        for wrong in [&[0x0a][..], &[0x0a, 5, 0], &[0x0b], &[0x09, 0], &[0xff; 11]] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(check(&[0x08, 0xff, 0x01, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x0d, 0, 0, 0, 0]), Ok(()));
    }
}
