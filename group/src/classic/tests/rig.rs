//! Groups with a clock, a log and clients in hand.

use std::collections::BTreeMap;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::internal_records::group::GroupMetadataValue;
use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use medallion_wire::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};

use crate::classic::{ClassicGroup, ClassicGroups, ClassicState};
use crate::environment::{ConsumerOverrides, Environment, Settings};
use crate::history::{MemberClient, Rebalance, RebalanceCause};
use crate::ids::GroupId;
use crate::output::{Output, Token};
use crate::record::Record;
use crate::request::{Caller, Reply};
use crate::test_support::NoTopics;
use crate::timers::Timers;

pub(super) const SESSION_MS: i32 = 10_000;
pub(super) const REBALANCE_MS: i32 = 60_000;
pub(super) const DELAY_MS: i64 = 3_000;

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A consumer's subscription, version 0.
pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 0];
    bytes.extend_from_slice(&i32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        bytes.extend_from_slice(&i16::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(topic.as_bytes());
    }
    bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    bytes.into()
}

/// What a client says of itself.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) version: i16,
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) protocol_type: &'static str,
    pub(super) protocols: Vec<(&'static str, Bytes)>,
    pub(super) session_ms: i32,
    pub(super) rebalance_ms: i32,
    pub(super) reason: Option<&'static str>,
}

impl Client {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            version: 9,
            id: String::new(),
            instance: None,
            protocol_type: "consumer",
            protocols: vec![("range", subscription(&["t"]))],
            session_ms: SESSION_MS,
            rebalance_ms: REBALANCE_MS,
            reason: None,
        }
    }

    pub(super) fn fixed(name: &'static str, instance: &str) -> Self {
        Self { instance: Some(instance.to_owned()), ..Self::new(name) }
    }

    pub(super) fn with_protocols(self, names: &[&'static str]) -> Self {
        let protocols = names.iter().map(|name| (*name, subscription(&["t"]))).collect();
        Self { protocols, ..self }
    }

    pub(super) fn join_request(&self) -> JoinGroupRequest {
        let protocols = self.protocols.iter().map(|(name, metadata)| {
            JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata.clone())
        });
        JoinGroupRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text))
            .with_protocol_type(text(self.protocol_type))
            .with_protocols(protocols.collect())
            .with_session_timeout_ms(self.session_ms)
            .with_rebalance_timeout_ms(self.rebalance_ms)
            .with_reason(self.reason.map(text))
    }

    pub(super) fn sync_request(&self, generation: i32, assignments: &[(&str, &str)]) -> SyncGroupRequest {
        let assignments = assignments.iter().map(|(id, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(id))
                .with_assignment(Bytes::copy_from_slice(assignment.as_bytes()))
        });
        SyncGroupRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text))
            .with_generation_id(generation)
            .with_protocol_type(Some(text(self.protocol_type)))
            .with_assignments(assignments.collect())
    }

    pub(super) fn heartbeat_request(&self, generation: i32) -> HeartbeatRequest {
        HeartbeatRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text))
            .with_generation_id(generation)
    }

    pub(super) fn leave_request(members: &[(&str, Option<&str>)]) -> LeaveGroupRequest {
        let members = members.iter().map(|(id, instance)| {
            MemberIdentity::default().with_member_id(text(id)).with_group_instance_id(instance.map(text))
        });
        LeaveGroupRequest::default().with_group_id(text("g").into()).with_members(members.collect())
    }

    pub(super) fn caller(&self) -> Caller {
        Caller { client_id: text(self.name), client_host: text("/127.0.0.1"), version: self.version }
    }
}

