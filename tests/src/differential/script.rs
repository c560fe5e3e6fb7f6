//! Scenarios: what is asked of both servers, and the account of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use super::compare::{Accepted, Difference, differences};
use super::mutate::Mutator;
use super::normalise::{Rule, normalise};
use super::pair::Pair;
use super::schema::Apis;

/// How long two replies that only read may differ: brokers learn of changes a little after the controller.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many differences in the same field are shown.
const SHOWN_PER_FIELD: usize = 5;

/// What is asked of one API, once for each version.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The API.
    pub api: &'static str,
    /// Whether its requests change nothing, so that they may be asked again.
    pub reads: bool,
    /// Fields that mutations leave alone.
    pub frozen: &'static [&'static str],
    /// How many mutations there are for each version, as a part of the usual number in percent.
    pub mutations_percent: usize,
    /// Asks.
    pub run: fn(&mut Script<'_>),
}

/// How a run is set up.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What may differ.
    pub rules: &'static [Rule],
    /// What differs, and why.
    pub accepted: &'static [Accepted],
    /// What all random choices come from.
    pub seed: u64,
    /// Mutations for each API and version.
    pub cases: usize,
}

/// A case in which the servers differ.
#[derive(Debug)]
struct Failure {
    case: String,
    request: Value,
    differences: Vec<Difference>,
}

/// All scenarios on one pair of servers.
#[derive(Debug)]
pub struct Run {
    pair: Pair,
    apis: Apis,
    /// The versions that both advertise, by API.
    versions: BTreeMap<String, (i16, i16)>,
    plan: Plan,
    used: BTreeSet<usize>,
    failures: Vec<Failure>,
    /// Written cases and mutations for each API and version.
    counts: BTreeMap<(String, i16), (usize, usize)>,
}

impl Run {
    /// A run on fresh servers.
    pub fn new(mut pair: Pair, apis: Apis, plan: Plan) -> Self {
        let [kafka, medallion] = pair.ask(&apis["ApiVersions"], 0, &json!({})).map(|reply| ranges(&reply));
        let both = apis.values().filter_map(|api| {
            let (theirs, ours) = (kafka.get(&api.key)?, medallion.get(&api.key)?);
            Some((api.name.clone(), (theirs.0.max(ours.0), theirs.1.min(ours.1))))
        });
        let versions = both.collect();
        let (used, failures, counts) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
        Self { pair, apis, versions, plan, used, failures, counts }
    }

    /// The names of the APIs that both advertise.
    pub fn apis(&self) -> impl Iterator<Item = &str> {
        self.versions.keys().map(String::as_str)
    }

    /// Runs a scenario in every version that both advertise, then its mutations.
    pub fn scenario(&mut self, scenario: &Scenario) {
        let (first, last) = self.versions[scenario.api];
        for version in first..=last {
            let last = Value::Null;
            let mut script = Script {
                run: self,
                scenario,
                version,
                sent: Vec::new(),
                texts: Vec::new(),
                last: [last.clone(), last],
            };
            (scenario.run)(&mut script);
            script.mutations();
        }
    }

    /// Panics with all differences that are not accepted, and after a whole run with the entries of the list that
    /// nothing needs. Where the reason begins with `at times:`, a run need not meet the difference.
    pub fn finish(&self, whole: bool) {
        println!("{}", self.table());
        let mut text = self.failures_text();
        for (index, entry) in self.plan.accepted.iter().enumerate() {
            if whole && !self.used.contains(&index) && !entry.reason.starts_with("at times:") {
                let _ = writeln!(text, "nothing needs this entry of the accepted differences: {entry:?}");
            }
        }
        assert!(text.is_empty(), "{text}");
    }

