//! Names that were meant.

use strsim::levenshtein;

/// The most edits between what was typed and what was meant.
const EDITS_MAX: usize = 3;

/// The known name that is most like `name`: at most three edits away, and less for short names.
pub fn nearest(name: &str, known: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    let edits_max = EDITS_MAX.min(1 + name.len() / 4);
    let near = known.into_iter().map(|known| (levenshtein(name, known), known)).min();
    near.filter(|(edits, _)| *edits <= edits_max).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_answered_and_another_word_is_not() {
        let known = ["linger.ms", "retries", "acks"];
        assert_eq!(nearest("linger.mss", known), Some("linger.ms"));
        assert_eq!(nearest("retry", known), None, "three edits are much for a short name");
        assert_eq!(nearest("ack", known), Some("acks"));
        assert_eq!(nearest("zookeeper.connect", known), None);
        assert_eq!(nearest("acks", []), None);
    }
}
