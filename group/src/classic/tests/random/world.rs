//! The coordinator, its clients, and a network that cannot be relied on.

use std::collections::BTreeMap;
use std::fmt;

use medallion_wire::ResponseError;

use super::super::rig::{Client, Rig};
use super::chance::Chance;
use super::clients::{Call, Consumer, REBALANCE_MS, REQUEST_TIMEOUT_MS, Stage};
use super::oracle::Oracle;
use crate::classic::ClassicState;
use crate::output::Token;
use crate::request::Reply;

const START_MS: i64 = 500;
const CLIENTS: usize = 5;

#[derive(Debug)]
enum Event {
    /// A client looks at what it has to do.
    Wake(usize),
    /// A request reaches the coordinator.
    Request { from: usize, number: u64, call: Call },
    /// An answer reaches its client.
    Answer { to: usize, number: u64, reply: Reply },
}

/// Whose request a token stands for: the client, its number, and what must be told of it.
#[derive(Debug)]
struct Asked {
    from: usize,
    number: u64,
    sync: Option<(i32, String)>,
    /// Of a heartbeat: the generation that it names, and the group's when it came.
    beat: Option<(i32, i32)>,
}

pub(super) struct World {
    rig: Rig,
    chance: Chance,
    consumers: Vec<Consumer>,
    events: BTreeMap<(i64, u64), Event>,
    asked: BTreeMap<Token, Asked>,
    oracle: Oracle,
    sequence: u64,
    has_faults: bool,
    restarts: u32,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut rig = Rig::new();
        rig.is_held = true;
        rig.settings.classic.initial_rebalance_delay_ms = i32::try_from(chance.below(4)).unwrap() * 1_000;
        let names = ["a", "b", "c", "d", "e"];
        let consumers = (0..CLIENTS).map(|index| {
            let version = [3, 4, 8, 9, 9][usize::try_from(chance.below(5)).unwrap()];
            let instance = chance.hits(50).then(|| format!("instance-{}", names[index]));
            let client =
                Client { version, instance, rebalance_ms: REBALANCE_MS, ..Client::new(names[index]) };
            Consumer::new(client.with_protocols(&[["range", "sticky"], ["sticky", "range"]][index % 2]))
        });
        let mut world = Self {
            rig,
            consumers: consumers.collect(),
            chance,
            events: BTreeMap::new(),
            asked: BTreeMap::new(),
            oracle: Oracle::default(),
            sequence: 0,
            has_faults: true,
            restarts: 0,
        };
        (0..CLIENTS).for_each(|index| world.schedule(100, Event::Wake(index)));
        world
    }

    pub(super) fn elapsed_ms(&self) -> i64 {
        self.rig.monotonic_ms - START_MS
    }

    pub(super) fn generation(&self) -> i32 {
        self.rig.groups.get("g").map_or(-1, |group| group.generation())
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Whether all clients are in one stable generation, and nobody else.
    pub(super) fn is_settled(&self) -> bool {
        let Some(group) = self.rig.groups.get("g") else { return false };
        group.state() == ClassicState::Stable
            && group.members().len() == CLIENTS
            && self.consumers.iter().all(|consumer| {
                consumer.stage == Stage::Stable
                    && consumer.generation == group.generation()
                    && group.member(&consumer.client.id).is_some()
            })
    }

    /// Faults stop, and everyone wants to be in the group.
    pub(super) fn heal(&mut self) {
        self.has_faults = false;
        for consumer in &mut self.consumers {
            if consumer.stage == Stage::Away {
                consumer.restart();
            }
        }
    }

    pub(super) fn run_until(&mut self, elapsed_ms: i64) {
        let end_ms = START_MS + elapsed_ms;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end_ms) {
            let ((due_ms, _), event) = entry.remove_entry();
            self.pass(due_ms);
            self.take(event);
            if !self.chance.hits(30) {
                self.end_turn();
            }
        }
        self.pass(end_ms);
        self.end_turn();
    }

    /// Time passes; timers fire when they are due, or late and many at once.
    fn pass(&mut self, until_ms: i64) {
        let is_late = self.has_faults && self.chance.hits(10);
        loop {
            let due_ms = self.rig.timers.next_deadline().filter(|due_ms| *due_ms <= until_ms);
            let Some(due_ms) = due_ms else { break };
            self.set_time(if is_late { until_ms } else { due_ms });
            self.rig.fire();
            self.end_turn();
        }
        self.set_time(until_ms);
    }

    fn set_time(&mut self, monotonic_ms: i64) {
        let passed_ms = monotonic_ms.max(self.rig.monotonic_ms) - self.rig.monotonic_ms;
        self.rig.monotonic_ms += passed_ms;
        self.rig.now_ms += passed_ms;
        if self.has_faults && self.chance.hits(1) {
            self.rig.now_ms += self.chance.below(7_200_000) - 3_600_000;
        }
    }

    fn schedule(&mut self, delay_ms: i64, event: Event) {
        self.sequence += 1;
        let _ = self.events.insert((self.rig.monotonic_ms + delay_ms, self.sequence), event);
    }

    /// How long something is under way: mostly not long.
    fn delay_ms(&mut self) -> i64 {
        if self.has_faults && self.chance.hits(10) {
            self.chance.below(40_000)
        } else {
            1 + self.chance.below(20)
        }
    }

    fn is_lost(&mut self) -> bool {
        self.has_faults && self.chance.hits(8)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Wake(index) => self.wake(index),
            Event::Request { from, number, call } => self.ask(from, number, &call),
            Event::Answer { to, number, reply } => {
                let consumer = &mut self.consumers[to];
                if consumer.outstanding.is_some_and(|(awaited, _)| awaited == number) {
                    consumer.take(&reply);
                    self.send(to, false);
                }
            }
        }
        if self.has_faults && self.chance.hits(1) && self.chance.hits(40) {
            self.restart();
        }
    }

    fn wake(&mut self, index: usize) {
        self.schedule(1_000, Event::Wake(index));
        if self.has_faults && self.chance.hits(3) {
            self.stray(index);
        }
        let now_ms = self.rig.monotonic_ms;
        let is_waiting = self.consumers[index]
            .outstanding
            .is_some_and(|(_, since_ms)| now_ms - since_ms < REQUEST_TIMEOUT_MS);
        if !is_waiting {
            self.send(index, true);
        }
    }

    /// A client leaves, dies, comes, or changes its mind.
    fn stray(&mut self, index: usize) {
        let consumer = &mut self.consumers[index];
        match self.chance.below(4) {
            0 => {
                let id = std::mem::take(&mut consumer.client.id);
                consumer.stage = Stage::Away;
                consumer.outstanding = None;
                if consumer.client.instance.is_none() {
                    self.post(index, 0, Call::Leave(id));
                }
            }
            1 => consumer.restart(),
            2 => consumer.client.protocols.reverse(),
            _ if consumer.stage == Stage::Away => consumer.restart(),
            _ => consumer.stage = Stage::Joining,
        }
    }

    /// Sends what a client has to say. Heartbeats wait for the client to wake.
    fn send(&mut self, index: usize, with_heartbeat: bool) {
        let Some(call) = self.consumers[index].call() else { return };
        if matches!(call, Call::Beat(..)) && !with_heartbeat {
            return;
        }
        self.sequence += 1;
        let number = self.sequence;
        self.consumers[index].outstanding = Some((number, self.rig.monotonic_ms));
        self.post(index, number, call);
    }

    /// Puts a request on its way: once, twice, or not at all.
    fn post(&mut self, from: usize, number: u64, call: Call) {
        if self.is_lost() {
            return;
        }
        if self.has_faults && self.chance.hits(8) {
            let delay_ms = self.delay_ms();
            self.schedule(delay_ms, Event::Request { from, number, call: call.clone() });
        }
        let delay_ms = self.delay_ms();
        self.schedule(delay_ms, Event::Request { from, number, call });
    }

    fn ask(&mut self, from: usize, number: u64, call: &Call) {
        let group_generation = self.generation();
        let (token, sync, beat) = match call {
            Call::Join(client) => (self.rig.join(client), None, None),
            Call::Sync(client, generation, assignments) => {
                let assignments: Vec<(&str, &str)> =
                    assignments.iter().map(|(id, assignment)| (&**id, &**assignment)).collect();
                let owner = client.instance.clone().unwrap_or_else(|| client.id.clone());
                let token = self.rig.sync(client, *generation, &assignments);
                (token, Some((*generation, owner)), None)
            }
            Call::Beat(client, generation) => {
                let (token, request) = (self.rig.token(), client.heartbeat_request(*generation));
                self.rig.step(|groups, environment, timers, output| {
                    groups.heartbeat(token, &request, environment, timers, output);
                });
                (token, None, Some((*generation, group_generation)))
            }
            Call::Leave(id) => {
                let (token, request) = (self.rig.token(), Client::leave_request(&[(id, None)]));
                self.rig.step(|groups, environment, timers, output| {
                    groups.leave(token, &request, environment, timers, output);
                });
                return; // nobody is there for the answer
            }
        };
        let _ = self.asked.insert(token, Asked { from, number, sync, beat });
    }

    /// The turn's records are appended, or not; its answers go out.
    fn end_turn(&mut self) {
        if self.has_faults && self.chance.hits(2) {
            self.rig.fail(ResponseError::NotCoordinator);
        } else {
            self.rig.commit();
        }
        for (token, reply) in std::mem::take(&mut self.rig.answers) {
            let Some(asked) = self.asked.remove(&token) else { continue };
            if let (Reply::SyncGroup(response), Some((generation, owner))) = (&reply, &asked.sync)
                && response.error_code == 0
            {
                self.oracle.tell(*generation, owner, &response.assignment);
            }
            if let (Reply::Heartbeat(response), Some((generation, group_generation))) = (&reply, asked.beat) {
                Oracle::beat(generation, group_generation, response.error_code);
            }
            if !self.is_lost() {
                let delay_ms = self.delay_ms();
                self.schedule(delay_ms, Event::Answer { to: asked.from, number: asked.number, reply });
            }
        }
        let newest = self.oracle.newest().unwrap_or(-1);
        assert!(self.generation() >= newest, "generation {} after {newest}", self.generation());
    }

    fn restart(&mut self) {
        self.end_turn();
        self.restarts += 1;
        self.asked.clear();
        self.rig.restart();
        self.end_turn();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("elapsed_ms", &self.elapsed_ms())
            .field("group", &self.rig.groups.get("g"))
            .field("consumers", &self.consumers)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