    /// The cases that differ; of differences in the same field only the first few.
    fn failures_text(&self) -> String {
        let (mut text, mut seen) = (String::new(), BTreeMap::new());
        for failure in &self.failures {
            let api = failure.case.split(' ').next().unwrap_or_default();
            let mut lines = String::new();
            for Difference { path, kafka, medallion } in &failure.differences {
                let field = kind_of_field(path);
                let times = seen.entry((api, field)).or_insert(0);
                *times += 1;
                if *times <= SHOWN_PER_FIELD {
                    let [kafka, medallion] = [kafka, medallion].map(|text| shortened(text));
                    let _ =
                        writeln!(lines, "    {path}\n      Kafka     {kafka}\n      Medallion {medallion}");
                }
            }
            if !lines.is_empty() {
                let request = shortened(&failure.request.to_string());
                let _ = write!(text, "{}\n    {request}\n{lines}", failure.case);
            }
        }
        if !self.failures.is_empty() {
            let (count, seed) = (self.failures.len(), self.plan.seed);
            text = format!("{count} cases differ (MEDALLION_DIFFERENTIAL_SEED={seed} repeats them):\n{text}");
        }
        text
    }

    fn table(&self) -> String {
        let rows = self.counts.iter().map(|((api, version), (written, made))| {
            format!("{api} v{version}: {written} written, {made} made\n")
        });
        let (written, made) =
            self.counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let accepted = self.used.len();
        let total = format!(
            "{} APIs and versions, {written} written cases, {made} made ones, {accepted} accepted differences",
            self.counts.len()
        );
        rows.chain([total]).collect()
    }

    /// Asks both and keeps the case if they differ. Returns both replies as they came.
    fn compare(&mut self, case: &str, api: &str, version: i16, again: bool, request: &Value) -> [Value; 2] {
        let deadline = Instant::now() + PATIENCE;
        // Where much differs already, waiting helps nobody.
        let patient = self.failures.len() < 20;
        loop {
            let replies = self.pair.ask(&self.apis[api], version, request);
            let sides = [&self.pair.kafka, &self.pair.medallion];
            let [kafka, medallion] =
                [0, 1].map(|i| normalise(self.plan.rules, api, sides[i].anonymous(replies[i].clone())));
            let (accepted, rest): (Vec<_>, Vec<_>) =
                differences(&kafka, &medallion).into_iter().partition(|d| self.accepts(api, d).is_some());
            if !rest.is_empty() && again && patient && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
                continue;
            }
            let used: Vec<_> = accepted.iter().filter_map(|d| self.accepts(api, d)).collect();
            self.used.extend(used);
            if !rest.is_empty() {
                let case = format!("{api} v{version} {case}");
                self.failures.push(Failure { case, request: request.clone(), differences: rest });
            }
            return replies;
        }
    }

    fn accepts(&self, api: &str, difference: &Difference) -> Option<usize> {
        self.plan.accepted.iter().position(|entry| entry.covers(api, difference))
    }
}

/// A field's path without the indexes and names in it.
fn kind_of_field(path: &str) -> String {
    let mut depth = 0;
    let outside = path.chars().filter(|c| {
        depth += i32::from(matches!(c, '[' | '{')) - i32::from(matches!(c, ']' | '}'));
        depth == 0
    });
    outside.collect()
}

fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 300;
    let start: String = text.chars().take(CHARACTERS).collect();
    if start.len() < text.len() { start + "..." } else { start }
}

/// The versions of an ApiVersions response, by API key.
pub fn ranges(reply: &Value) -> BTreeMap<i16, (i16, i16)> {
    let number = |value: &Value| i16::try_from(value.as_i64().expect("a number")).expect("16 bits");
    let apis = reply["ApiKeys"].as_array().expect("an array").iter();
    apis.map(|api| (number(&api["ApiKey"]), (number(&api["MinVersion"]), number(&api["MaxVersion"]))))
        .collect()
}

/// One scenario in one version.
#[derive(Debug)]
pub struct Script<'a> {
    run: &'a mut Run,
    scenario: &'a Scenario,
    version: i16,
    /// The requests of the API so far, for mutations.
    sent: Vec<Value>,
    /// Names that the scenario uses, for mutations.
    texts: Vec<String>,
    last: [Value; 2],
}

