//! What the handlers of groups share: who asks, how a group is asked, and how a refusal looks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use medallion_group::request::Refusal;
use medallion_group::{Caller, Reply, Request};
use medallion_wire::ResponseError;
use medallion_wire::internal_records::Feature;
use medallion_wire::kafka_protocol::protocol::StrBytes;

use super::authorize::{Operation, Resource, authorized_operations};
use super::context::{BrokerState, RequestContext};

/// Means "operations were not asked for".
const OPERATIONS_NOT_ASKED: i32 = i32::MIN;

/// Who asks, as groups see it.
pub(crate) fn caller(context: &RequestContext) -> Caller {
    Caller {
        client_id: context.client_id.clone().unwrap_or_default(),
        client_host: StrBytes::from_string(format!("/{}", context.client_address)),
        version: context.version,
    }
}

/// What whoever asks may do to a group, as bits of Kafka's operations; that they were not asked for is a number of its own.
pub(crate) fn operations(state: &BrokerState, context: &RequestContext, group: &str, are_asked: bool) -> i32 {
    if !are_asked {
        return OPERATIONS_NOT_ASKED;
    }
    authorized_operations(&*state.authorizer, &context.principal, Resource::Group(group))
}

/// Whether whoever asks may do this to a group.
///
/// # Errors
/// `GROUP_AUTHORIZATION_FAILED`.
pub(crate) fn authorize_group(
    state: &BrokerState,
    context: &RequestContext,
    operation: Operation,
    group: &str,
) -> Result<(), ResponseError> {
    if state.allows(context, operation, Resource::Group(group)) {
        Ok(())
    } else {
        Err(ResponseError::GroupAuthorizationFailed)
    }
}

/// A group that may not be without a name.
///
/// # Errors
/// `INVALID_GROUP_ID`.
pub(crate) fn check_named(group: &str) -> Result<(), ResponseError> {
    if group.is_empty() { Err(ResponseError::InvalidGroupId) } else { Ok(()) }
}

/// Groups of the consumer protocol are served where both the cluster's `group.version` and the broker's
/// `group.coordinator.rebalance.protocols` allow them.
///
/// # Errors
/// `UNSUPPORTED_VERSION`.
pub(crate) fn check_consumer_groups(state: &BrokerState) -> Result<(), ResponseError> {
    let is_finalized = state.image().features.level(Feature::GroupVersion.name()) >= 1;
    let protocols = &state.config.load().group_coordinator_rebalance_protocols;
    let is_allowed = protocols.iter().any(|protocol| protocol.trim().eq_ignore_ascii_case("consumer"));
    if is_finalized && is_allowed { Ok(()) } else { Err(ResponseError::UnsupportedVersion) }
}

/// Asks a group's shard; a refusal of the whole request is an error. `take` picks the reply of the right kind.
///
/// # Errors
/// Why the shard, or the coordinator, refuses the request as a whole.
pub(crate) async fn ask<T>(
    state: &BrokerState,
    context: &RequestContext,
    group: &str,
    request: Request,
    take: impl FnOnce(Reply) -> Option<T>,
) -> Result<T, Refusal> {
    match state.groups.ask(group, caller(context), request).await {
        Reply::Refused(refusal) => Err(refusal),
        reply => take(reply).ok_or_else(|| ResponseError::UnknownServerError.into()),
    }
}

/// The topics of a response, in Kafka's order: what the coordinator answered as it is; where parts of the request were
/// refused before, those first and then each topic once. `add` puts the partitions of a topic to those of the same `key`.
pub(crate) fn merge_topics<T, K: Eq + Hash>(
    refused: Vec<T>,
    answered: Vec<T>,
    key: impl Fn(&T) -> K,
    add: impl Fn(&mut T, T),
) -> Vec<T> {
    if refused.is_empty() {
        return answered;
    }
    let mut topics: Vec<T> = Vec::with_capacity(refused.len() + answered.len());
    let mut places: HashMap<K, usize> = HashMap::with_capacity(topics.capacity());
    for topic in refused.into_iter().chain(answered) {
        match places.entry(key(&topic)) {
            Entry::Occupied(place) => add(&mut topics[*place.get()], topic),
            Entry::Vacant(free) => {
                free.insert(topics.len());
                topics.push(topic);
            }
        }
    }
    topics
}

/// Picks a kind of reply.
macro_rules! reply_of {
    ($variant:ident) => {
        |reply| match reply {
            medallion_group::Reply::$variant(response) => Some(response),
            _ => None,
        }
    };
}
pub(crate) use reply_of;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_merged_only_where_something_was_refused() {
        let merge = |refused: Vec<(char, Vec<i32>)>, answered| {
            merge_topics(refused, answered, |topic| topic.0, |topic, same| topic.1.extend(same.1))
        };
        let twice = vec![('a', vec![1]), ('b', vec![2]), ('a', vec![3])];
        assert_eq!(merge(Vec::new(), twice.clone()), twice);
        let merged = merge(vec![('a', vec![9]), ('c', vec![8])], twice);
        assert_eq!(merged, [('a', vec![9, 1, 3]), ('c', vec![8]), ('b', vec![2])]);
    }
}
