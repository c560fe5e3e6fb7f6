//! A shard with its log, its clock and its topics, and requests as clients send them.

use std::collections::VecDeque;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages as m;
use medallion_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use medallion_wire::types::Uuid;
use medallion_wire::{ResponseError, TopicId};

use crate::assignor::GroupAssignment;
use crate::environment::{ConsumerOverrides, Environment, Settings};
use crate::output::{AssignmentJob, Output, Token};
use crate::record::Record;
use crate::request::{Caller, Refusal, Reply, Request};
use crate::shard::Shard;
use crate::test_support::FewTopics;

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) struct Rig {
    pub(super) shard: Shard,
    pub(super) log: Vec<Record>,
    pub(super) topics: FewTopics,
    pub(super) settings: Settings,
    pub(super) now_ms: i64,
    /// What the wall clock is ahead of the other.
    pub(super) wall_ms: i64,
    pub(super) tokens: u64,
    pub(super) jobs: VecDeque<AssignmentJob>,
    pub(super) causes: Vec<&'static str>,
}

impl Rig {
    pub(super) fn new(topics: &[(&str, i32)]) -> Self {
        let mut settings = Settings::default();
        settings.consumer.assignment_interval_ms = 0;
        settings.classic.initial_rebalance_delay_ms = 0;
        Self {
            shard: Shard::default(),
            log: Vec::new(),
            topics: FewTopics::new(topics),
            settings,
            now_ms: 1,
            wall_ms: 1_000_000,
            tokens: 0,
            jobs: VecDeque::new(),
            causes: Vec::new(),
        }
    }

    pub(super) fn step<T>(
        &mut self,
        work: impl FnOnce(&mut Shard, &mut Environment<'_>, &mut Output) -> T,
    ) -> (T, Output) {
        let mut random_state = u128::from(self.tokens) << 80;
        let mut random = || {
            random_state += 1 << 70;
            random_state
        };
        let mut environment = Environment {
            now_ms: self.now_ms + self.wall_ms,
            monotonic_ms: self.now_ms,
            settings: &self.settings,
            topics: &self.topics,
            overrides: &|_| ConsumerOverrides::default(),
            random: &mut random,
        };
        let mut output = Output::default();
        let result = work(&mut self.shard, &mut environment, &mut output);
        self.shard.check_invariants();
        (result, output)
    }

    /// What came out is appended and committed; jobs wait.
    pub(super) fn commit(&mut self, output: &mut Output) {
        self.log.extend(output.batches.drain(..).flatten());
        self.shard.stage();
        self.shard.commit();
        self.jobs.extend(output.assignments.drain(..));
        self.causes.extend(output.rebalances.drain(..).map(|rebalance| rebalance.cause.as_str()));
    }

    /// Asks, without any job being done.
    pub(super) fn ask(&mut self, version: i16, request: Request) -> Vec<(Token, Reply)> {
        self.tokens += 1;
        let token = Token(self.tokens);
        let caller = Caller { client_id: text("c"), client_host: text("/h"), version };
        let ((), mut output) = self
            .step(|shard, environment, output| shard.handle(token, &caller, request, environment, output));
        self.commit(&mut output);
        output.replies
    }

    /// Does one job; gives the answers that waited for it.
    pub(super) fn work(&mut self) -> Vec<(Token, Reply)> {
        let Some(job) = self.jobs.pop_front() else { return Vec::new() };
        let assignment = job.run();
        self.come_back(&job, Some(&assignment))
    }

    /// One job fails; gives the answers that waited for it.
    pub(super) fn fail(&mut self) -> Vec<(Token, Reply)> {
        let job = self.jobs.pop_front().expect("a job");
        self.come_back(&job, None)
    }

    fn come_back(
        &mut self,
        job: &AssignmentJob,
        assignment: Option<&GroupAssignment>,
    ) -> Vec<(Token, Reply)> {
        let ((), mut output) = self.step(|shard, environment, output| {
            shard.assigned(&job.group, job.id, assignment, environment, output);
        });
        self.commit(&mut output);
        output.replies
    }

    pub(super) fn answer(&mut self, version: i16, request: Request) -> Reply {
        let mut replies = self.ask(version, request);
        let asked = Token(self.tokens);
        for _ in 0..100 {
            if let Some(at) = replies.iter().position(|(token, _)| *token == asked) {
                let (_, reply) = replies.swap_remove(at);
                while !self.jobs.is_empty() {
                    let _ = self.work();
                }
                return reply;
            }
            replies.extend(self.work());
        }
        panic!("no answer");
    }

    pub(super) fn beat(&mut self, request: m::ConsumerGroupHeartbeatRequest) -> Beat {
        match self.answer(1, Request::ConsumerGroupHeartbeat(request)) {
            Reply::ConsumerGroupHeartbeat(response) => Ok(response),
            Reply::Refused(refusal) => Err(refusal),
            other => panic!("another answer: {other:?}"),
        }
    }

    pub(super) fn advance(&mut self, ms: i64) {
        self.now_ms += ms;
        let ((), mut output) = self.step(|shard, environment, output| shard.on_time(environment, output));
        self.commit(&mut output);
        while !self.jobs.is_empty() {
            let _ = self.work();
        }
    }

    /// The coordinator starts anew from its log.
    pub(super) fn restart(&mut self) {
        self.shard = Shard::default();
        self.jobs.clear();
        for record in self.log.clone() {
            let value = record.value.as_ref().map(|(value, version)| (value.encode(*version), *version));
            assert!(value.is_none_or(|(encoded, _)| encoded.is_ok()), "{record:?}");
            self.shard.load(&record, None);
        }
        let ((), mut output) = self.step(|shard, environment, output| shard.loaded(environment, output));
        self.commit(&mut output);
    }
}

pub(super) type Beat = Result<m::ConsumerGroupHeartbeatResponse, Refusal>;

/// The error of an answer.
pub(super) fn error(beat: &Beat) -> ResponseError {
    beat.as_ref().expect_err("it was to be refused").error
}

/// What an answer gives, by the number of the topic; `None` for "as before".
pub(super) fn given(beat: &Beat) -> Option<Vec<(u128, Vec<i32>)>> {
    let assignment = beat.as_ref().expect("an answer").assignment.as_ref()?;
    let topics = assignment.topic_partitions.iter();
    Some(topics.map(|topic| (topic.topic_id.as_u128(), topic.partitions.clone())).collect())
}

pub(super) fn epoch(beat: &Beat) -> i32 {
    beat.as_ref().expect("an answer").member_epoch
}

pub(super) fn joining(member: &str, topics: &[&str]) -> m::ConsumerGroupHeartbeatRequest {
    beating(member, 0)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(topics.iter().map(|topic| text(topic).into()).collect()))
        .with_topic_partitions(Some(Vec::new()))
}

pub(super) fn beating(member: &str, epoch: i32) -> m::ConsumerGroupHeartbeatRequest {
    m::ConsumerGroupHeartbeatRequest::default()
        .with_group_id(text("g").into())
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
}

pub(super) fn owning(
    member: &str,
    epoch: i32,
    owned: &[(u128, Vec<i32>)],
) -> m::ConsumerGroupHeartbeatRequest {
    let topics = owned.iter().map(|(topic, partitions)| {
        TopicPartitions::default()
            .with_topic_id(TopicId(Uuid::from_u128(*topic)).0)
            .with_partitions(partitions.clone())
    });
    beating(member, epoch).with_topic_partitions(Some(topics.collect()))
}
