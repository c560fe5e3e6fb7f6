//! The part of consumers' metadata that a broker reads: their topics.

use std::sync::Arc;

use bytes::Buf;

/// The topics of a `ConsumerProtocolSubscription`; `None` where it cannot be read. All versions begin alike:
///
/// ```text
/// version int16, from 0 · topics: count int32, each int16 length and UTF-8 · user data: int32 length or -1, bytes · ...
/// ```
///
/// As in Kafka, what follows the user data is not looked at. Memory is taken for topics that are there, not for as many as
/// the count claims.
pub(super) fn topics(metadata: &[u8]) -> Option<Vec<Arc<str>>> {
    let mut rest = metadata;
    if rest.try_get_i16().ok()? < 0 {
        return None;
    }
    let count = u32::try_from(rest.try_get_i32().ok()?).ok()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(rest.try_get_i16().ok()?).ok()?;
        let name = rest.split_off(..length)?;
        topics.push(Arc::from(std::str::from_utf8(name).ok()?));
    }
    let length = rest.try_get_i32().ok()?;
    let is_whole = length < 0 || usize::try_from(length).is_ok_and(|length| length <= rest.len());
    is_whole.then_some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_every_version_are_read() {
        let body = b"\0\0\0\x02\0\x01a\0\x03b.c\xff\xff\xff\xff";
        for version in [0_u8, 1, 3, 9] {
            let mut metadata = vec![0, version];
            metadata.extend_from_slice(body);
            if version > 0 {
                metadata.extend_from_slice(&[0, 0, 0, 0]);
            }
            let topics = topics(&metadata).expect("a subscription");
            assert_eq!(topics.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["a", "b.c"]);
        }
    }

    #[test]
    fn what_is_no_subscription_has_no_topics() {
        let whole = b"\0\0\0\0\0\x01\0\x01a\0\0\0\x02xy";
        assert!(topics(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(topics(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(topics(b"\xff\xff\0\0\0\0\xff\xff\xff\xff"), None, "a negative version");
        assert_eq!(topics(b"\0\0\x7f\xff\xff\xff"), None, "more topics than bytes");
        assert_eq!(topics(b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None, "a negative count");
        assert_eq!(topics(b"\0\0\0\0\0\x01\0\x01\xff\xff\xff\xff\xff"), None, "no UTF-8");
    }
}
