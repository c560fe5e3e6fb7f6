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

/// How many differences of one kind are shown.
const SHOWN_PER_KIND: usize = 2;

/// What takes longer is told, because it shows where a run spends its time.
const SLOW: Duration = Duration::from_secs(2);

/// How long a state that both servers come to may take.
const SETTLING: Duration = Duration::from_secs(10);

/// What is asked of one API, once for each version.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The API.
    pub api: &'static str,
    /// Whether its requests change nothing, so that they may be asked again.
    pub reads: bool,
    /// Fields that mutations leave alone.
    pub frozen: &'static [&'static str],
    /// Fields whose texts are other ones in each mutation, as names of groups whose members would wait for each other.
    pub fresh: &'static [&'static str],
    /// Whether mutations put elements into empty arrays.
    pub grows: bool,
    /// Puts a mutation right, so that more than its first mistake is looked at; half of them are left as they are.
    pub repair: fn(&mut Value),
    /// Whether a mutation is left out, because what servers do with it is nobody's business.
    pub skips: fn(&Value) -> bool,
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
    api: String,
    version: i16,
    case: String,
    request: Value,
    differences: Vec<Difference>,
}

/// What a comparison found: differences, and the entries of the list for those that are accepted.
#[derive(Debug, Default)]
struct Verdict {
    differences: Vec<Difference>,
    used: Vec<(usize, usize)>,
}

/// Differences of one kind: in the same field with the same values, whatever names and numbers are in them.
#[derive(Debug, Default)]
struct Group {
    versions: BTreeSet<i16>,
    cases: usize,
    /// The first few, to be read.
    shown: Vec<String>,
}

