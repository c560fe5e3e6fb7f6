//! What the tests of several modules share.

use std::sync::Arc;

use medallion_wire::TopicId;

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
