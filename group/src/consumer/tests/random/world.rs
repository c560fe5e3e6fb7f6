//! Clients, a network that loses and delays, and a coordinator that fails and starts anew.

use std::collections::{BTreeMap, BTreeSet};

use medallion_wire::ResponseError;
use medallion_wire::messages::ConsumerGroupHeartbeatRequest;

use super::clients::{Client, Life, Partition, TIMEOUT_MS};
use crate::consumer::tests::rig::{Rig, beating, text};
use crate::output::{AssignmentJob, Output, Token};
use crate::request::{Caller, Reply, Request};

/// Time goes on by this much.
const TICK_MS: i64 = 100;
const CLIENTS: usize = 5;

pub(super) struct World {
    rig: Rig,
    chance: u64,
    clients: Vec<Client>,
    is_healed: bool,
    /// Requests on their way, by when they arrive.
    requests: Vec<(i64, usize, u64, ConsumerGroupHeartbeatRequest)>,
    answers: Vec<(i64, usize, u64, Reply)>,
    /// Who asked under a token: the client and the number of its request.
    asked: BTreeMap<Token, (usize, u64)>,
    jobs: Vec<(i64, AssignmentJob)>,
    numbers: u64,
    pub(super) restarts: u32,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rig = Rig::new(&[("t", 6), ("u", 3)]);
        rig.settings.consumer.session_timeout_ms = 10_000;
        let mut world = Self {
            rig,
            chance: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            clients: (0..CLIENTS).map(Client::new).collect(),
            is_healed: false,
            requests: Vec::new(),
            answers: Vec::new(),
            asked: BTreeMap::new(),
            jobs: Vec::new(),
            numbers: 0,
            restarts: 0,
        };
        world.rig.settings.consumer.assignment_interval_ms = [0, 500, 1_000][world.below(3)];
        world
    }

    fn below(&mut self, bound: usize) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        usize::try_from(self.chance % u64::try_from(bound).expect("small")).expect("small")
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn delay_ms(&mut self) -> i64 {
        let many = if self.is_healed { 2 } else { 12 };
        i64::try_from(self.below(many)).expect("small") * TICK_MS
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.rig.now_ms
    }

    pub(super) fn epoch(&self) -> i32 {
        self.rig.shard.consumer_groups().get("g").map_or(0, |group| group.epoch())
    }

    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        let now_ms = self.now_ms();
        for client in &mut self.clients {
            if client.life != Life::In {
                client.life = Life::In;
                client.next_ms = now_ms;
            }
        }
    }

    pub(super) fn run_until(&mut self, end_ms: i64) {
        while self.now_ms() < end_ms {
            self.rig.now_ms += TICK_MS;
            if !self.is_healed {
                self.disturb();
            }
            self.send();
            self.deliver_requests();
            self.deliver_jobs();
            self.turn(|_, _, _| {});
            self.deliver_answers();
            self.check();
        }
    }

    fn disturb(&mut self) {
        let now_ms = self.now_ms();
        let who = self.below(CLIENTS);
        if self.one_in(100) {
            let life = [Life::In, Life::In, Life::In, Life::Hanging, Life::Away][self.below(5)];
            self.change_life(who, life, now_ms);
        }
        if self.one_in(300) {
            let topics = [vec!["t"], vec!["t", "u"], vec!["u"]][self.below(3)].clone();
            self.clients[who].subscribe(topics);
        }
        match self.below(4_000) {
            0..10 => self.rig.topics.grow("t", 6 + i32::try_from(self.numbers % 5).expect("small")),
            10..14 => {
                self.rig.topics.delete("u");
                let _ = self.rig.topics.create("u", 2);
            }
            14..30 => self.rig.wall_ms += i64::try_from(self.below(7_200_000)).expect("small") - 3_600_000,
            30..50 => {
                self.restarts += 1;
                self.requests.clear();
                self.jobs.clear();
                self.asked.clear();
                self.rig.restart();
            }
            _ => {}
        }
    }

    fn change_life(&mut self, who: usize, life: Life, now_ms: i64) {
        let client = &mut self.clients[who];
        if client.life == Life::In && life == Life::Away && client.epoch > 0 {
            let leaving = beating(&client.id, -1);
            let arrives_ms = now_ms + TICK_MS;
            self.requests.push((arrives_ms, who, 0, leaving));
        }
        if life == Life::Away || (client.life == Life::Away && life == Life::In) {
            client.forget(now_ms);
        }
        client.life = life;
    }

    fn send(&mut self) {
        let now_ms = self.now_ms();
        for who in 0..CLIENTS {
            let client = &mut self.clients[who];
            let is_due = match &client.asked {
                Some((_, _, since_ms)) => {
                    now_ms >= since_ms + TIMEOUT_MS
                        || (now_ms >= client.next_ms && client.next_ms > *since_ms)
                }
                None => now_ms >= client.next_ms,
            };
            if client.life != Life::In || !is_due {
                continue;
            }
            self.numbers += 1;
            let number = self.numbers;
            let request = client.request(number, now_ms);
            if self.is_healed || !self.one_in(8) {
                let arrives_ms = now_ms + self.delay_ms();
                self.requests.push((arrives_ms, who, number, request.clone()));
            }
            if !self.is_healed && self.one_in(10) {
                let arrives_ms = now_ms + self.delay_ms();
                self.requests.push((arrives_ms, who, number, request));
            }
        }
    }

    /// A copy of an older request does not overtake what the client has asked since: connections keep their order.
    fn deliver_requests(&mut self) {
        let now_ms = self.now_ms();
        let due: Vec<_> = self.requests.extract_if(.., |request| request.0 <= now_ms).collect();
        for (_, who, number, request) in due {
            let is_current = self.clients[who].asked.as_ref().is_some_and(|(asked, _, _)| *asked == request);
            if number != 0 && !is_current {
                continue;
            }
            self.rig.tokens += 1;
            let token = Token(self.rig.tokens);
            let _ = self.asked.insert(token, (who, number));
            let caller = Caller { client_id: text("c"), client_host: text("/h"), version: 1 };
            let request = Request::ConsumerGroupHeartbeat(request);
            self.turn(|shard, environment, output| {
                shard.handle(token, &caller, request, environment, output);
            });
        }
    }

    fn deliver_jobs(&mut self) {
        let now_ms = self.now_ms();
        let due: Vec<_> = self.jobs.extract_if(.., |(at_ms, _)| *at_ms <= now_ms).collect();
        for (_, job) in due {
            let assignment = job.run();
            self.turn(|shard, environment, output| {
                shard.assigned(&job.group, job.id, Some(&assignment), environment, output);
            });
        }
    }

    /// One step, what is due, and its append, which may fail.
    fn turn(&mut self, work: impl FnOnce(&mut crate::Shard, &mut crate::Environment<'_>, &mut Output)) {
        let ((), mut output) = self.rig.step(|shard, environment, output| {
            work(shard, environment, output);
            shard.on_time(environment, output);
        });
        let now_ms = self.now_ms();
        if !output.batches.is_empty() && !self.is_healed && self.one_in(25) {
            let error = ResponseError::CoordinatorNotAvailable;
            self.rig.shard.stage();
            let ((), undone) = self.rig.step(|shard, environment, output| {
                shard.roll_back(error, environment, output);
            });
            output.replies.extend(undone.replies);
            for (_, reply) in &mut output.replies {
                *reply = Reply::Refused(error.into());
            }
            for job in output.assignments.drain(..) {
                self.jobs.push((now_ms, job)); // its result is late, and nobody wants it
            }
        } else {
            let jobs: Vec<AssignmentJob> = output.assignments.drain(..).collect();
            self.rig.commit(&mut output);
            for job in jobs {
                let at_ms = now_ms + self.delay_ms();
                self.jobs.push((at_ms, job));
            }
        }
        for (token, reply) in output.replies {
            self.answer(token, reply);
        }
    }

    fn answer(&mut self, token: Token, reply: Reply) {
        let Some((who, number)) = self.asked.remove(&token) else { return };
        if self.is_healed || !self.one_in(8) {
            let arrives_ms = self.now_ms() + self.delay_ms();
            self.answers.push((arrives_ms, who, number, reply));
        }
    }

    fn deliver_answers(&mut self) {
        let now_ms = self.now_ms();
        let due: Vec<_> = self.answers.extract_if(.., |answer| answer.0 <= now_ms).collect();
        for (_, who, number, reply) in due {
            let client = &mut self.clients[who];
            let is_awaited = client.asked.as_ref().is_some_and(|(_, asked, _)| *asked == number);
            if client.life != Life::In || !is_awaited {
                continue;
            }
            match reply {
                Reply::ConsumerGroupHeartbeat(response) => client.answered(&response, now_ms),
                Reply::Refused(refusal) => client.refused(&refusal, now_ms),
                other => panic!("another answer: {other:?}"),
            }
        }
    }

    /// What members believe to own is held for them, unless they were taken out.
    fn check(&self) {
        let Some(group) = self.rig.shard.consumer_groups().get("g") else { return };
        for client in self.clients.iter().filter(|client| client.life != Life::Away) {
            let Some(member) = group.member(&client.id) else { continue };
            let held: BTreeSet<Partition> =
                member.held().map(|(topic, partition)| (topic.0.as_u128(), partition)).collect();
            let extra: Vec<_> = client.owned.difference(&held).collect();
            assert!(extra.is_empty(), "{} owns {extra:?} and should not: {}", client.id, self.picture());
        }
    }

    /// All members have, together, each partition of what they read once.
    pub(super) fn is_settled(&self) -> bool {
        let mut owned: Vec<Partition> = Vec::new();
        for client in &self.clients {
            if client.epoch != self.epoch() || client.owned != client.told {
                return false;
            }
            owned.extend(&client.owned);
        }
        owned.sort_unstable();
        let named: BTreeSet<&str> =
            self.clients.iter().flat_map(|client| client.topics.iter().copied()).collect();
        let mut all: Vec<Partition> = Vec::new();
        for name in named {
            use crate::environment::Topics;
            if let Some(topic) = self.rig.topics.by_name(name) {
                all.extend((0..topic.partitions).map(|partition| (topic.id.0.as_u128(), partition)));
            }
        }
        all.sort_unstable();
        owned == all
    }

    pub(super) fn picture(&self) -> String {
        let group = self.rig.shard.consumer_groups().get("g");
        format!("{:#?}\n{group:#?}\n{:?}", self.clients, self.rig.topics)
    }
}
