//! What the tests of several modules share.

use std::sync::Arc;

use medallion_wire::TopicId;
use medallion_wire::types::Uuid;

use crate::environment::{TopicView, Topics};

/// A cluster without topics.
pub(crate) struct NoTopics;

impl Topics for NoTopics {
    fn by_name(&self, _: &str) -> Option<TopicView> {
        None
    }

    fn by_id(&self, _: TopicId) -> Option<TopicView> {
        None
    }

    fn for_each(&self, _: &mut dyn FnMut(&TopicView)) {}

    fn racks(&self, _: TopicId, _: i32) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn version(&self) -> i64 {
        0
    }
}

/// Topics that a test creates, grows and deletes. The id of a topic is its number.
#[derive(Debug, Clone, Default)]
pub(crate) struct FewTopics {
    topics: Vec<TopicView>,
    version: i64,
}

impl FewTopics {
    pub(crate) fn new(topics: &[(&str, i32)]) -> Self {
        let mut few = Self::default();
        for (name, partitions) in topics {
            let _ = few.create(name, *partitions);
        }
        few
    }

    pub(crate) fn create(&mut self, name: &str, partitions: i32) -> TopicId {
        self.version += 1;
        let id = TopicId(Uuid::from_u128(self.version.unsigned_abs().into()));
        self.topics.push(TopicView { id, name: Arc::from(name), partitions });
        self.topics.sort_by(|one, other| one.name.cmp(&other.name));
        id
    }

    pub(crate) fn grow(&mut self, name: &str, partitions: i32) {
        self.version += 1;
        let topic = self.topics.iter_mut().find(|topic| &*topic.name == name);
        topic.expect("a topic").partitions = partitions;
    }

    pub(crate) fn delete(&mut self, name: &str) {
        self.version += 1;
        self.topics.retain(|topic| &*topic.name != name);
    }
}

impl Topics for FewTopics {
    fn by_name(&self, name: &str) -> Option<TopicView> {
        self.topics.iter().find(|topic| &*topic.name == name).cloned()
    }

    fn by_id(&self, id: TopicId) -> Option<TopicView> {
        self.topics.iter().find(|topic| topic.id == id).cloned()
    }

    fn for_each(&self, visit: &mut dyn FnMut(&TopicView)) {
        self.topics.iter().for_each(visit);
    }

    fn racks(&self, _: TopicId, _: i32) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn version(&self) -> i64 {
        self.version
    }
}
