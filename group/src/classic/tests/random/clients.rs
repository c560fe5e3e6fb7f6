//! Clients that behave as consumers do: join, sync, beat, and begin anew when told to.

use medallion_wire::ResponseError;
use medallion_wire::messages::{JoinGroupResponse, SyncGroupResponse};

use super::super::rig::Client;
use crate::request::Reply;

/// Longer than a rebalance may take.
pub(super) const REQUEST_TIMEOUT_MS: i64 = 25_000;
pub(super) const REBALANCE_MS: i32 = 20_000;
const PARTITIONS: usize = 12;

/// What a client does next, or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Out of the group, and not about to join.
    Away,
    Joining,
    /// With the assignments that it brings if it leads.
    Syncing(Vec<(String, String)>),
    Stable,
}

/// What is on its way.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Join(Client),
    Sync(Client, i32, Vec<(String, String)>),
    Beat(Client, i32),
    Leave(String),
}

#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub(super) client: Client,
    pub(super) stage: Stage,
    pub(super) generation: i32,
    /// The number of the request that it waits for, and since when.
    pub(super) outstanding: Option<(u64, i64)>,
    /// How many assignments it made: no two of them look alike.
    nonce: u32,
}

impl Consumer {
    pub(super) fn new(client: Client) -> Self {
        Self { client, stage: Stage::Away, generation: -1, outstanding: None, nonce: 0 }
    }

    /// The process starts anew, and knows nothing.
    pub(super) fn restart(&mut self) {
        self.client.id = String::new();
        self.stage = Stage::Joining;
        self.generation = -1;
        self.outstanding = None;
    }

    /// What it would send now.
    pub(super) fn call(&self) -> Option<Call> {
        match &self.stage {
            Stage::Away => None,
            Stage::Joining => Some(Call::Join(self.client.clone())),
            Stage::Syncing(assignments) => {
                Some(Call::Sync(self.client.clone(), self.generation, assignments.clone()))
            }
            Stage::Stable => Some(Call::Beat(self.client.clone(), self.generation)),
        }
    }

    /// Takes an answer to what it waits for.
    pub(super) fn take(&mut self, reply: &Reply) {
        self.outstanding = None;
        match reply {
            Reply::JoinGroup(response) => self.take_join(response),
            Reply::SyncGroup(response) => self.take_sync(response),
            Reply::Heartbeat(response) => self.take_error(response.error_code),
            Reply::Refused(refusal) => self.take_error(refusal.error.code()),
            other => panic!("{other:?}"),
        }
    }

    fn take_join(&mut self, response: &JoinGroupResponse) {
        if response.error_code == ResponseError::MemberIdRequired.code() {
            self.client.id = response.member_id.to_string();
        } else if response.error_code == 0 {
            self.client.id = response.member_id.to_string();
            self.generation = response.generation_id;
            let leads = response.leader == response.member_id && !response.skip_assignment;
            self.stage = Stage::Syncing(if leads { self.assign(response) } else { Vec::new() });
        } else {
            self.take_error(response.error_code);
        }
    }

    /// Gives each partition to a member; signs the whole.
    fn assign(&mut self, response: &JoinGroupResponse) -> Vec<(String, String)> {
        self.nonce += 1;
        let sign = format!("{}#{}", self.client.name, self.nonce);
        let members = response.members.len();
        let given = response.members.iter().enumerate().map(|(index, member)| {
            let partitions: Vec<String> =
                (index..PARTITIONS).step_by(members).map(|partition| partition.to_string()).collect();
            (member.member_id.to_string(), format!("{sign}:{}", partitions.join(",")))
        });
        given.collect()
    }

    fn take_sync(&mut self, response: &SyncGroupResponse) {
        if response.error_code == 0 {
            self.stage = Stage::Stable;
        } else {
            self.take_error(response.error_code);
        }
    }

    fn take_error(&mut self, code: i16) {
        if code == 0 {
            return;
        }
        self.stage = Stage::Joining;
        let forgets = [
            ResponseError::UnknownMemberId,
            ResponseError::FencedInstanceId,
            ResponseError::IllegalGeneration,
        ];
        if forgets.iter().any(|error| error.code() == code) {
            self.client.id = String::new();
        }
    }
}
