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
/// Why the name cannot be used, in the words that follow "the topic name is invalid:".
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("it is empty".into());
    }
    if name == "." || name == ".." {
        return Err("it cannot be \".\" or \"..\"".into());
    }
    if name.len() > NAME_LEN_MAX {
        return Err(format!("it is {} characters long, the limit is {NAME_LEN_MAX}", name.len()));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().find(|c| !allowed(*c)) {
        Some(c) => {
            Err(format!("it contains {c:?}; only ASCII letters, digits, '.', '_' and '-' may be used"))
        }
        None => Ok(()),
    }
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
