//! Questions for committed offsets.

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::TopicName;
use medallion_wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use medallion_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use medallion_wire::types::Uuid;

use super::committed::CommittedOffset;
use super::state::Offsets;
use crate::ids::GroupId;

impl Offsets {
    /// The commits that are asked for; all of the group's without a list. With `require_stable` a partition that an open
    /// transaction would commit is refused (KIP-447).
    pub fn fetch(&self, request: &OffsetFetchRequestGroup, require_stable: bool) -> OffsetFetchResponseGroup {
        let group = GroupId::from(&request.group_id.0);
        let topics = match &request.topics {
            Some(topics) => {
                topics.iter().map(|topic| self.fetch_topic(&group, topic, require_stable)).collect()
            }
            None => self.fetch_all(&group, require_stable),
        };
        OffsetFetchResponseGroup::default().with_group_id(request.group_id.clone()).with_topics(topics)
    }

    fn fetch_topic(
        &self,
        group: &GroupId,
        topic: &OffsetFetchRequestTopics,
        require_stable: bool,
    ) -> OffsetFetchResponseTopics {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let committed = self.committed(group, &topic.name, *index);
            let committed = committed.filter(|commit| is_of_topic(commit.topic_id, topic.topic_id));
            self.answer(group, &topic.name, *index, committed, require_stable)
        });
        OffsetFetchResponseTopics::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions.collect())
    }

    fn fetch_all(&self, group: &GroupId, require_stable: bool) -> Vec<OffsetFetchResponseTopics> {
        let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
        for (topic, index, committed) in self.of_group(group) {
            let answer = self.answer(group, topic, index, Some(committed), require_stable);
            match topics.last_mut() {
                Some(last) if last.name.as_str() == topic => last.partitions.push(answer),
                _ => topics.push(
                    OffsetFetchResponseTopics::default()
                        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
                        .with_partitions(vec![answer]),
                ),
            }
        }
        topics
    }

    fn answer(
        &self,
        group: &GroupId,
        topic: &str,
        index: i32,
        committed: Option<&CommittedOffset>,
        require_stable: bool,
    ) -> OffsetFetchResponsePartitions {
        let none = OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(-1)
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(StrBytes::default()));
        if require_stable && self.pending.contains(group, topic, index) {
            return none.with_error_code(ResponseError::UnstableOffsetCommit.code());
        }
        match committed {
            None => none,
            Some(commit) => none
                .with_committed_offset(commit.offset)
                .with_committed_leader_epoch(commit.leader_epoch.unwrap_or(-1))
                .with_metadata(Some(StrBytes::from_string(commit.metadata.to_string()))),
        }
    }
}

/// Whether a commit is of the topic that is meant; who does not name an id means any.
fn is_of_topic(committed: Uuid, asked: Uuid) -> bool {
    committed.is_nil() || asked.is_nil() || committed == asked
}
