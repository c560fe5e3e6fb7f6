//! Members of groups that run while the test does something to them, to others, or to the server.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::environment::Missing;
use crate::kcat;

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a member joins.
#[derive(Debug, Clone, Copy)]
pub struct Join<'a> {
    /// Which group.
    pub group: &'a str,
    /// It reads this topic, from its start where nothing is committed.
    pub topic: &'a str,
    /// `range` or `cooperative-sticky`; `consumer` for the consumer protocol (KIP-848), whose sessions the server sets.
    pub assignor: &'a str,
    /// Its `group.instance.id`.
    pub instance: Option<&'a str>,
}

/// The members' `session.timeout.ms`: the least that brokers take.
pub const SESSION_TIMEOUT_MS: u32 = 6000;

/// What a member saw, and when the test learned of it.
#[derive(Debug, Clone)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What a member saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// All partitions that it has from now on, and as whom where the client tells it.
    Assigned {
        /// The partitions, sorted.
        partitions: Vec<i32>,
        /// The member's id.
        member: Option<String>,
        /// The group's generation.
        generation: Option<i32>,
    },
    /// A record came: partition, offset, value.
    Record(i32, i64, String),
    /// The server has taken these offsets of partitions.
    Committed(Vec<(i32, i64)>),
    /// The server, or the client, refused something.
    Refused(String),
    /// It has left the group.
    Left,
}

/// A running member, in a process of its own.
#[derive(Debug)]
pub struct Member {
    client: Client,
    child: Child,
    folder: TempDir,
    events: Arc<(Mutex<Vec<Event>>, Condvar)>,
    readers: Vec<JoinHandle<()>>,
    errors: Arc<Mutex<String>>,
}

impl Member {
    /// Starts a member.
    ///
    /// # Errors
    /// Where the client is not on this machine.
    pub fn start(client: Client, bootstrap: &str, join: Join<'_>) -> Result<Self, Missing> {
        Self::start_with_session(client, bootstrap, join, SESSION_TIMEOUT_MS)
    }

    /// As [`Member::start`], with a session that outlasts the start of any server.
    ///
    /// # Errors
    /// Where the client is not on this machine.
    pub fn start_patient(client: Client, bootstrap: &str, join: Join<'_>) -> Result<Self, Missing> {
        Self::start_with_session(client, bootstrap, join, 10 * SESSION_TIMEOUT_MS)
    }

    fn start_with_session(
        client: Client,
        bootstrap: &str,
        join: Join<'_>,
        session_timeout_ms: u32,
    ) -> Result<Self, Missing> {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut command = match client {
            Client::Kcat => {
                kcat::member(bootstrap, join.group, join.topic, join.assignor, session_timeout_ms)?
            }
            _ => client.command()?,
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| Missing(format!("{client:?} does not start: {error}")))?;
        let step = json!({
            "do": "member", "group": join.group, "topic": join.topic, "assignor": join.assignor, "instance": join.instance,
            "session_timeout_ms": session_timeout_ms, "stop": folder.path().join("stop"), "seconds": 170,
        });
        let mut input = child.stdin.take().expect("piped");
        if client != Client::Kcat {
            let request = json!({ "bootstrap": bootstrap, "steps": [step] });
            writeln!(input, "{request}").expect("the program reads its input");
        }
        drop(input);
        let mut member = Self {
            client,
            child,
            folder,
            events: Arc::default(),
            readers: Vec::new(),
            errors: Arc::default(),
        };
        member.listen();
        Ok(member)
    }

    fn listen(&mut self) {
        let output = self.child.stdout.take().expect("piped");
        let errors = self.child.stderr.take().expect("piped");
        let is_kcat = self.client == Client::Kcat;
        let parse = if is_kcat { parse_kcat } else { parse_event };
        self.readers.push(self.read(output, move |line, _| parse(line)));
        self.readers.push(self.read(errors, move |line, errors| {
            errors.push_str(line);
            errors.push('\n');
            if is_kcat { parse_kcat_notice(line) } else { Vec::new() }
        }));
    }

