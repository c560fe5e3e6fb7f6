//! What a topic may be called, and which ones are the broker's own.

/// The longest name: with the partition's number and the suffix of a deleted folder it must fit a file name.
const NAME_LEN_MAX: usize = 249;
/// Where groups and their offsets are kept.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// Topics that only coordinators write. Source: Kafka's `Topic`.
const INTERNAL: [&str; 3] = [CONSUMER_OFFSETS, "__transaction_state", "__share_group_state"];

/// Whether a topic belongs to the broker itself.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// Checks a topic's name.
///
/// # Errors
/// Kafka's message.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reason = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.encode_utf16().count() > NAME_LEN_MAX {
        format!("the length of '{name}' is longer than the max allowed length {NAME_LEN_MAX}")
    } else if !name.chars().all(legal) {
        format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
    } else {
        return Ok(());
    };
    Err(format!("Topic name is invalid: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check_name("trips.2019-03_x"), Ok(()));
        assert_eq!(check_name(&"a".repeat(249)), Ok(()));
        for bad in ["", ".", "..", "a b", "a/b", "ä", &"a".repeat(250)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(is_internal("__consumer_offsets") && !is_internal("__mine"));
    }
}
