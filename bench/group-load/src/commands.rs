//! What this program is asked to do.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::board::Board;
use crate::commits::{self, Committer};
use crate::connection::Connection;
use crate::member::{Identity, Member};
use crate::{admin, classic, consumer};

/// How long groups may take to settle.
const PATIENCE: Duration = Duration::from_secs(180);

/// A command.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Command {
    /// Makes a topic, and waits for the coordinator.
    Prepare {
        /// Its name.
        topic: String,
        /// How many.
        partitions: usize,
    },
    /// Sets something of a group.
    Set {
        /// Which group.
        group: String,
        /// What.
        name: String,
        /// To what.
        value: String,
    },
    /// Members join, all at once, and groups settle.
    Join(Join),
    /// One member that has partitions leaves, and the group settles.
    Leave {
        /// Which group.
        group: String,
    },
    /// Members commit.
    Commit {
        /// For how long.
        seconds: u64,
        /// On so many connections, one request at a time on each.
        connections: usize,
    },
    /// Waits.
    Idle {
        /// How long.
        seconds: u64,
    },
    /// All members leave.
    Close,
}

/// Members that join.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Join {
    /// `classic` or `consumer`.
    protocol: Protocol,
    /// The group's name; with many groups what their names begin with.
    group: String,
    /// How many groups.
    #[serde(default = "one")]
    groups: usize,
    /// How many members join each.
    members: usize,
    topic: String,
    partitions: usize,
    #[serde(default)]
    assignor: String,
    /// Between heartbeats of the classic protocol.
    #[serde(default)]
    heartbeat_ms: u64,
    /// So many connections are shared; none means that each member has its own. Members of the classic protocol that share one
    /// must be alone in their groups, for a server answers a connection's requests one after another.
    #[serde(default)]
    connections: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Protocol {
    Classic,
    Consumer,
}

fn one() -> usize {
    1
}

/// A member that runs.
#[derive(Debug)]
struct Running {
    number: usize,
    group: String,
    topic: String,
    partitions: usize,
    identity: Arc<Mutex<Identity>>,
    leave: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// All members, and whoever asks for them.
#[derive(Debug)]
pub(crate) struct Driver {
    address: String,
    board: Arc<Board>,
    admin: Option<Arc<Connection>>,
    shared: Vec<Arc<Connection>>,
    members: Vec<Running>,
    groups: usize,
    next_number: usize,
}

impl Driver {
    pub(crate) fn new(address: String) -> Self {
        let board = Arc::new(Board::default());
        Self {
            address,
            board,
            admin: None,
            shared: Vec::new(),
            members: Vec::new(),
            groups: 0,
            next_number: 0,
        }
    }

    pub(crate) async fn run(&mut self, command: Command) -> anyhow::Result<Value> {
        match command {
            Command::Prepare { topic, partitions } => {
                admin::prepare(&*self.admin().await?, &topic, partitions).await?;
                Ok(json!({}))
            }
            Command::Set { group, name, value } => {
                admin::set(&*self.admin().await?, &group, &name, &value).await?;
                Ok(json!({}))
            }
            Command::Join(join) => self.join(join).await,
            Command::Leave { group } => self.leave(&group).await,
            Command::Commit { seconds, connections } => self.commit(seconds, connections).await,
            Command::Idle { seconds } => {
                let _ = self.board.take_counts();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(self.with_counts(json!({ "seconds": seconds })))
            }
            Command::Close => self.close().await,
        }
    }

    async fn admin(&mut self) -> anyhow::Result<Arc<Connection>> {
        if self.admin.is_none() {
            self.admin = Some(Connection::open(&self.address).await?);
        }
        self.admin.clone().context("it was just opened")
    }