impl Script<'_> {
    /// The version that is asked in.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// A topic's name for this scenario and version alone.
    pub fn name(&self, topic: &str) -> String {
        format!("{}-{}-{topic}", self.scenario.api.to_lowercase(), self.version)
    }

    /// Asks both servers the scenario's API and compares.
    pub fn ask(&mut self, case: &str, request: Value) {
        let key = (self.scenario.api.to_owned(), self.version);
        self.run.counts.entry(key).or_default().0 += 1;
        self.last = self.run.compare(case, self.scenario.api, self.version, self.scenario.reads, &request);
        self.sent.push(request);
    }

    /// Asks both servers another API in the newest version and compares; it must change nothing.
    pub fn look(&mut self, case: &str, api: &str, request: Value) {
        let version = self.run.versions[api].1;
        self.last = self.run.compare(case, api, version, true, &request);
    }

    /// Asks both servers another API, which may change something, and compares.
    pub fn other(&mut self, case: &str, api: &str, version: i16, request: Value) {
        self.last = self.run.compare(case, api, version, false, &request);
    }

    /// Keeps a value of the last replies, by its JSON pointer; requests say `<name>` for it.
    pub fn capture(&mut self, name: &str, pointer: &str) {
        for (side, reply) in self.run.pair.sides().into_iter().zip(&self.last) {
            side.capture(name, reply.pointer(pointer).cloned().unwrap_or(Value::Null));
        }
    }

    /// Creates a topic on both and waits until its partitions are led. Returns its name.
    pub fn create(&mut self, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> String {
        let name = self.name(topic);
        let configs: Vec<_> =
            configs.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        let asked =
            json!({ "Name": name, "NumPartitions": partitions, "ReplicationFactor": 1, "Configs": configs });
        self.other("set up", "CreateTopics", 7, json!({ "Topics": [asked], "timeoutMs": 10_000 }));
        self.settle(&name, partitions);
        self.texts.extend([name.clone(), format!("<id:{name}>")]);
        name
    }

    /// Waits until both servers answer for all partitions of a topic.
    pub fn settle(&mut self, topic: &str, partitions: i32) {
        let partitions: Vec<_> =
            (0..partitions).map(|p| json!({ "PartitionIndex": p, "Timestamp": -1 })).collect();
        let request = json!({ "ReplicaId": -1, "Topics": [{ "Name": topic, "Partitions": partitions }] });
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let replies = self.run.pair.ask(&self.run.apis["ListOffsets"], 7, &request);
            let settled = replies.iter().all(|reply| {
                let partitions = reply["Topics"][0]["Partitions"].as_array();
                partitions.is_some_and(|list| list.iter().all(|partition| partition["ErrorCode"] == 0))
            });
            if settled {
                return;
            }
            if Instant::now() > deadline {
                let path = "does not come up".to_owned();
                let [kafka, medallion] = replies.map(|reply| reply.to_string());
                let differences = vec![Difference { path, kafka, medallion }];
                let case = format!("{} v{} topic", self.scenario.api, self.version);
                self.run.failures.push(Failure { case, request, differences });
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn mutations(mut self) {
        let (api, version) = (self.scenario.api, self.version);
        if self.sent.is_empty() {
            return;
        }
        let cases = self.run.plan.cases * self.scenario.mutations_percent / 100;
        let seed = api.bytes().fold(self.run.plan.seed ^ u64::from(version.unsigned_abs()), |seed, byte| {
            seed.rotate_left(7) ^ u64::from(byte)
        });
        let mut random = Rng::with_seed(seed);
        let message = self.run.apis[api].request.clone();
        let texts = std::mem::take(&mut self.texts);
        let mutator = Mutator { message: &message, version, frozen: self.scenario.frozen, texts: &texts };
        for case in 0..cases {
            let original = &self.sent[random.usize(..self.sent.len())];
            let request = mutator.change(original, &mut random);
            self.run.compare(&format!("mutation {case}"), api, version, self.scenario.reads, &request);
        }
        self.run.counts.entry((api.to_owned(), version)).or_default().1 += cases;
    }
}
