//! The steps `member` and `steer`.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};
use serde_json::{Value, json};

use crate::step::{Step, config};
use crate::{Answer, emit};

/// What a member has and what it was given. The library calls back from within `poll`.
#[derive(Default)]
struct Journal {
    topic: String,
    is_async: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    owned: BTreeSet<i32>,
    delivered: Vec<(i32, i64, String)>,
    /// Offsets behind what was delivered and not committed.
    positions: BTreeMap<i32, i64>,
    /// Those whose commit is under way or was refused.
    sent: BTreeMap<i32, i64>,
}

impl Seen {
    /// Prints what was delivered, which comes before its commit.
    fn show(&mut self) {
        if !self.delivered.is_empty() {
            emit(&json!({ "records": mem::take(&mut self.delivered) }));
        }
    }

    fn change(&mut self, topic: &str, partitions: &TopicPartitionList, is_assigned: bool) {
        self.show();
        for partition in partitions.elements_for_topic(topic) {
            let partition = partition.partition();
            if is_assigned {
                self.owned.insert(partition);
            } else {
                self.owned.remove(&partition);
                self.positions.remove(&partition);
                self.sent.remove(&partition);
            }
        }
        emit(&json!({ "assigned": self.owned }));
    }
}

impl Journal {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics with the lock")
    }

    /// Commits all that was delivered, and waits. What is refused is tried with the next.
    fn commit(&self, client: &BaseConsumer<Self>) {
        let offsets = {
            let mut seen = self.seen();
            seen.show();
            let mut offsets = seen.sent.clone();
            offsets.extend(&seen.positions);
            offsets
        };
        if offsets.is_empty() {
            return;
        }
        let result = client.commit(&self.list(&offsets), CommitMode::Sync);
        report(&result, &offsets);
        if result.is_ok() {
            let mut seen = self.seen();
            seen.positions.clear();
            seen.sent.clear();
        }
    }

    /// Commits what was delivered since the last time. The library does not tell the answer: its `commit_callback` is for
    /// commits that it makes by itself.
    fn commit_later(&self, client: &BaseConsumer<Self>) {
        let offsets = {
            let mut seen = self.seen();
            seen.show();
            let offsets = mem::take(&mut seen.positions);
            seen.sent.extend(&offsets);
            offsets
        };
        if !offsets.is_empty() {
            let result = client.commit(&self.list(&offsets), CommitMode::Async);
            if result.is_err() {
                report(&result, &offsets);
            }
        }
    }

    fn turn(&self, client: &BaseConsumer<Self>) {
        if self.is_async { self.commit_later(client) } else { self.commit(client) }
    }

    fn list(&self, offsets: &BTreeMap<i32, i64>) -> TopicPartitionList {
        let step = Step { topic: self.topic.clone(), ..Step::default() };
        step.offsets_of(offsets.iter().map(|(partition, offset)| (*partition, *offset)))
    }
}

fn report(result: &KafkaResult<()>, offsets: &BTreeMap<i32, i64>) {
    emit(&match result {
        Ok(()) => json!({ "committed": offsets.iter().collect::<Vec<_>>() }),
        Err(error) => json!({ "refused": error.to_string() }),
    });
}

impl ClientContext for Journal {}

impl ConsumerContext for Journal {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.seen().change(&self.topic, partitions, true),
            Rebalance::Revoke(partitions) => {
                if !client.assignment_lost() {
                    self.commit(client);
                }
                self.seen().change(&self.topic, partitions, false);
            }
            Rebalance::Error(error) => emit(&json!({ "refused": error.to_string() })),
        }
    }
}

fn member_config(bootstrap: &str, step: &Step) -> ClientConfig {
    let mut config = config(bootstrap);
    config
        .set("group.id", &step.group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    if step.assignor == "consumer" {
        config.set("group.protocol", "consumer");
    } else {
        config.set("partition.assignment.strategy", &step.assignor);
        config
            .set("session.timeout.ms", step.session_timeout_ms.to_string())
            .set("heartbeat.interval.ms", "300");
    }
    if let Some(instance) = &step.instance {
        config.set("group.instance.id", instance);
    }
    config
}

pub fn member(bootstrap: &str, step: &Step) -> Answer {
    let is_async = step.commit.as_deref() == Some("async");
    let journal = Journal { topic: step.topic.clone(), is_async, ..Journal::default() };
    let client: BaseConsumer<Journal> = member_config(bootstrap, step).create_with_context(journal)?;
    client.subscribe(&[&step.topic])?;
    let (journal, deadline) = (client.context().as_ref(), step.deadline());
    while !step.is_stopped() && Instant::now() < deadline {
        match client.poll(Duration::from_millis(100)) {
            None => journal.turn(&client),
            Some(Err(error)) => emit(&json!({ "refused": error.to_string() })),
            Some(Ok(message)) => {
                if take(journal, &message) >= 50 {
                    journal.turn(&client);
                }
            }
        }
    }
    journal.commit(&client);
    drop(client); // leaves the group
    Ok(json!({ "left": true }))
}

/// Returns how many were delivered and not yet printed.
fn take(journal: &Journal, message: &impl Message) -> usize {
    let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
    let mut seen = journal.seen();
    seen.delivered.push((message.partition(), message.offset(), text));
    seen.positions.insert(message.partition(), message.offset() + 1);
    seen.delivered.len()
}

/// Alone in its group, goes about in the topic as README.md says.
pub fn steer(bootstrap: &str, step: &Step) -> Answer {
    let client: BaseConsumer = member_config(bootstrap, step).create()?;
    client.subscribe(&[&step.topic])?;
    let deadline = step.deadline();
    let collect =
        |count: i64, at_least_ms| collect(&client, count, Duration::from_millis(at_least_ms), deadline);
    let seek = |partition, offset| {
        client.seek(&step.topic, partition, rdkafka::Offset::Offset(offset), Duration::from_secs(10))
    };
    let (count, others) = (step.count, i64::from(step.partitions - 1));
    let first = step.offsets_of([(0, 0)]);
    let all = collect(count * (others + 1), 0)?;
    client.pause(&first)?;
    for partition in 0..step.partitions {
        seek(partition, 0)?;
    }
    let paused = collect(count * others, 500)?;
    seek(0, 5)?;
    client.resume(&first)?;
    let forward = collect(count - 5, 0)?;
    seek(1, count - 3)?;
    let back = collect(3, 200)?;
    let ends = step.offsets_of((0..step.partitions).map(|partition| (partition, count)));
    client.commit(&ends, CommitMode::Async)?;
    // The library does not tell the answer.
    while client.committed_offsets(step.all_partitions(), Duration::from_secs(10))? != ends {
        if Instant::now() > deadline {
            return Err("the commit does not come".into());
        }
        let _ = client.poll(Duration::from_millis(20));
    }
    Ok::<Value, _>(json!({ "all": all, "paused": paused, "forward": forward, "back": back }))
}

/// Polls for as many records and for as long.
fn collect(
    client: &BaseConsumer,
    count: i64,
    at_least: Duration,
    deadline: Instant,
) -> Result<Vec<(i32, i64)>, KafkaError> {
    let (mut found, count) = (Vec::new(), usize::try_from(count).unwrap_or(0));
    let until = Instant::now() + at_least;
    while (found.len() < count || Instant::now() < until) && Instant::now() < deadline {
        if let Some(message) = client.poll(Duration::from_millis(100)) {
            let message = message?;
            found.push((message.partition(), message.offset()));
        }
    }
    Ok(found)
}
