//! Members as clients of the consumer protocol are: one request at a time, sent again when no answer comes.

use std::collections::BTreeSet;

use medallion_wire::ResponseError;
use medallion_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::super::rig::{beating, joining, owning};
use crate::request::Refusal;

/// After so long without an answer a request is sent again.
pub(super) const TIMEOUT_MS: i64 = 3_000;

pub(super) type Partition = (u128, i32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It is no member and does not want to be.
    Away,
    /// It is a member, or wants to be.
    In,
    /// It hangs: it sends nothing and reads nothing.
    Hanging,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) life: Life,
    pub(super) epoch: i32,
    pub(super) topics: Vec<&'static str>,
    pub(super) owned: BTreeSet<Partition>,
    /// What it was told to own.
    pub(super) told: BTreeSet<Partition>,
    /// What it has to say: its subscription, or what it owns by now.
    has_news: bool,
    says_topics: bool,
    /// The request that is not answered, its number, and since when.
    pub(super) asked: Option<(ConsumerGroupHeartbeatRequest, u64, i64)>,
    pub(super) next_ms: i64,
}

impl Client {
    pub(super) fn new(number: usize) -> Self {
        Self {
            id: format!("m{number}-0"),
            life: Life::Away,
            epoch: 0,
            topics: vec!["t"],
            owned: BTreeSet::new(),
            told: BTreeSet::new(),
            has_news: false,
            says_topics: false,
            asked: None,
            next_ms: 0,
        }
    }

    /// The request that it sends now. It gives partitions up before it says so, and takes new ones after it was told.
    pub(super) fn request(&mut self, number: u64, now_ms: i64) -> ConsumerGroupHeartbeatRequest {
        if let Some((request, asked, since_ms)) = &mut self.asked {
            (*asked, *since_ms) = (number, now_ms);
            return request.clone();
        }
        if self.owned != self.told {
            self.owned.clone_from(&self.told);
            self.has_news = true;
        }
        let mut request = match self.epoch {
            0 => joining(&self.id, &self.topics),
            epoch if self.has_news => owning(&self.id, epoch, &grouped(&self.owned)),
            epoch => beating(&self.id, epoch),
        };
        if self.says_topics {
            request.subscribed_topic_names = joining(&self.id, &self.topics).subscribed_topic_names;
        }
        self.asked = Some((request.clone(), number, now_ms));
        request
    }

    pub(super) fn answered(&mut self, response: &ConsumerGroupHeartbeatResponse, now_ms: i64) {
        self.asked = None;
        assert!(
            response.member_epoch >= self.epoch,
            "{} goes back to epoch {}",
            self.id,
            response.member_epoch
        );
        self.epoch = response.member_epoch;
        (self.has_news, self.says_topics) = (false, false);
        if let Some(assignment) = &response.assignment {
            let topics = assignment.topic_partitions.iter();
            self.told = topics
                .flat_map(|topic| topic.partitions.iter().map(|at| (topic.topic_id.as_u128(), *at)))
                .collect();
            // Giving up takes effect at once, so that what is owned is never more than what was told.
            self.owned.retain(|partition| self.told.contains(partition));
            self.has_news = true;
            self.next_ms = now_ms;
        } else {
            self.next_ms = now_ms + 1_000;
        }
    }

    pub(super) fn refused(&mut self, refusal: &Refusal, now_ms: i64) {
        match refusal.error {
            ResponseError::UnknownMemberId | ResponseError::GroupIdNotFound => {
                self.asked = None;
                self.forget(now_ms);
            }
            ResponseError::FencedMemberEpoch => panic!("{} was fenced off: {:?}", self.id, refusal.message),
            // Retriable: the same request once more.
            _ => self.next_ms = now_ms + 200,
        }
    }

    /// It gives everything up and begins anew, under another id.
    pub(super) fn forget(&mut self, now_ms: i64) {
        let (number, life) = self.id.split_once('-').expect("ids are made so");
        self.id = format!("{number}-{}", life.parse::<u32>().expect("a number") + 1);
        self.epoch = 0;
        self.owned.clear();
        self.told.clear();
        self.asked = None;
        (self.has_news, self.says_topics) = (false, false);
        self.next_ms = now_ms + 100;
    }

    pub(super) fn subscribe(&mut self, topics: Vec<&'static str>) {
        if self.asked.is_none() && self.epoch > 0 {
            self.topics = topics;
            self.says_topics = true;
        }
    }
}

fn grouped(owned: &BTreeSet<Partition>) -> Vec<(u128, Vec<i32>)> {
    let mut topics: Vec<(u128, Vec<i32>)> = Vec::new();
    for (topic, partition) in owned {
        match topics.last_mut() {
            Some((last, partitions)) if last == topic => partitions.push(*partition),
            _ => topics.push((*topic, vec![*partition])),
        }
    }
    topics
}