/// All scenarios on one pair of servers.
#[derive(Debug)]
pub struct Run {
    pair: Pair,
    apis: Apis,
    /// The versions that both advertise, by API.
    versions: BTreeMap<String, (i16, i16)>,
    plan: Plan,
    /// The entries of the accepted differences that were needed, and their fields.
    used: BTreeSet<(usize, usize)>,
    failures: Vec<Failure>,
    /// Written cases and mutations for each API and version.
    counts: BTreeMap<(String, i16), (usize, usize)>,
    /// For each API what Kafka's replies to made requests have in them: how many have which error code.
    codes: BTreeMap<String, BTreeMap<String, usize>>,
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
        Self {
            pair,
            apis,
            versions,
            plan,
            used: BTreeSet::new(),
            failures: Vec::new(),
            counts: BTreeMap::new(),
            codes: BTreeMap::new(),
        }
    }

    /// The names of the APIs that both advertise.
    pub fn apis(&self) -> Vec<String> {
        self.versions.keys().cloned().collect()
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
                good: Vec::new(),
                refused: Vec::new(),
                sent_apart: BTreeMap::new(),
                texts: Vec::new(),
                last: [last.clone(), last],
                captures: BTreeMap::new(),
            };
            (scenario.run)(&mut script);
            script.mutations();
        }
    }

    /// Panics with these problems, with all differences that are not accepted, and after a whole run with the entries
    /// of the list that nothing needs.
    pub fn finish(&self, problems: &[String], whole: bool) {
        println!("{}", self.table());
        let mut text = self.failures_text();
        text.extend(problems.iter().map(|problem| format!("{problem}\n")));
        for (index, entry) in self.plan.accepted.iter().enumerate() {
            for (number, field) in entry.fields.iter().enumerate() {
                if whole && !self.used.contains(&(index, number)) && !entry.is_timing {
                    let Accepted { api, versions, reason, .. } = entry;
                    let _ = writeln!(
                        text,
                        "nothing needs the field {field:?} of the accepted difference {api} {versions}: {reason}"
                    );
                }
            }
        }
        assert!(text.is_empty(), "{text}");
    }

    /// What differs, by API, field and values: how often, in which versions, and the first few cases.
    fn failures_text(&self) -> String {
        if self.failures.is_empty() {
            return String::new();
        }
        let mut groups: BTreeMap<(&str, String, String, String), Group> = BTreeMap::new();
        for failure in &self.failures {
            for Difference { path, kafka, medallion } in &failure.differences {
                let key =
                    (&*failure.api, kind_of_field(path), kind_of_value(kafka), kind_of_value(medallion));
                let group = groups.entry(key).or_default();
                group.versions.insert(failure.version);
                group.cases += 1;
                if group.shown.len() < SHOWN_PER_KIND {
                    let request = failure.request.to_string();
                    let [kafka, medallion] = [kafka, medallion].map(|text| shortened(text));
                    group.shown.push(format!(
                        "  {} v{}, {}: {path}\n    request   {request}\n    Kafka     {kafka}\n    Medallion {medallion}\n",
                        failure.api, failure.version, failure.case,
                    ));
                }
            }
        }
        let (count, seed) = (self.failures.len(), self.plan.seed);
        let mut text = format!(
            "{count} cases differ in {} ways (MEDALLION_DIFFERENTIAL_SEED={seed} repeats them):\n",
            groups.len()
        );
        for ((api, field, kafka, medallion), group) in groups {
            let versions: Vec<_> = group.versions.iter().map(i16::to_string).collect();
            let _ = writeln!(
                text,
                "{api} v{}, {field}: {} times Kafka {kafka}, Medallion {medallion}",
                versions.join(" "),
                group.cases
            );
            text.extend(group.shown);
        }
        text
    }

    fn table(&self) -> String {
        let rows = self.counts.iter().map(|((api, version), (written, made))| {
            format!("{api} v{version}: {written} written, {made} made\n")
        });
        let (written, made) =
            self.counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let accepted = self.used.iter().map(|(entry, _)| entry).collect::<BTreeSet<_>>().len();
        let total = format!(
            "{} APIs and versions, {written} written cases, {made} made ones, {accepted} accepted differences",
            self.counts.len()
        );
        let codes = self.codes.iter().map(|(api, codes)| {
            let codes: Vec<_> = codes.iter().map(|(code, count)| format!("{count} x {code}")).collect();
            format!("{api}, answers to made requests by error code: {}\n", codes.join(", "))
        });
        rows.chain(codes).chain([total]).collect()
    }

    /// Notes which error codes a reply has in it, which shows how deep requests come.
    fn count_codes(&mut self, api: &str, reply: &Value) {
        let mut codes = BTreeSet::new();
        error_codes(reply, &mut codes);
        let of_api = self.codes.entry(api.to_owned()).or_default();
        for code in codes {
            *of_api.entry(code).or_default() += 1;
        }
    }

    /// Asks both and keeps the case if they differ. Returns both replies as they came.
    fn compare(&mut self, case: &str, api: &str, version: i16, again: bool, request: &Value) -> [Value; 2] {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let began = Instant::now();
            let replies = self.pair.ask(&self.apis[api], version, request);
            report_slow(api, version, case, began);
            let verdict = self.judge(api, version, &replies);
            let differs = verdict.differences.iter().any(|difference| !self.is_known(api, difference));
            if differs && again && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
                continue;
            }
            self.keep(case, api, version, request, verdict);
            return replies;
        }
    }

    fn judge(&self, api: &str, version: i16, replies: &[Value; 2]) -> Verdict {
        let sides = [&self.pair.kafka, &self.pair.medallion];
        let [kafka, medallion] =
            [0, 1].map(|i| normalise(self.plan.rules, api, sides[i].anonymous(replies[i].clone())));
        let mut verdict = Verdict::default();
        for difference in differences(&kafka, &medallion) {
            let mut entries = self.plan.accepted.iter().enumerate();
            let found =
                entries.find_map(|(index, entry)| Some((index, entry.covers(api, version, &difference)?)));
            match found {
                Some(field) => verdict.used.push(field),
                None => verdict.differences.push(difference),
            }
        }
        verdict
    }

    /// Whether the same field differed before, so that waiting helps nobody.
    fn is_known(&self, api: &str, difference: &Difference) -> bool {
        let field = kind_of_field(&difference.path);
        let of_api = self.failures.iter().filter(|failure| failure.api == api);
        of_api.flat_map(|failure| &failure.differences).any(|known| kind_of_field(&known.path) == field)
    }

    fn keep(&mut self, case: &str, api: &str, version: i16, request: &Value, verdict: Verdict) {
        self.used.extend(verdict.used);
        if !verdict.differences.is_empty() {
            self.failures.push(Failure {
                api: api.to_owned(),
                version,
                case: case.to_owned(),
                request: request.clone(),
                differences: verdict.differences,
            });
        }
    }
}

