//! Which part of a shard answers what.

use medallion_wire::ResponseError;
use medallion_wire::TopicId;
use medallion_wire::messages as m;
use medallion_wire::messages::delete_groups_response::DeletableGroupResult;
use medallion_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use medallion_wire::types::Uuid;

use super::Shard;
use crate::classic::{Commit, DeleteOffsets};
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::offsets::Offsets;
use crate::output::{Output, Token};
use crate::request::{Caller, Reply, Request};

impl Shard {
    /// Takes a request. Its reply comes out now, or out of a later step.
    pub fn handle(
        &mut self,
        token: Token,
        caller: &Caller,
        request: Request,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        let reply = match request {
            Request::JoinGroup(request) => return self.join(token, caller, &request, environment, output),
            Request::SyncGroup(request) => return self.sync(token, &request, environment, output),
            Request::Heartbeat(request) => return self.heartbeat(token, &request, environment, output),
            Request::LeaveGroup(request) => return self.leave(token, &request, environment, output),
            Request::ConsumerGroupHeartbeat(request) => {
                return self.consumer_heartbeat(token, caller, &request, environment, output);
            }
            Request::OffsetCommit(request) => self.commit_offsets(caller, &request, environment, output),
            Request::OffsetFetch { group, require_stable } => self.fetch_offsets(&group, require_stable),
            Request::OffsetDelete(request) => self.delete_offsets(&request, output),
            Request::DescribeGroup(group) => Ok(self.describe(&group, caller.version).into()),
            Request::ConsumerGroupDescribe(group) => Ok(self.describe_consumer(&group, environment).into()),
            Request::ListGroups { states, types } => Ok(self.list(&states, &types).into()),
            Request::DeleteGroup(group) => self.delete_group(&group, environment, output),
        };
        output.reply(token, reply.unwrap_or_else(|error| Reply::Refused(error.into())));
    }

    fn fetch_offsets(
        &self,
        group: &OffsetFetchRequestGroup,
        require_stable: bool,
    ) -> Result<Reply, ResponseError> {
        if let Some(consumer) = self.state.consumer.get(&group.group_id) {
            consumer.validate_fetch(group.member_id.as_deref(), group.member_epoch)?;
        }
        Ok(self.state.offsets.fetch(group, require_stable).into())
    }

    fn commit_offsets(
        &mut self,
        caller: &Caller,
        request: &m::OffsetCommitRequest,
        environment: &Environment<'_>,
        output: &mut Output,
    ) -> Result<Reply, ResponseError> {
        let commit = Commit {
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_deref(),
            generation: request.generation_id_or_member_epoch,
            is_transactional: false,
            version: caller.version,
        };
        let group = GroupId::from(&request.group_id.0);
        let (records, response) = match self.state.consumer.get(group.as_str()) {
            Some(consumer) => {
                consumer.validate_commit(&commit)?;
                let check = |name: &str, id: Uuid, partition| {
                    let id = topic_id(name, id, environment);
                    consumer.validate_commit_of(&commit, id, partition)
                };
                Offsets::commit(request, environment, &check)?
            }
            None => {
                self.classic.validate_commit(&group, &commit, environment, &mut self.timers)?;
                Offsets::commit(request, environment, &|_, _, _| Ok(()))?
            }
        };
        self.append(records, output);
        Ok(response.into())
    }

    fn delete_offsets(
        &mut self,
        request: &m::OffsetDeleteRequest,
        output: &mut Output,
    ) -> Result<Reply, ResponseError> {
        if let Some(consumer) = self.state.consumer.get(&request.group_id) {
            let (records, response) =
                self.state.offsets.delete(request, &|topic| consumer.is_subscribed_to(topic));
            self.append(records, output);
            return Ok(response.into());
        }
        let group = self.classic.get(&request.group_id).ok_or(ResponseError::GroupIdNotFound)?;
        let deletable = group.validate_offset_delete()?;
        let is_subscribed =
            |topic: &str| deletable == DeleteOffsets::Unsubscribed && group.is_subscribed_to(topic);
        let (records, response) = self.state.offsets.delete(request, &is_subscribed);
        self.append(records, output);
        Ok(response.into())
    }

    fn delete_group(
        &mut self,
        group: &GroupId,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) -> Result<Reply, ResponseError> {
        let offsets = self.state.offsets.delete_group(group);
        self.delete_with(group, offsets, environment, output)?;
        Ok(DeletableGroupResult::default().with_group_id(group.to_str_bytes().into()).into())
    }
}

/// The topic that a commit means, by the id that it names or by the name.
fn topic_id(name: &str, id: Uuid, environment: &Environment<'_>) -> TopicId {
    if id.is_nil() {
        environment.topics.by_name(name).map_or(TopicId(id), |topic| topic.id)
    } else {
        TopicId(id)
    }
}
