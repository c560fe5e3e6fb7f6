//! The parts of a shard together: a group's life with its offsets, deletion, expiry, failed appends, loading.

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages as m;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;

use super::Shard;
use crate::environment::{ConsumerOverrides, Environment, Settings};
use crate::output::{Output, Token};
use crate::record::Record;
use crate::request::{Caller, Reply, Request};
use crate::test_support::NoTopics;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A shard with its log and a clock.
#[derive(Default)]
struct Coordinator {
    shard: Shard,
    log: Vec<Record>,
    now_ms: i64,
    tokens: u64,
}

impl Coordinator {
    fn step<T>(
        &mut self,
        work: impl FnOnce(&mut Shard, &mut Environment<'_>, &mut Output) -> T,
    ) -> (T, Output) {
        let mut settings = Settings::default();
        settings.classic.initial_rebalance_delay_ms = 0;
        let mut tokens = u128::from(self.tokens);
        let mut random = || {
            tokens += 1;
            tokens
        };
        let mut environment = Environment {
            now_ms: self.now_ms,
            monotonic_ms: self.now_ms,
            settings: &settings,
            topics: &NoTopics,
            overrides: &|_| ConsumerOverrides::default(),
            random: &mut random,
        };
        let mut output = Output::default();
        let result = work(&mut self.shard, &mut environment, &mut output);
        self.shard.check_invariants();
        (result, output)
    }

    /// Everything that came out is appended and committed.
    fn commit(&mut self, output: &Output) {
        self.log.extend(output.batches.iter().flatten().cloned());
        self.shard.stage();
        self.shard.commit();
    }

    fn ask(&mut self, version: i16, request: Request) -> Output {
        self.tokens += 1;
        let token = Token(self.tokens);
        let caller = Caller { client_id: text("c"), client_host: text("/h"), version };
        let ((), output) = self
            .step(|shard, environment, output| shard.handle(token, &caller, request, environment, output));
        output
    }

    /// Asks something that is answered at once.
    fn answer(&mut self, version: i16, request: Request) -> Reply {
        let output = self.ask(version, request);
        self.commit(&output);
        let (_, reply) = output.replies.into_iter().next_back().expect("an answer");
        reply
    }

    fn advance(&mut self, ms: i64) {
        self.now_ms += ms;
        let ((), output) = self.step(|shard, environment, output| shard.on_time(environment, output));
        self.commit(&output);
    }

    /// The group's one member joins and gets its assignment; gives its id.
    fn join(&mut self) -> StrBytes {
        let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
        let request = m::JoinGroupRequest::default()
            .with_group_id(text("g").into())
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(10_000);
        let mut output = self.ask(3, Request::JoinGroup(request));
        if output.replies.is_empty() {
            self.commit(&output);
            let ((), later) = self.step(|shard, environment, output| shard.on_time(environment, output));
            output = later;
        }
        self.commit(&output);
        let Some((_, Reply::JoinGroup(joined))) = output.replies.into_iter().next_back() else {
            panic!("nobody joined")
        };
        assert_eq!(joined.error_code, 0);
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(joined.member_id.clone())
            .with_assignment(bytes::Bytes::from_static(b"a"));
        let sync = m::SyncGroupRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(joined.member_id.clone())
            .with_generation_id(joined.generation_id)
            .with_assignments(vec![assignment]);
        let Reply::SyncGroup(synced) = self.answer(3, Request::SyncGroup(sync)) else { panic!("no answer") };
        assert_eq!((synced.error_code, &*synced.assignment), (0, &b"a"[..]));
        joined.member_id
    }

    fn commit_request(member: &StrBytes, generation: i32, offset: i64) -> Request {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic =
            OffsetCommitRequestTopic::default().with_name(text("t").into()).with_partitions(vec![partition]);
        let request = m::OffsetCommitRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(member.clone())
            .with_generation_id_or_member_epoch(generation)
            .with_retention_time_ms(-1)
            .with_topics(vec![topic]);
        Request::OffsetCommit(request)
    }

    fn commit_offset(
        &mut self,
        member: &StrBytes,
        generation: i32,
        offset: i64,
    ) -> Result<(), ResponseError> {
        match self.answer(8, Self::commit_request(member, generation, offset)) {
            Reply::OffsetCommit(_) => Ok(()),
            Reply::Refused(refusal) => Err(refusal.error),
            other => panic!("{other:?}"),
        }
    }

    fn offset(&mut self) -> Option<i64> {
        let group = OffsetFetchRequestGroup::default().with_group_id(text("g").into()).with_topics(None);
        let Reply::OffsetFetch(fetched) =
            self.answer(8, Request::OffsetFetch { group, require_stable: true })
        else {
            panic!("no answer")
        };
        fetched.topics.first().map(|topic| topic.partitions[0].committed_offset)
    }

    fn leave(&mut self, member: &StrBytes) {
        let member = m::leave_group_request::MemberIdentity::default().with_member_id(member.clone());
        let request =
            m::LeaveGroupRequest::default().with_group_id(text("g").into()).with_members(vec![member]);
        assert!(matches!(self.answer(3, Request::LeaveGroup(request)), Reply::LeaveGroup(_)));
    }

    /// Another coordinator takes over from the log.
    fn restarted(&self) -> Self {
        let mut next = Self { now_ms: self.now_ms, tokens: self.tokens, ..Self::default() };
        for record in &self.log {
            next.shard.load(record, None);
        }
        let ((), output) = next.step(|shard, environment, output| shard.loaded(environment, output));
        assert!(output.batches.is_empty());
        next.log.clone_from(&self.log);
        next
    }
}

fn group(name: &str) -> crate::ids::GroupId {
    name.into()
}

#[test]
fn members_commit_and_strangers_do_not() {
    let mut coordinator = Coordinator::default();
    let member = coordinator.join();
    assert_eq!(coordinator.commit_offset(&member, 1, 5), Ok(()));
    assert_eq!(coordinator.commit_offset(&member, 0, 6), Err(ResponseError::IllegalGeneration));
    assert_eq!(coordinator.commit_offset(&text("who"), 1, 7), Err(ResponseError::UnknownMemberId));
    assert_eq!(coordinator.commit_offset(&text(""), -1, 8), Err(ResponseError::UnknownMemberId));
    assert_eq!(coordinator.offset(), Some(5));
    let mut next = coordinator.restarted();
    assert_eq!(next.offset(), Some(5));
    assert_eq!(next.commit_offset(&member, 1, 9), Ok(()), "members outlive the coordinator");
}

#[test]
fn who_is_no_member_commits_to_a_group_without_members_which_lives_by_its_offsets() {
    let mut coordinator = Coordinator::default();
    assert_eq!(coordinator.commit_offset(&text(""), 3, 1), Err(ResponseError::IllegalGeneration));
    assert_eq!(coordinator.commit_offset(&text(""), -1, 1), Ok(()));
    let mut next = coordinator.restarted();
    assert_eq!(next.offset(), Some(1));
    let retention_ms = Settings::default().offsets.retention_ms;
    next.advance(retention_ms - 1);
    assert_eq!(next.offset(), Some(1));
    next.advance(600_000);
    assert_eq!(next.offset(), None);
    assert!(next.shard.classic_groups().get("g").is_none(), "nothing is left of it");
    assert_eq!(next.restarted().offset(), None);
}

#[test]
fn a_group_with_members_is_not_deleted_and_goes_with_its_offsets() {
    let mut coordinator = Coordinator::default();
    let member = coordinator.join();
    coordinator.commit_offset(&member, 1, 5).expect("a member");
    let delete = || Request::DeleteGroup(group("g"));
    assert_eq!(coordinator.answer(2, delete()), Reply::Refused(ResponseError::NonEmptyGroup.into()));
    coordinator.leave(&member);
    assert!(matches!(coordinator.answer(2, delete()), Reply::DeleteGroup(result) if result.error_code == 0));
    assert_eq!(coordinator.answer(2, delete()), Reply::Refused(ResponseError::GroupIdNotFound.into()));
    let mut next = coordinator.restarted();
    assert_eq!(next.offset(), None);
    assert!(next.shard.classic_groups().get("g").is_none());
}

#[test]
fn a_failed_append_takes_offsets_and_deletion_back() {
    let mut coordinator = Coordinator::default();
    let member = coordinator.join();
    coordinator.commit_offset(&member, 1, 5).expect("a member");
    let _ = coordinator.ask(8, Coordinator::commit_request(&member, 1, 6));
    coordinator.shard.stage();
    let ((), _) = coordinator.step(|shard, environment, output| {
        shard.roll_back(ResponseError::NotCoordinator, environment, output);
    });
    assert_eq!(coordinator.offset(), Some(5));
    coordinator.leave(&member);
    let _ = coordinator.ask(2, Request::DeleteGroup(group("g")));
    let ((), _) = coordinator.step(|shard, environment, output| {
        shard.undo(ResponseError::UnknownServerError, environment, output);
    });
    assert_eq!(coordinator.offset(), Some(5), "the group is there again, with its offsets");
    assert!(coordinator.shard.classic_groups().get("g").is_some());
}

#[test]
fn a_session_that_ends_empties_the_group_and_keeps_its_offsets() {
    let mut coordinator = Coordinator::default();
    let member = coordinator.join();
    coordinator.commit_offset(&member, 1, 5).expect("a member");
    coordinator.advance(10_000);
    coordinator.advance(10_000);
    assert!(coordinator.shard.classic_groups().get("g").expect("a group").is_empty());
    assert_eq!(coordinator.offset(), Some(5));
    assert_eq!(coordinator.commit_offset(&member, 1, 6), Err(ResponseError::UnknownMemberId));
}