fn report_slow(api: &str, version: i16, case: &str, began: Instant) {
    let time = began.elapsed();
    if time > SLOW {
        println!("slow: {api} v{version}, {case}: {:.1} s", time.as_secs_f64());
    }
}

/// Whether a reply refuses nothing.
fn is_good(reply: &Value) -> bool {
    let mut codes = BTreeSet::new();
    error_codes(reply, &mut codes);
    codes.iter().all(|code| code == "0")
}

/// All error codes that are in a reply; its text where it is none.
fn error_codes(reply: &Value, codes: &mut BTreeSet<String>) {
    match reply {
        Value::String(text) => {
            codes.insert(text.clone());
        }
        Value::Array(elements) => {
            for element in elements.iter().filter(|element| !element.is_string()) {
                error_codes(element, codes);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Number(code) if name == "ErrorCode" => {
                        codes.insert(code.to_string());
                    }
                    Value::String(_) => {}
                    inner => error_codes(inner, codes),
                }
            }
        }
        _ => {}
    }
}

/// A value without its digits and what lies deep in it.
fn kind_of_value(text: &str) -> String {
    let kind: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(60).collect();
    // Single numbers are error codes, more often than not.
    if text.len() < 12 { text.to_owned() } else { kind }
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
    /// The requests of the API so far, for mutations; those that Kafka refused nothing of, and the others.
    good: Vec<Value>,
    refused: Vec<Value>,
    /// What was sent on connections of their own, by name.
    sent_apart: BTreeMap<String, (String, i16, Value)>,
    /// Names that the scenario uses, for mutations.
    texts: Vec<String>,
    last: [Value; 2],
    /// How often a name was captured.
    captures: BTreeMap<String, usize>,
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
        let request = self.pinned(&request);
        let sent = if is_good(&self.last[0]) { &mut self.good } else { &mut self.refused };
        sent.push(request);
    }

    /// As [`Script::ask`], but no request is made out of it.
    pub fn ask_once(&mut self, case: &str, request: Value) {
        let (good, refused) = (self.good.len(), self.refused.len());
        self.ask(case, request);
        self.good.truncate(good);
        self.refused.truncate(refused);
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

    /// Sends both servers a request of any API on a connection of its own, whose reply [`Script::receive`] compares.
    pub fn send(&mut self, name: &str, api: &str, version: i16, request: Value) {
        for side in self.run.pair.sides() {
            side.send(name, &self.run.apis[api], version, &request);
        }
        self.sent_apart.insert(name.to_owned(), (api.to_owned(), version, request));
    }

    /// Waits for the replies to what was sent under this name, and compares them.
    ///
    /// # Panics
    /// Where nothing was sent.
    pub fn receive(&mut self, case: &str, name: &str) {
        let (api, version, request) = self.sent_apart.remove(name).expect("a request was sent");
        let began = Instant::now();
        self.last = self.run.pair.receive(name);
        report_slow(&api, version, case, began);
        let verdict = self.run.judge(&api, version, &self.last);
        self.run.counts.entry((api.clone(), version)).or_default().0 += 1;
        self.run.keep(case, &api, version, &request, verdict);
    }

    /// Asks until both servers answer with this value at a JSON pointer. Where one does not come to it, that is a
    /// difference.
    pub fn until(&mut self, api: &str, request: &Value, pointer: &str, value: &Value) {
        let version = self.run.versions[api].1;
        let deadline = Instant::now() + SETTLING;
        loop {
            self.last = self.run.pair.ask(&self.run.apis[api], version, request);
            if self.last.iter().all(|reply| reply.pointer(pointer) == Some(value)) {
                return;
            }
            if Instant::now() > deadline {
                let path = format!("{pointer} does not come to {value}");
                let [kafka, medallion] = self.last.clone().map(|reply| reply.to_string());
                let differences = vec![Difference { path, kafka, medallion }];
                let verdict = Verdict { differences, used: Vec::new() };
                self.run.keep("settle", api, version, request, verdict);
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Keeps a value of the last replies, by its JSON pointer; requests say `<name>` for it.
    pub fn capture(&mut self, name: &str, pointer: &str) {
        let count = self.captures.entry(name.to_owned()).or_default();
        *count += 1;
        for (side, reply) in self.run.pair.sides().into_iter().zip(&self.last) {
            let value = reply.pointer(pointer).cloned().unwrap_or(Value::Null);
            side.capture(name, value.clone());
            side.capture(&format!("{name}#{count}"), value);
        }
    }

    /// The request with names for what is captured now, which stay when the same is captured again.
    fn pinned(&self, request: &Value) -> Value {
        match request {
            Value::String(text) => {
                let name = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
                let count = name.and_then(|name| Some((name, self.captures.get(name)?)));
                count.map_or_else(|| request.clone(), |(name, count)| format!("<{name}#{count}>").into())
            }
            Value::Array(elements) => elements.iter().map(|element| self.pinned(element)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.pinned(value))).collect()
            }
            other => other.clone(),
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

    /// Deletes a topic on both, and leaves it out of mutations.
    pub fn delete(&mut self, topic: &str) {
        let asked = json!({ "Topics": [{ "Name": topic }], "TimeoutMs": 10_000 });
        self.other("clean up", "DeleteTopics", 6, asked);
        self.texts.retain(|text| !text.contains(topic));
    }

    /// Waits until both servers answer for all partitions of a topic.
    pub fn settle(&mut self, topic: &str, partitions: i32) {
        for index in 0..partitions {
            let asked = json!([{ "PartitionIndex": index, "Timestamp": -1 }]);
            let request = json!({ "ReplicaId": -1, "Topics": [{ "Name": topic, "Partitions": asked }] });
            self.until("ListOffsets", &request, "/Topics/0/Partitions/0/ErrorCode", &json!(0));
        }
    }

    /// Lets mutations use a text beside the usual ones.
    pub fn use_text(&mut self, text: &str) {
        self.texts.push(text.to_owned());
    }

    fn mutations(mut self) {
        let (api, version) = (self.scenario.api, self.version);
        if self.good.is_empty() && self.refused.is_empty() {
            return;
        }
        let cases = self.run.plan.cases * self.scenario.mutations_percent / 100;
        let seed = api.bytes().fold(self.run.plan.seed ^ u64::from(version.unsigned_abs()), |seed, byte| {
            seed.rotate_left(7) ^ u64::from(byte)
        });
        let mut random = Rng::with_seed(seed);
        let message = self.run.apis[api].request.clone();
        let texts = std::mem::take(&mut self.texts);
        let (frozen, fresh) = (self.scenario.frozen, self.scenario.fresh);
        let grows = self.scenario.grows;
        let mutator = Mutator { message: &message, version, frozen, texts: &texts, fresh, grows };
        let mut made = 0;
        for case in 0..cases {
            // Most are made out of good ones, so that they come further than to the first check.
            let from_good = self.refused.is_empty() || (!self.good.is_empty() && random.u8(..4) > 0);
            let originals = if from_good { &self.good } else { &self.refused };
            let original = &originals[random.usize(..originals.len())];
            let mut request = mutator.change(original, &format!("-{case}"), &mut random);
            if random.bool() {
                (self.scenario.repair)(&mut request);
            }
            if (self.scenario.skips)(&request) {
                continue;
            }
            let [kafka, _] =
                self.run.compare(&format!("mutation {case}"), api, version, self.scenario.reads, &request);
            self.run.count_codes(api, &kafka);
            made += 1;
        }
        self.run.counts.entry((api.to_owned(), version)).or_default().1 += made;
    }
}
