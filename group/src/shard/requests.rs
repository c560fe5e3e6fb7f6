//! Which part of a shard answers what.

use medallion_wire::ResponseError;
use medallion_wire::messages as m;
use medallion_wire::messages::delete_groups_response::DeletableGroupResult;

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
        let timers = &mut self.timers;
        let reply = match request {
            Request::JoinGroup(request) => {
                return self.classic.join(token, caller, &request, environment, timers, output);
            }
            Request::SyncGroup(request) => {
                return self.classic.sync(token, &request, environment, timers, output);
            }
            Request::Heartbeat(request) => {
                return self.classic.heartbeat(token, &request, environment, timers, output);
            }
            Request::LeaveGroup(request) => {
                return self.classic.leave(token, &request, environment, timers, output);
            }
            Request::OffsetCommit(request) => self.commit_offsets(caller, &request, environment, output),
            Request::OffsetFetch { group, require_stable } => {
                Ok(self.state.offsets.fetch(&group, require_stable).into())
            }
            Request::OffsetDelete(request) => self.delete_offsets(&request, output),
            Request::DescribeGroup(group) => Ok(self.classic.describe(&group, caller.version).into()),
            Request::ListGroups { states, types } => Ok(self.classic.list(&states, &types).into()),
            Request::DeleteGroup(group) => self.delete_group(&group, environment, output),
            Request::ConsumerGroupHeartbeat(_) | Request::ConsumerGroupDescribe(_) => {
                Err(ResponseError::UnsupportedVersion)
            }
        };
        output.reply(token, reply.unwrap_or_else(|error| Reply::Refused(error.into())));
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
        self.classic.validate_commit(&group, &commit, environment, &mut self.timers)?;
        let (records, response) = Offsets::commit(request, environment, &|_, _, _| Ok(()))?;
        self.append(records, output);
        Ok(response.into())
    }

    fn delete_offsets(
        &mut self,
        request: &m::OffsetDeleteRequest,
        output: &mut Output,
    ) -> Result<Reply, ResponseError> {
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
        let tombstone = self.classic.delete(group, environment, &mut self.timers, output)?;
        let mut records = self.state.offsets.delete_group(group);
        records.push(tombstone);
        self.append(records, output);
        Ok(DeletableGroupResult::default().with_group_id(group.to_str_bytes().into()).into())
    }
}
