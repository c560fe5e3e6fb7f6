//! The states of a transactional producer: a machine without I/O.
//!
//! ```text
//!  New ──init──▶ Ready ──begin──▶ Open ──commit──▶ Ending ──▶ Ready
//!                                  │ │               ▲
//!                                  │ └────abort──────┤
//!                                  └─error─▶ Doomed ─┘ (abort only)       any ──fatal error──▶ Failed
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::{ProducerEpoch, ProducerId, ResponseError, TopicPartition};

use crate::error::{Error, ErrorClass};

/// Id and epoch of a producer.
pub(in crate::producer) type Identity = (ProducerId, ProducerEpoch);

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Abort,
}

#[derive(Debug)]
enum Phase {
    /// Nothing can be done before `init_transactions`.
    New,
    /// No transaction is open.
    Ready,
    /// Records may be sent.
    Open,
    /// Something of the transaction has failed: it can be aborted only.
    Doomed(Error),
    /// It is being ended; with `is_asked` the coordinator may know of it, so that it cannot end otherwise.
    Ending { end: End, is_asked: bool },
    /// It has ended, and the producer's task has not heard as whom the next one is written.
    Renewing,
    /// The producer cannot go on.
    Failed(Error),
}

/// What a transactional producer may do, and what its coordinator was told.
#[derive(Debug)]
pub(super) struct Machine {
    id: Arc<str>,
    phase: Phase,
    identity: Identity,
    /// Whether brokers know `transaction.version` 2 (KIP-890): writing begins a transaction, and its end begins an epoch.
    is_v2: bool,
    /// Whether a broker may know of the transaction, so that it must be ended there.
    has_begun: bool,
    /// The partitions that the coordinator was told of; not with version 2.
    partitions: BTreeSet<TopicPartition>,
    /// Whether sequence numbers may have a gap, so that a new epoch is needed behind the abort.
    needs_epoch: bool,
}

/// What is to be done to end a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// No broker knows of it.
    Nothing,
    /// Its coordinator must be asked, as this producer.
    Ask(Identity),
}

