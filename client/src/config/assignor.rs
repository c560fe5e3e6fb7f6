//! How members of a classic group share partitions (`partition.assignment.strategy`).

use medallion_settings::Value;

/// A rule by which the leader of a classic group hands out partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartitionAssignor {
    /// Of each topic a run of neighbours to each member.
    Range,
    /// The partitions of all topics in turn.
    RoundRobin,
    /// As even as can be, and what a member had stays with it.
    Sticky,
    /// The same, and members go on reading what stays with them (KIP-429).
    CooperativeSticky,
}

impl PartitionAssignor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The class that Java's settings name.
    const fn class(self) -> &'static str {
        match self {
            Self::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Self::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Self::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
            Self::CooperativeSticky => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        }
    }
}

/// The name of the wire, or of Java's class.
impl Value for PartitionAssignor {
    const TYPE: &'static str = "range, roundrobin, sticky, cooperative-sticky or Java's classes, with commas";
    const LIST_TYPE: &'static str = Self::TYPE;

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| text == one.name() || text == one.class());
        found.ok_or_else(Self::expected)
    }

    fn text(&self) -> String {
        self.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes_are_read() {
        let text = "org.apache.kafka.clients.consumer.RangeAssignor, cooperative-sticky";
        let read = Vec::<PartitionAssignor>::parse(text).unwrap();
        assert_eq!(read, [PartitionAssignor::Range, PartitionAssignor::CooperativeSticky]);
        assert_eq!(read.text(), "range,cooperative-sticky");
        assert!(Vec::<PartitionAssignor>::parse("mine.Assignor").is_err());
    }
}
