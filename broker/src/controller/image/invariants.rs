//! What must always hold in an image.

use super::{ConfigResource, MetadataImage, PartitionRegistration, ResourceType, TopicImage};

impl MetadataImage {
    /// Checks what must hold after each decision.
    ///
    /// # Panics
    /// When something does not hold, with the values.
    pub(crate) fn check_invariants(&self) {
        for topic in self.topics.iter() {
            let found = self.topics.by_id(topic.id);
            assert!(
                found.is_some_and(|other| other.name == topic.name),
                "{}: names and ids differ",
                topic.name
            );
            self.check_topic(topic);
        }
        for (ConfigResource { kind, name }, configs) in &self.configs {
            assert!(!configs.is_empty(), "{kind:?} {name}: an empty set of configs is kept");
            let orphan = *kind == ResourceType::Topic && self.topics.by_name(name).is_none();
            assert!(!orphan, "{name}: configs of a topic that does not exist");
        }
        for (entity, quotas) in &self.client_quotas {
            assert!(!quotas.is_empty(), "{entity:?}: an empty set of quotas is kept");
        }
    }

    fn check_topic(&self, topic: &TopicImage) {
        let indexes = topic.partitions.keys().map(|index| index.get());
        assert!(indexes.eq(0..i32::try_from(topic.partitions.len()).unwrap_or(0)), "{}: gaps", topic.name);
        for (index, partition) in &topic.partitions {
            let place = format!("{}-{index}: {partition:?}", topic.name);
            self.check_partition(partition, &place);
        }
    }

    fn check_partition(&self, p: &PartitionRegistration, place: &str) {
        let replica = |id: &i32| p.replicas.contains(id);
        assert!(!p.replicas.is_empty(), "{place}: no replicas");
        assert_eq!(p.replicas.len(), p.directories.len(), "{place}: a directory for each replica");
        assert!(p.isr.iter().all(replica), "{place}: the ISR holds replicas only");
        assert!(p.elr.iter().all(|id| !p.isr.contains(id)), "{place}: the ELR lies outside of the ISR");
        assert!(p.adding_replicas.iter().all(replica), "{place}: adding replicas are replicas already");
        assert!(p.removing_replicas.iter().all(replica), "{place}: removing replicas are replicas still");
        // Only the last of an ISR may be gone: without ELR it is remembered so.
        let all_live = p.isr.iter().all(|id| self.is_active(*id));
        assert!(
            all_live || (p.isr.len() == 1 && !p.has_leader()),
            "{place}: a broker that is gone is in sync"
        );
        if p.has_leader() {
            assert!(p.isr.contains(&p.leader), "{place}: the leader is in sync");
            assert!(self.is_active(p.leader), "{place}: the leader is a live broker");
        }
    }
}
