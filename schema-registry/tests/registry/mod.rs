//! A registry with its topic in memory.

use std::fmt::Write as _;
use std::sync::Arc;

use medallion_schema_registry::store::{
    Applied, Decision, Deleted, Record, RegisterRequest, Settings, Store, Version,
};
use medallion_schema_registry::{Refusal, Subject};

pub(crate) struct Registry {
    pub(crate) store: Store,
    pub(crate) log: Vec<Record>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { store: Store::new(Settings::default()), log: Vec::new() }
    }

    /// Appends and applies what was decided.
    pub(crate) fn run<T>(&mut self, decision: Result<Decision<T>, Refusal>) -> Result<T, Refusal> {
        let Decision { records, reply } = decision?;
        for record in records {
            let offset = i64::try_from(self.log.len()).expect("a short log");
            let applied = self.store.apply(offset, Some(&record.key), record.value.as_deref());
            assert_eq!(applied, Applied::Taken, "{:?}: {:?}", record, self.store.skipped().1.last());
            self.log.push(record);
        }
        self.store.check_invariants();
        Ok(reply)
    }

    pub(crate) fn register(
        &mut self,
        subject: &str,
        request: &RegisterRequest,
    ) -> Result<Arc<Version>, Refusal> {
        let decision = self.store.register(&Subject::parse(subject), request);
        self.run(decision)
    }

    /// Subject, version and id of what is registered, the deleted ones in brackets.
    pub(crate) fn content(&self) -> String {
        content(&self.store)
    }
}

pub(crate) fn content(store: &Store) -> String {
    let mut text = String::new();
    for version in store.schemas(":*:", Deleted::With, false) {
        let (open, close) = if version.deleted { ("(", ")") } else { ("", "") };
        write!(text, "{open}{} v{} id{}{close} ", version.subject, version.version, version.id)
            .expect("a String takes all that is written");
    }
    text.trim_end().to_owned()
}

/// The topic, read from the beginning.
pub(crate) fn replay(log: &[Record]) -> Store {
    let mut store = Store::new(Settings::default());
    for (offset, record) in (0..).zip(log) {
        assert_eq!(store.apply(offset, Some(&record.key), record.value.as_deref()), Applied::Taken);
    }
    store.check_invariants();
    store
}

/// The topic after compaction: the last record of each key, in order, without ends.
pub(crate) fn compact(log: &[Record]) -> Vec<Record> {
    let is_last =
        |(at, record): &(usize, &Record)| !log[at + 1..].iter().any(|later| later.key == record.key);
    let last = log.iter().enumerate().filter(is_last);
    last.map(|(_, record)| record).filter(|record| record.value.is_some()).cloned().collect()
}

pub(crate) fn request(schema: &str) -> RegisterRequest {
    RegisterRequest { schema: Some(schema.to_owned()), ..RegisterRequest::default() }
}
