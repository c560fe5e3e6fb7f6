//! What members were told, and whether it fits together.

use std::collections::BTreeMap;

use medallion_wire::ResponseError;

/// All assignments that left the coordinator.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// By generation: who signed it, and who has which partition.
    told: BTreeMap<i32, (String, BTreeMap<String, String>)>,
}

impl Oracle {
    /// A member was told its assignment in a generation. A static member is the same under any id.
    pub(super) fn tell(&mut self, generation: i32, member: &str, assignment: &[u8]) {
        if let Some((newest, _)) = self.told.last_key_value() {
            assert!(generation >= *newest, "generation {generation} is told of after {newest}");
        }
        if assignment.is_empty() {
            return; // someone that the leader did not know of
        }
        let assignment = std::str::from_utf8(assignment).unwrap();
        let (sign, partitions) = assignment.split_once(':').expect("a signed assignment");
        let (signed, owners) =
            self.told.entry(generation).or_insert_with(|| (sign.to_owned(), BTreeMap::new()));
        assert_eq!(signed, sign, "two assignments for generation {generation}");
        for partition in partitions.split(',').filter(|partition| !partition.is_empty()) {
            let owner = owners.entry(partition.to_owned()).or_insert_with(|| member.to_owned());
            assert_eq!(owner, member, "partition {partition} has two owners in generation {generation}");
        }
    }

    /// A heartbeat of a generation was answered with this code, when the group was in another or the same generation:
    /// nobody of an older one may go on, or wait to be told to join again.
    pub(super) fn beat(generation: i32, group_generation: i32, code: i16) {
        let goes_on = [0, ResponseError::RebalanceInProgress.code()].contains(&code);
        assert!(
            !goes_on || generation == group_generation,
            "a heartbeat of generation {generation} is taken in generation {group_generation}"
        );
    }

    /// The newest generation that anyone was told of.
    pub(super) fn newest(&self) -> Option<i32> {
        self.told.last_key_value().map(|(generation, _)| *generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_taken() {
        let mut oracle = Oracle::default();
        oracle.tell(1, "a", b"x:0,1");
        oracle.tell(1, "b", b"x:2");
        oracle.tell(1, "a", b"x:0,1");
        oracle.tell(2, "b", b"y:0,1");
        assert_eq!(oracle.newest(), Some(2));
    }

    #[test]
    #[should_panic(expected = "two assignments")]
    fn two_assignments_are_noticed() {
        let mut oracle = Oracle::default();
        oracle.tell(1, "a", b"x:0");
        oracle.tell(1, "b", b"y:1");
    }

    #[test]
    #[should_panic(expected = "two owners")]
    fn two_owners_are_noticed() {
        let mut oracle = Oracle::default();
        oracle.tell(1, "a", b"x:0");
        oracle.tell(1, "b", b"x:0");
    }

    #[test]
    #[should_panic(expected = "is taken in generation 4")]
    fn heartbeats_of_old_generations_are_noticed() {
        Oracle::beat(4, 4, 0);
        Oracle::beat(3, 4, ResponseError::IllegalGeneration.code());
        Oracle::beat(3, 4, 0);
    }

    #[test]
    #[should_panic(expected = "told of after")]
    fn old_generations_are_noticed() {
        let mut oracle = Oracle::default();
        oracle.tell(2, "a", b"x:0");
        oracle.tell(1, "a", b"x:0");
    }
}