/// The groups of a shard and what came out of them. Each step is a turn of its own, unless held.
pub(super) struct Rig {
    pub(super) groups: ClassicGroups,
    pub(super) timers: Timers,
    pub(super) settings: Settings,
    pub(super) now_ms: i64,
    pub(super) monotonic_ms: i64,
    /// Committed records.
    pub(super) log: Vec<Record>,
    /// Committed answers that were not looked at.
    pub(super) answers: BTreeMap<Token, Reply>,
    pub(super) rebalances: Vec<Rebalance>,
    /// Whether turns go on until [`Rig::commit`] or [`Rig::fail`].
    pub(super) is_held: bool,
    turn: Output,
    random: u128,
    tokens: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self {
            groups: ClassicGroups::default(),
            timers: Timers::default(),
            settings: Settings::default(),
            now_ms: 1_000_000,
            monotonic_ms: 500,
            log: Vec::new(),
            answers: BTreeMap::new(),
            rebalances: Vec::new(),
            is_held: false,
            turn: Output::default(),
            random: 0,
            tokens: 0,
        }
    }

    pub(super) fn step<T>(
        &mut self,
        work: impl FnOnce(&mut ClassicGroups, &mut Environment<'_>, &mut Timers, &mut Output) -> T,
    ) -> T {
        let random = &mut self.random;
        let mut environment = Environment {
            now_ms: self.now_ms,
            monotonic_ms: self.monotonic_ms,
            settings: &self.settings,
            topics: &NoTopics,
            overrides: &|_| ConsumerOverrides::default(),
            random: &mut || {
                *random += 1;
                *random
            },
        };
        let done = work(&mut self.groups, &mut environment, &mut self.timers, &mut self.turn);
        self.groups.check_invariants(&self.timers);
        self.groups.stage();
        self.rebalances.append(&mut self.turn.rebalances);
        if !self.is_held {
            self.commit();
        }
        done
    }

    /// The turn's records are committed, its answers go out.
    pub(super) fn commit(&mut self) {
        self.groups.commit();
        self.log.extend(std::mem::take(&mut self.turn.batches).into_iter().flatten());
        self.answers.extend(std::mem::take(&mut self.turn.replies));
    }

    /// The turn's append fails; all of its answers are refusals.
    pub(super) fn fail(&mut self, error: ResponseError) {
        let refused: Vec<Token> = self.turn.replies.drain(..).map(|(token, _)| token).collect();
        self.turn.batches.clear();
        let is_held = std::mem::replace(&mut self.is_held, true);
        self.step(|groups, environment, timers, output| {
            groups.roll_back(error, environment, timers, output);
        });
        self.is_held = is_held;
        let refused = refused.into_iter().map(|token| (token, Reply::Refused(error.into())));
        self.answers.extend(refused);
        self.answers.extend(self.turn.replies.drain(..));
    }

    /// Throws the groups away and reads them from the log; nobody who waits is answered.
    pub(super) fn restart(&mut self) {
        self.groups = ClassicGroups::default();
        self.timers = Timers::default();
        self.turn = Output::default();
        for record in &self.log {
            let GroupRecordKey::GroupMetadata(key) = &record.key else { panic!("{record:?}") };
            self.groups.load(GroupId::from(key.group.as_str()), value(record));
        }
        self.step(|groups, environment, timers, output| groups.loaded(environment, timers, output));
    }

    pub(super) fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    pub(super) fn join(&mut self, client: &Client) -> Token {
        let (token, caller, request) = (self.token(), client.caller(), client.join_request());
        self.step(|groups, environment, timers, output| {
            groups.join(token, &caller, &request, environment, timers, output);
        });
        token
    }

    pub(super) fn sync(&mut self, client: &Client, generation: i32, assignments: &[(&str, &str)]) -> Token {
        self.sync_with(&client.sync_request(generation, assignments))
    }

    pub(super) fn sync_with(&mut self, request: &SyncGroupRequest) -> Token {
        let token = self.token();
        self.step(|groups, environment, timers, output| {
            groups.sync(token, request, environment, timers, output);
        });
        token
    }

    /// The error code of a heartbeat.
    pub(super) fn heartbeat(&mut self, client: &Client, generation: i32) -> i16 {
        let (token, request) = (self.token(), client.heartbeat_request(generation));
        self.step(|groups, environment, timers, output| {
            groups.heartbeat(token, &request, environment, timers, output);
        });
        match self.answers.remove(&token) {
            Some(Reply::Heartbeat(response)) => response.error_code,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn leave(&mut self, members: &[(&str, Option<&str>)]) -> LeaveGroupResponse {
        let (token, request) = (self.token(), Client::leave_request(members));
        self.step(|groups, environment, timers, output| {
            groups.leave(token, &request, environment, timers, output);
        });
        match self.answers.remove(&token) {
            Some(Reply::LeaveGroup(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn joined(&mut self, token: Token) -> JoinGroupResponse {
        match self.answers.remove(&token) {
            Some(Reply::JoinGroup(response)) => response,
            other => panic!("{token:?}: {other:?}"),
        }
    }

    pub(super) fn synced(&mut self, token: Token) -> SyncGroupResponse {
        match self.answers.remove(&token) {
            Some(Reply::SyncGroup(response)) => response,
            other => panic!("{token:?}: {other:?}"),
        }
    }

    pub(super) fn waits(&self, token: Token) -> bool {
        !self.answers.contains_key(&token)
    }

    /// Lets time pass; timers fire when they are due.
    pub(super) fn advance(&mut self, milliseconds: i64) {
        let end_ms = self.monotonic_ms + milliseconds;
        while let Some(due_ms) = self.timers.next_deadline().filter(|due_ms| *due_ms <= end_ms) {
            self.set_time(due_ms.max(self.monotonic_ms));
            self.fire();
        }
        self.set_time(end_ms);
    }

    fn set_time(&mut self, monotonic_ms: i64) {
        self.now_ms += monotonic_ms - self.monotonic_ms;
        self.monotonic_ms = monotonic_ms;
    }

    /// Fires one timer that is due.
    pub(super) fn fire(&mut self) {
        let Some(key) = self.timers.take_due(self.monotonic_ms) else { return };
        self.step(|groups, environment, timers, output| {
            groups.on_timer(&key, environment, timers, output);
        });
    }

    pub(super) fn group(&self) -> &ClassicGroup {
        self.groups.get("g").expect("the group")
    }

    pub(super) fn state(&self) -> ClassicState {
        self.group().state()
    }

    /// A client gets an id where it needs one, and joins.
    pub(super) fn enter(&mut self, client: &mut Client) -> Token {
        if client.version >= 4 && client.instance.is_none() {
            let token = self.join(client);
            let required = self.joined(token);
            assert_eq!(required.error_code, ResponseError::MemberIdRequired.code());
            client.id = required.member_id.to_string();
        }
        self.join(client)
    }

    /// Brings clients into a generation; each learns its id. Who is in the group joins again.
    pub(super) fn gather(&mut self, clients: &mut [&mut Client]) -> Vec<JoinGroupResponse> {
        let mut tokens = Vec::new();
        for client in clients.iter_mut() {
            tokens.push(if client.id.is_empty() { self.enter(client) } else { self.join(client) });
        }
        self.advance(2 * DELAY_MS);
        let responses: Vec<_> = tokens.into_iter().map(|token| self.joined(token)).collect();
        for (client, response) in clients.iter_mut().zip(&responses) {
            assert_eq!(response.error_code, 0, "{client:?}");
            client.id = response.member_id.to_string();
        }
        responses
    }

    /// Brings clients into a stable generation, each with its name as assignment.
    pub(super) fn settle(&mut self, clients: &mut [&mut Client]) -> i32 {
        let responses = self.gather(clients);
        let generation = responses[0].generation_id;
        let assignments: Vec<(&str, &str)> =
            clients.iter().map(|client| (client.id.as_str(), client.name)).collect();
        let leader = clients.iter().position(|client| client.id == responses[0].leader.as_str());
        let leader = leader.expect("one of them leads");
        let tokens: Vec<Token> = (0..clients.len())
            .map(|index| {
                let given = if index == leader { &assignments[..] } else { &[] };
                self.sync(clients[index], generation, given)
            })
            .collect();
        for (client, token) in clients.iter().zip(tokens) {
            assert_eq!(self.synced(token).assignment, client.name.as_bytes());
        }
        assert_eq!(self.state(), ClassicState::Stable);
        generation
    }

    pub(super) fn causes(&self) -> Vec<RebalanceCause> {
        self.rebalances.iter().map(|rebalance| rebalance.cause).collect()
    }

    pub(super) fn last_value(&self) -> &GroupMetadataValue {
        self.log.last().and_then(value).expect("a group's record")
    }
}

/// The value of a group's record; `None` for a tombstone.
pub(super) fn value(record: &Record) -> Option<&GroupMetadataValue> {
    match &record.value {
        Some((GroupRecordValue::GroupMetadata(value), 3)) => Some(value),
        None => None,
        other => panic!("{other:?}"),
    }
}

/// The client of members with this name.
pub(super) fn client(name: &str) -> MemberClient {
    MemberClient { id: name.into(), host: "/127.0.0.1".into() }
}

pub(super) fn code(error: ResponseError) -> i16 {
    error.code()
}