    fn read(
        &self,
        from: impl Read + Send + 'static,
        parse: impl Fn(&str, &mut String) -> Vec<What> + Send + 'static,
    ) -> JoinHandle<()> {
        let (events, errors) = (Arc::clone(&self.events), Arc::clone(&self.errors));
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let seen = parse(&line, &mut lock(&errors));
                let at = Instant::now();
                lock(&events.0).extend(seen.into_iter().map(|what| Event { at, what }));
                events.1.notify_all();
            }
        })
    }

    /// Waits until what the member saw is as the test wants it.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for(&self, wanted: &str, is_there: impl Fn(&[Event]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut events = lock(&self.events.0);
        while !is_there(&events) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.readers.iter().all(JoinHandle::is_finished) {
                let last: Vec<_> =
                    events.iter().filter(|e| !matches!(e.what, What::Record(..))).rev().take(12).collect();
                panic!("{:?} does not see {wanted}; last {last:?}\n{}", self.client, lock(&self.errors));
            }
            let waited = self.events.1.wait_timeout(events, left.min(Duration::from_millis(200)));
            events = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the member has as many partitions as this.
    pub fn wait_for_partitions(&self, count: usize) {
        self.wait_for(&format!("{count} partitions"), |events| {
            assigned(events).is_some_and(|p| p.len() == count)
        });
    }

    /// Waits until records come from now on.
    pub fn wait_for_records(&self, count: usize) {
        let now = Instant::now();
        let is_new = |event: &&Event| event.at > now && matches!(event.what, What::Record(..));
        self.wait_for(&format!("{count} new records"), |events| {
            events.iter().filter(is_new).count() >= count
        });
    }

    /// What the member saw until now.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events.0).clone()
    }

    /// Lets the member leave, and returns all that it saw.
    pub fn stop(mut self) -> Vec<Event> {
        if self.client == Client::Kcat {
            self.signal(Signal::TERM);
        } else {
            fs::write(self.folder.path().join("stop"), "").expect("a file can be written");
        }
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("it is this process's child").is_none() {
            assert!(Instant::now() < deadline, "{:?} does not leave\n{}", self.client, lock(&self.errors));
            thread::sleep(Duration::from_millis(10));
        }
        let events = self.finish();
        let left = self.client == Client::Kcat || events.last().is_some_and(|event| event.what == What::Left);
        assert!(left, "{:?} ended early: {:?}\n{}", self.client, events.last(), lock(&self.errors));
        events
    }

    /// Kills the member (SIGKILL), and returns all that it saw.
    pub fn kill(mut self) -> Vec<Event> {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        self.finish()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("the member's process is there");
    }

    fn finish(&mut self) -> Vec<Event> {
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        self.events()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The partitions that a member had in the end.
pub fn assigned(events: &[Event]) -> Option<&[i32]> {
    events.iter().rev().find_map(|event| match &event.what {
        What::Assigned { partitions, .. } => Some(partitions.as_slice()),
        _ => None,
    })
}

fn parse_event(line: &str) -> Vec<What> {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let list = |field: &str| event[field].as_array().into_iter().flatten().cloned();
    let number = |value: &Value| value.as_i64().expect("a number");
    let index = |value: &Value| i32::try_from(number(value)).expect("a partition");
    if event.get("records").is_some() {
        let record =
            |r: Value| What::Record(index(&r[0]), number(&r[1]), r[2].as_str().expect("a text").to_owned());
        return list("records").map(record).collect();
    }
    vec![if event.get("assigned").is_some() {
        What::Assigned {
            partitions: list("assigned").map(|p| index(&p)).collect(),
            member: event["member"].as_str().map(str::to_owned),
            generation: event.get("generation").map(index),
        }
    } else if event.get("committed").is_some() {
        What::Committed(list("committed").map(|pair| (index(&pair[0]), number(&pair[1]))).collect())
    } else if event.get("left").is_some() || event.get("results").is_some() {
        let failed = event["results"][0].get("error");
        failed.map_or(What::Left, |error| What::Refused(error.to_string()))
    } else {
        What::Refused(event.to_string())
    }]
}

fn parse_kcat(line: &str) -> Vec<What> {
    let mut fields = line.splitn(3, ' ');
    let mut field = || fields.next().unwrap_or_else(|| panic!("not a record: {line}"));
    let (partition, offset, value) = (field(), field(), field());
    vec![What::Record(
        partition.parse().expect("a partition"),
        offset.parse().expect("an offset"),
        value.to_owned(),
    )]
}

/// `% Group NAME rebalanced (memberid ...): assigned: topic [0], topic [1]`, or `revoked: ...` of all that it had.
fn parse_kcat_notice(line: &str) -> Vec<What> {
    if !line.starts_with("% Group ") {
        return Vec::new();
    }
    let Some((_, list)) = line.split_once(": assigned: ") else {
        return vec![What::Assigned { partitions: Vec::new(), member: None, generation: None }];
    };
    let partition = |entry: &str| entry.split_once('[')?.1.trim_end_matches(']').parse().ok();
    let partitions = list.split(", ").filter_map(partition).collect();
    vec![What::Assigned { partitions, member: None, generation: None }]
}

/// What all members of a group saw together, held against what a group promises.
#[derive(Debug, Default)]
pub struct Account {
    members: Vec<(String, Vec<Event>)>,
}

/// A record that came to someone.
#[derive(Debug, Clone)]
struct Delivery {
    at: Instant,
    member: usize,
    value: String,
}

impl Account {
    /// Adds a member that has ended.
    pub fn add(&mut self, name: &str, events: Vec<Event>) {
        self.members.push((name.to_owned(), events));
    }

    fn deliveries(&self) -> BTreeMap<(i32, i64), Vec<Delivery>> {
        let mut found: BTreeMap<(i32, i64), Vec<Delivery>> = BTreeMap::new();
        for (member, (_, events)) in self.members.iter().enumerate() {
            for event in events {
                if let What::Record(partition, offset, value) = &event.what {
                    let delivery = Delivery { at: event.at, member, value: value.clone() };
                    found.entry((*partition, *offset)).or_default().push(delivery);
                }
            }
        }
        for deliveries in found.values_mut() {
            deliveries.sort_by_key(|delivery| delivery.at);
        }
        found
    }

    /// Every offset below the ends came to someone; none came after it was committed; and what came twice came to `fallible`
    /// members first. Returns how many came twice.
    pub fn check(&self, ends: &[i64], fallible: &[&str]) -> usize {
        let found = self.deliveries();
        for (partition, end) in (0..).zip(ends) {
            let missing: Vec<_> =
                (0..*end).filter(|offset| !found.contains_key(&(partition, *offset))).collect();
            assert!(
                missing.is_empty(),
                "{} records of partition {partition} came to nobody, first {:?}",
                missing.len(),
                missing.first()
            );
        }
        let again = found.iter().filter(|(_, deliveries)| deliveries.len() > 1);
        again.inspect(|(at, deliveries)| self.check_again(**at, deliveries, fallible)).count()
    }

    /// What else the member of a delivery saw shortly before and after it, a line for each.
    fn around(&self, delivery: &Delivery) -> String {
        let near = |event: &&Event| {
            let distance = event.at.max(delivery.at) - event.at.min(delivery.at);
            distance < Duration::from_secs(2) && !matches!(event.what, What::Record(..))
        };
        let (_, events) = &self.members[delivery.member];
        let lines = events.iter().filter(near).map(|event| {
            let sign = if event.at < delivery.at { '-' } else { '+' };
            let distance = event.at.max(delivery.at) - event.at.min(delivery.at);
            format!("{sign}{distance:?} {:?}", event.what)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn check_again(&self, (partition, offset): (i32, i64), deliveries: &[Delivery], fallible: &[&str]) {
        for pair in deliveries.windows(2) {
            let (first, again) = (&pair[0], &pair[1]);
            assert_eq!(first.value, again.value, "offset {offset} of partition {partition}");
            let name = self.members[first.member].0.as_str();
            assert!(
                fallible.contains(&name),
                "offset {offset} of partition {partition} came to {name}, and again to {} {:?} later; around it {name} saw\n{}",
                self.members[again.member].0,
                again.at - first.at,
                self.around(first)
            );
            let committed = self.members.iter().flat_map(|(_, events)| events).find(|event| {
                let What::Committed(offsets) = &event.what else { return false };
                event.at < again.at && offsets.iter().any(|(p, o)| *p == partition && *o > offset)
            });
            assert!(
                committed.is_none(),
                "offset {offset} of partition {partition} came again although {committed:?}"
            );
        }
    }
}