impl Machine {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            phase: Phase::New,
            identity: (ProducerId::NONE, ProducerEpoch::NONE),
            is_v2: false,
            has_begun: false,
            partitions: BTreeSet::new(),
            needs_epoch: false,
        }
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    pub(super) fn is_v2(&self) -> bool {
        self.is_v2
    }

    fn refuse<T>(&self, reason: &str) -> Result<T, Error> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            Phase::Doomed(error) => Err(Error::TransactionDoomed { cause: Box::new(error.clone()) }),
            _ => {
                let subject = format!("transactional.id {}", self.id);
                Err(Error::TransactionState { subject: subject.into(), reason: reason.into() })
            }
        }
    }

    /// Whether the producer may ask for its id.
    pub(super) fn check_new(&self) -> Result<(), Error> {
        match self.phase {
            Phase::New => Ok(()),
            _ => self.refuse("init_transactions has been called before"),
        }
    }

    /// The producer's task writes as this from now on, with a new epoch from the coordinator or as before.
    pub(super) fn initialized(&mut self, identity: Identity, is_v2: bool) {
        (self.phase, self.identity, self.is_v2) = (Phase::Ready, identity, is_v2);
        self.needs_epoch = false;
        self.check_invariants();
    }

    /// Opens a transaction, of which no broker hears yet.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        match self.phase {
            Phase::Ready => self.phase = Phase::Open,
            Phase::New => return self.refuse("init_transactions has not been called"),
            Phase::Ending { .. } | Phase::Renewing => {
                return self.refuse("the last transaction has not ended; end it again");
            }
            _ => return self.refuse("a transaction is open already"),
        }
        self.check_invariants();
        Ok(())
    }

    /// Whether records and offsets may be sent.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::New => self.refuse("init_transactions has not been called"),
            _ => self.refuse("no transaction is open"),
        }
    }

    /// A broker is about to hear of the transaction. What is sent late of one that has ended (its records have failed for their time)
    /// begins none.
    pub(super) fn touch(&mut self) {
        self.has_begun |= self.is_open();
    }

    /// The partitions that the coordinator must be told of before they are written to.
    pub(super) fn unknown<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> BTreeSet<TopicPartition> {
        let partitions =
            partitions.into_iter().filter(|partition| !self.is_v2 && !self.partitions.contains(partition));
        partitions.cloned().collect()
    }

    /// The coordinator knows of these.
    pub(super) fn added(&mut self, partitions: BTreeSet<TopicPartition>) {
        self.partitions.extend(partitions);
    }

    /// Something of the transaction has failed.
    pub(super) fn failed(&mut self, error: &Error) {
        if is_fatal(error) {
            self.phase = Phase::Failed(error.clone());
            return;
        }
        match self.phase {
            Phase::Open | Phase::Ending { end: End::Commit, is_asked: false } => {
                self.phase = Phase::Doomed(error.clone());
                self.needs_epoch = true;
            }
            Phase::Ending { .. } | Phase::Doomed(_) => {
                self.needs_epoch |= !matches!(error, Error::TransactionAborted);
            }
            Phase::New | Phase::Ready | Phase::Renewing | Phase::Failed(_) => {}
        }
    }

    /// Whether a transaction is open, or has not ended.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Doomed(_) | Phase::Ending { .. })
    }

    /// Nothing more is sent. The same end may be asked for again, until it is known to have succeeded.
    pub(super) fn close(&mut self, end: End) -> Result<(), Error> {
        match (&self.phase, end) {
            (Phase::Open, _) | (Phase::Doomed(_) | Phase::Ending { is_asked: false, .. }, End::Abort) => {}
            (Phase::Renewing, _) => return Ok(()),
            (Phase::Ending { end: before, .. }, _) if *before == end => return Ok(()),
            (Phase::Ending { end: End::Commit, .. }, _) => {
                return self.refuse("it may be committed already: commit it again");
            }
            (Phase::Ending { .. }, _) => return self.refuse("it is being aborted: abort it again"),
            (Phase::New, _) => return self.refuse("init_transactions has not been called"),
            _ => return self.refuse("no transaction is open"),
        }
        self.phase = Phase::Ending { end, is_asked: false };
        self.check_invariants();
        Ok(())
    }

    /// Every record has its outcome: what is to be done. Fails where one has failed meanwhile.
    pub(super) fn ask_end(&mut self) -> Result<Ending, Error> {
        let is_asked = match &mut self.phase {
            Phase::Renewing => return Ok(Ending::Nothing),
            Phase::Ending { is_asked, .. } => is_asked,
            _ => return self.refuse("no transaction is being ended"),
        };
        if !self.has_begun {
            return Ok(Ending::Nothing);
        }
        *is_asked = true;
        Ok(Ending::Ask(self.identity))
    }

    /// The transaction has ended; with version 2, as this producer the next begins. Tells whether a new epoch must be asked for.
    pub(super) fn ended(&mut self, next: Option<Identity>) -> bool {
        if !matches!(self.phase, Phase::Renewing) {
            let before = self.identity;
            self.identity = next.unwrap_or(before);
            self.needs_epoch &= self.has_begun && self.identity == before;
            self.partitions.clear();
            self.has_begun = false;
            self.phase = Phase::Renewing;
        }
        self.needs_epoch
    }

    /// The coordinator has refused to end the transaction.
    pub(super) fn end_failed(&mut self, error: &Error) {
        match error.class() {
            // It may have ended: only the same question again can tell.
            ErrorClass::Retriable => {}
            ErrorClass::Abortable => self.phase = Phase::Doomed(error.clone()),
            _ => self.phase = Phase::Failed(error.clone()),
        }
    }

    /// What must always hold.
    fn check_invariants(&self) {
        let is_idle = matches!(self.phase, Phase::Ready);
        debug_assert!(!is_idle || (!self.has_begun && self.partitions.is_empty()), "{self:?}");
        debug_assert!(!is_idle || self.identity.0 != ProducerId::NONE, "{self:?}");
    }
}