    async fn join(&mut self, join: Join) -> anyhow::Result<Value> {
        while self.shared.len() < join.connections {
            self.shared.push(Connection::open(&self.address).await?);
        }
        let mut joining = Vec::new();
        for group in 0..join.groups {
            let group = if join.groups == 1 { join.group.clone() } else { format!("{}-{group}", join.group) };
            self.groups += usize::from(!self.members.iter().any(|member| member.group == group));
            self.board.expect(&group, isize::try_from(join.members)?, join.partitions);
            for _ in 0..join.members {
                let connection = match self.next_number.checked_rem(join.connections) {
                    Some(shared) => Arc::clone(&self.shared[shared]),
                    None => Connection::open(&self.address).await?,
                };
                joining.push(self.member(&join, &group, connection));
            }
        }
        let _ = self.board.take_counts();
        let begin = Instant::now();
        for (member, leave) in joining {
            let (number, partitions) = (member.number, member.partitions);
            let (group, topic) = (member.group.clone(), member.topic.clone());
            let identity = Arc::clone(&member.identity);
            let task = match join.protocol {
                Protocol::Classic => tokio::spawn(classic::live(member)),
                Protocol::Consumer => tokio::spawn(consumer::live(member)),
            };
            self.members.push(Running { number, group, topic, partitions, identity, leave, task });
        }
        self.settle(begin).await
    }

    fn member(
        &mut self,
        join: &Join,
        group: &str,
        connection: Arc<Connection>,
    ) -> (Member, watch::Sender<bool>) {
        let (leave, leaves) = watch::channel(false);
        let number = self.next_number;
        self.next_number += 1;
        let member = Member {
            number,
            group: group.to_owned(),
            topic: join.topic.clone(),
            partitions: join.partitions,
            assignor: join.assignor.clone(),
            heartbeat_ms: join.heartbeat_ms,
            connection,
            board: Arc::clone(&self.board),
            identity: Arc::default(),
            leaves,
        };
        (member, leave)
    }

    async fn leave(&mut self, group: &str) -> anyhow::Result<Value> {
        let number = self.board.last_with_partitions(group).context("nobody has partitions")?;
        let place =
            self.members.iter().position(|member| member.number == number).context("no such member")?;
        let member = self.members.swap_remove(place);
        let _ = self.board.take_counts();
        self.board.expect(group, -1, member.partitions);
        let begin = Instant::now();
        let _ = member.leave.send(true);
        self.settle(begin).await
    }

    /// Waits until all groups have settled, here and in the server's eyes.
    async fn settle(&mut self, begin: Instant) -> anyhow::Result<Value> {
        let admin = self.admin().await?;
        let settled = tokio::time::timeout(PATIENCE, async {
            loop {
                let at = self.board.all_settled().await;
                if admin::stable_groups(&admin).await? == self.groups && self.board.all_settled().await == at
                {
                    return anyhow::Ok(at);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        match settled.await {
            Ok(at) => {
                let seconds = (at? - begin).as_secs_f64();
                Ok(self.with_counts(json!({ "seconds": seconds })))
            }
            Err(_) => bail!(
                "not settled within {PATIENCE:?}: {} {:?}",
                self.board.describe(),
                self.board.take_counts()
            ),
        }
    }

    fn with_counts(&self, mut answer: Value) -> Value {
        let (counts, trouble) = self.board.take_counts();
        answer["counts"] = json!(counts);
        answer["trouble"] = json!(trouble);
        answer
    }

    async fn commit(&mut self, seconds: u64, connections: usize) -> anyhow::Result<Value> {
        let members = self.members.iter().map(|member| Committer {
            group: member.group.clone(),
            topic: member.topic.clone(),
            identity: Arc::clone(&member.identity),
        });
        let time = Duration::from_secs(seconds);
        let outcome = commits::run(&self.address, members.collect(), connections, time).await?;
        Ok(self.with_counts(serde_json::to_value(outcome)?))
    }

    async fn close(&mut self) -> anyhow::Result<Value> {
        let members = std::mem::take(&mut self.members);
        for member in &members {
            let _ = member.leave.send(true);
        }
        let begin = Instant::now();
        let mut groups: Vec<String> = Vec::new();
        for member in members {
            member.task.await?;
            groups.push(member.group);
        }
        for group in &groups {
            self.board.forget(group);
        }
        self.shared.clear();
        self.groups = 0;
        Ok(self.with_counts(json!({ "seconds": begin.elapsed().as_secs_f64() })))
    }
}
