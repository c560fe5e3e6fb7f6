//! Members that commit as fast as they are answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use medallion_wire::messages::OffsetCommitRequest;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use crate::connection::Connection;
use crate::member::{Identity, error_of, text};

const COMMIT: i16 = 9;

/// A member that commits.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) identity: Arc<Mutex<Identity>>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Outcome {
    pub(crate) commits: u64,
    pub(crate) refused: u64,
    pub(crate) seconds: f64,
}

/// Commits for some time, on so many connections, one request at a time on each; members take turns.
pub(crate) async fn run(
    address: &str,
    members: Vec<Committer>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Outcome> {
    anyhow::ensure!(!members.is_empty(), "there are no members");
    let (members, turn) = (Arc::new(members), Arc::new(AtomicUsize::new(0)));
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let begin = Instant::now();
    let workers: Vec<_> = opened
        .into_iter()
        .map(|connection| {
            tokio::spawn(commit_until(connection, Arc::clone(&members), Arc::clone(&turn), begin + time))
        })
        .collect();
    let mut outcome = Outcome::default();
    for worker in workers {
        let (commits, refused) = worker.await??;
        outcome.commits += commits;
        outcome.refused += refused;
    }
    outcome.seconds = begin.elapsed().as_secs_f64();
    Ok(outcome)
}

async fn commit_until(
    connection: Arc<Connection>,
    members: Arc<Vec<Committer>>,
    turn: Arc<AtomicUsize>,
    end: Instant,
) -> std::io::Result<(u64, u64)> {
    let (mut commits, mut refused) = (0, 0);
    while Instant::now() < end {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let request = request(&members[turn % members.len()], turn);
        let answer = connection.call(&request, COMMIT).await?;
        let codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let is_refused =
            codes.clone().count() != 1 || codes.clone().any(|one| error_of(one.error_code).is_some());
        if is_refused {
            refused += 1;
        } else {
            commits += 1;
        }
    }
    Ok((commits, refused))
}

fn request(member: &Committer, turn: usize) -> OffsetCommitRequest {
    let identity = member.identity.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(i64::try_from(turn).unwrap_or(i64::MAX));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(text(&member.topic).into())
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(text(&member.group).into())
        .with_generation_id_or_member_epoch(identity.epoch)
        .with_member_id(text(&identity.id))
        .with_topics(vec![topic])
}