/// Whether no transaction of this producer can succeed any more. An old epoch at a partition's leader may be that of a
/// transaction that has timed out: its coordinator says whether it is more.
fn is_fatal(error: &Error) -> bool {
    match error {
        Error::UnsupportedVersion { .. } | Error::Closed { .. } => true,
        _ => matches!(
            error.code(),
            Some(
                ResponseError::ProducerFenced
                    | ResponseError::TransactionalIdAuthorizationFailed
                    | ResponseError::ClusterAuthorizationFailed
                    | ResponseError::InvalidTxnState
                    | ResponseError::InvalidProducerIdMapping
                    | ResponseError::UnsupportedForMessageFormat
            )
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Identity = (ProducerId(7), ProducerEpoch(3));

    fn error(code: ResponseError) -> Error {
        Error::check(code.code(), || "t-0".to_owned(), None).unwrap_err()
    }

    fn ready(is_v2: bool) -> Machine {
        let mut machine = Machine::new("mover".into());
        machine.check_new().unwrap();
        machine.initialized(FIRST, is_v2);
        machine
    }

    fn state_error(outcome: Result<(), Error>) -> String {
        match outcome {
            Err(error @ Error::TransactionState { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_come_in_their_order() {
        let mut machine = Machine::new("mover".into());
        assert!(state_error(machine.begin()).contains("init_transactions"));
        assert!(state_error(machine.check_open()).contains("init_transactions"));
        machine.initialized(FIRST, true);
        assert!(state_error(machine.check_new()).contains("before"));
        assert!(state_error(machine.close(End::Commit)).contains("no transaction is open"));
        assert!(state_error(machine.check_open()).contains("no transaction is open"));
        machine.begin().unwrap();
        assert!(state_error(machine.begin()).contains("already"));
        machine.check_open().unwrap();
        machine.close(End::Commit).unwrap();
        assert!(state_error(machine.check_open()).contains("no transaction is open"));
        assert_eq!(machine.ask_end().unwrap(), Ending::Nothing, "no broker has heard of it");
        assert!(!machine.ended(None));
        assert!(state_error(machine.begin()).contains("has not ended"), "the task has not heard of it");
        machine.initialized(FIRST, true);
        machine.begin().unwrap();
    }

    #[test]
    fn a_commit_that_may_have_succeeded_can_only_be_committed_again() {
        let mut machine = ready(true);
        machine.begin().unwrap();
        machine.touch();
        machine.close(End::Commit).unwrap();
        machine.close(End::Abort).unwrap();
        assert!(state_error(machine.close(End::Commit)).contains("aborted"));
        let mut machine = ready(true);
        machine.begin().unwrap();
        machine.touch();
        machine.close(End::Commit).unwrap();
        assert_eq!(machine.ask_end().unwrap(), Ending::Ask(FIRST));
        machine.end_failed(&error(ResponseError::CoordinatorNotAvailable));
        assert!(state_error(machine.close(End::Abort)).contains("commit it again"));
        assert!(state_error(machine.begin()).contains("has not ended"));
        machine.close(End::Commit).unwrap();
        assert_eq!(machine.ask_end().unwrap(), Ending::Ask(FIRST));
        assert!(!machine.ended(Some((FIRST.0, ProducerEpoch(4)))));
        assert_eq!(machine.identity().1, ProducerEpoch(4));
        machine.close(End::Commit).unwrap();
        assert_eq!(machine.ask_end().unwrap(), Ending::Nothing, "a call that was given up is made again");
        assert!(!machine.ended(None));
        machine.initialized(machine.identity(), true);
        machine.begin().unwrap();
    }

    #[test]
    fn what_has_failed_can_only_be_aborted() {
        for (is_v2, needs_epoch) in [(true, false), (false, true)] {
            let mut machine = ready(is_v2);
            machine.begin().unwrap();
            machine.touch();
            machine.failed(&error(ResponseError::InvalidProducerEpoch));
            let refused = machine.close(End::Commit).unwrap_err();
            assert!(matches!(refused, Error::TransactionDoomed { .. }), "{refused}");
            assert_eq!(refused.class(), ErrorClass::Abortable);
            machine.check_open().unwrap_err();
            machine.close(End::Abort).unwrap();
            assert_eq!(machine.ask_end().unwrap(), Ending::Ask(FIRST));
            let next = is_v2.then_some((FIRST.0, ProducerEpoch(4)));
            assert_eq!(machine.ended(next), needs_epoch);
            assert_eq!(machine.ended(None), needs_epoch, "until it has one");
        }
        // A record that fails while all are waited for.
        let mut machine = ready(true);
        machine.begin().unwrap();
        machine.touch();
        machine.close(End::Commit).unwrap();
        machine.failed(&error(ResponseError::MessageTooLarge));
        assert!(matches!(machine.ask_end(), Err(Error::TransactionDoomed { .. })));
        machine.close(End::Abort).unwrap();
    }

    #[test]
    fn what_comes_late_begins_no_transaction() {
        let mut machine = ready(true);
        machine.touch();
        machine.begin().unwrap();
        machine.close(End::Commit).unwrap();
        assert_eq!(machine.ask_end().unwrap(), Ending::Nothing);
        machine.ended(None);
        machine.touch();
        machine.initialized(FIRST, true);
        machine.begin().unwrap();
    }

    #[test]
    fn who_is_fenced_cannot_go_on() {
        let mut machine = ready(true);
        machine.begin().unwrap();
        machine.failed(&error(ResponseError::ProducerFenced));
        for refused in [machine.close(End::Abort), machine.begin(), machine.check_open(), machine.check_new()]
        {
            assert_eq!(refused.unwrap_err().code(), Some(ResponseError::ProducerFenced));
        }
        let mut machine = ready(true);
        machine.begin().unwrap();
        machine.touch();
        machine.close(End::Commit).unwrap();
        machine.ask_end().unwrap();
        machine.end_failed(&error(ResponseError::InvalidProducerEpoch));
        assert!(machine.begin().unwrap_err().is_fatal());
    }

    #[test]
    fn partitions_are_told_once_a_transaction_and_not_at_all_with_version_2() {
        let (one, two) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut machine = ready(false);
        machine.begin().unwrap();
        machine.touch();
        assert_eq!(machine.unknown([&one]).len(), 1);
        machine.added(BTreeSet::from([one.clone()]));
        assert_eq!(machine.unknown([&one, &two]), BTreeSet::from([two]));
        machine.close(End::Commit).unwrap();
        machine.ask_end().unwrap();
        machine.ended(None);
        machine.initialized(FIRST, false);
        machine.begin().unwrap();
        assert_eq!(machine.unknown([&one]).len(), 1);
        assert!(ready(true).unknown([&one]).is_empty());
    }
}
