//! Tests of the machine, by what a client, a follower or a coordinator appends.

use proptest::prelude::*;

use super::*;
use crate::append_origin::AppendOrigin::{self, Client, Coordinator, Replication};
use crate::transaction_index::AbortedTransactionEntry;
use medallion_wire::records::{BatchBuilder, BatchOptions, EndTransactionMarker, RecordBatch};
use medallion_wire::{Offset, ProducerEpoch, ProducerId};

const ID: ProducerId = ProducerId(7);

/// A batch of `count` records; its offset is set when it is appended.
fn data(epoch: i16, base_sequence: i32, count: i64) -> ProducerBatch {
    ProducerBatch {
        producer_id: ID,
        producer_epoch: ProducerEpoch(epoch),
        base_sequence,
        base_offset: Offset(0),
        last_offset: Offset(count - 1),
        max_timestamp_ms: 1000,
        kind: BatchKind::Data,
    }
}

fn transactional(epoch: i16, base_sequence: i32, count: i64) -> ProducerBatch {
    ProducerBatch { kind: BatchKind::TransactionalData, ..data(epoch, base_sequence, count) }
}

fn marker(epoch: i16, is_commit: bool, coordinator_epoch: i32, transaction_version: i16) -> ProducerBatch {
    let marker = EndTransactionMarker { is_commit, coordinator_epoch };
    let end = TransactionEnd { marker, timestamp_ms: 2000, transaction_version };
    ProducerBatch { kind: BatchKind::EndTransaction(end), ..data(epoch, -1, 1) }
}

fn of(producer_id: i64, batch: ProducerBatch) -> ProducerBatch {
    ProducerBatch { producer_id: ProducerId(producer_id), ..batch }
}

/// Puts a batch at the end of the log. `Ok(None)` for a duplicate.
fn append(
    state: &mut ProducerStateManager,
    batch: ProducerBatch,
    origin: AppendOrigin,
) -> Result<Option<Vec<AbortedTransactionEntry>>, ProducerStateError> {
    let end = state.map_end_offset();
    let placed = ProducerBatch {
        base_offset: end,
        last_offset: end + (batch.last_offset - batch.base_offset),
        ..batch
    };
    match state.check(&[placed], origin)? {
        Verdict::Duplicate(_) => Ok(None),
        Verdict::Append(pending) => {
            let aborted = state.apply(pending, placed.last_offset);
            state.check_invariants();
            Ok(Some(aborted))
        }
    }
}

fn appended(batches: &[ProducerBatch]) -> ProducerStateManager {
    let mut state = ProducerStateManager::default();
    for batch in batches {
        let origin = if matches!(batch.kind, BatchKind::EndTransaction(_)) { Coordinator } else { Client };
        append(&mut state, *batch, origin).unwrap();
    }
    state
}

#[test]
fn a_batch_sent_again_is_answered_with_its_first_offsets() {
    let state = appended(&[data(0, 0, 3), data(0, 3, 2)]);
    let Ok(Verdict::Duplicate(found)) = state.check(&[data(0, 0, 3)], Client) else {
        panic!("not a duplicate")
    };
    assert_eq!((found.first_offset(), found.last_offset, found.timestamp_ms), (Offset(0), Offset(2), 1000));
    assert!(matches!(state.check(&[data(0, 3, 2)], Client), Ok(Verdict::Duplicate(_))));
}

#[test]
fn only_exactly_the_same_sequences_are_a_duplicate() {
    let state = appended(&[data(0, 0, 3)]);
    let error = state.check(&[data(0, 0, 2)], Client).unwrap_err();
    let expected = ProducerStateError::OutOfOrderSequence { producer_id: ID, found: 0, last_sequence: 2 };
    assert_eq!(error, expected);
}

#[test]
fn five_batches_are_remembered() {
    let batches: Vec<_> = (0..6).map(|sequence| data(0, sequence, 1)).collect();
    let state = appended(&batches);
    assert_eq!(state.producer(ID).unwrap().batches().len(), 5);
    assert!(matches!(state.check(&[data(0, 1, 1)], Client), Ok(Verdict::Duplicate(_))));
    assert!(matches!(
        state.check(&[data(0, 0, 1)], Client),
        Err(ProducerStateError::OutOfOrderSequence { found: 0, last_sequence: 5, .. })
    ));
}

#[test]
fn a_gap_is_refused_to_a_client_and_taken_by_a_follower() {
    let mut state = appended(&[data(0, 0, 1)]);
    assert!(matches!(
        append(&mut state, data(0, 2, 1), Client),
        Err(ProducerStateError::OutOfOrderSequence { found: 2, last_sequence: 0, .. })
    ));
    append(&mut state, data(0, 2, 1), Replication).unwrap();
    assert_eq!(state.producer(ID).unwrap().last_sequence(), 2);
}

#[test]
fn an_unknown_producer_may_begin_anywhere() {
    let state = appended(&[data(3, 41, 1)]);
    assert_eq!(state.producer(ID).unwrap().last_sequence(), 41);
}

#[test]
fn sequences_go_on_from_zero_after_the_largest() {
    let mut state = appended(&[data(0, i32::MAX - 1, 3)]);
    assert_eq!(state.producer(ID).unwrap().last_sequence(), 0);
    append(&mut state, data(0, 1, 1), Client).unwrap();
    assert!(matches!(state.check(&[data(0, i32::MAX - 1, 3)], Client), Ok(Verdict::Duplicate(_))));
}

#[test]
fn a_new_epoch_begins_at_zero_and_ends_the_old_one() {
    let mut state = appended(&[data(0, 0, 1), data(0, 1, 1)]);
    assert!(matches!(
        state.check(&[data(1, 2, 1)], Client),
        Err(ProducerStateError::NewEpochNotFromZero { found: 2, current: ProducerEpoch(0), .. })
    ));
    append(&mut state, data(1, 0, 1), Client).unwrap();
    assert_eq!(state.producer(ID).unwrap().batches().len(), 1);
    for origin in [Client, Coordinator] {
        assert!(matches!(
            state.check(&[data(0, 2, 1)], origin),
            Err(ProducerStateError::InvalidProducerEpoch { current: ProducerEpoch(1), .. })
        ));
    }
    append(&mut state, data(0, 2, 1), Replication).unwrap();
}

#[test]
fn several_batches_of_one_append_follow_one_another() {
    let state = appended(&[data(0, 0, 1)]);
    let second = ProducerBatch { base_offset: Offset(1), last_offset: Offset(2), ..data(0, 1, 2) };
    let third = ProducerBatch { base_offset: Offset(3), last_offset: Offset(3), ..data(0, 3, 1) };
    assert!(matches!(state.check(&[second, third], Client), Ok(Verdict::Append(_))));
    let gap = ProducerBatch { base_sequence: 4, ..third };
    assert!(state.check(&[second, gap], Client).is_err());
}

#[test]
fn batches_without_a_producer_leave_no_trace() {
    let mut state = ProducerStateManager::default();
    append(&mut state, of(-1, data(-1, -1, 4)), Client).unwrap();
    append(&mut state, of(-1, data(-1, -1, 4)), Client).unwrap();
    assert!(state.is_empty());
    assert_eq!(state.map_end_offset(), Offset(8));
}

#[test]
fn a_transaction_is_unstable_until_its_marker_is_replicated() {
    let mut state = appended(&[data(0, 0, 1), transactional(0, 1, 4)]);
    assert_eq!(state.first_unstable_offset(), Some(Offset(1)));
    let aborted = append(&mut state, marker(0, false, 0, 0), Coordinator).unwrap().unwrap();
    let expected = AbortedTransactionEntry {
        producer_id: ID,
        first_offset: Offset(1),
        last_offset: Offset(5),
        last_stable_offset: Offset(6),
    };
    assert_eq!(aborted, [expected]);
    assert_eq!(state.first_undecided_offset(), None);
    assert_eq!(state.first_unstable_offset(), Some(Offset(1)));
    state.on_high_watermark_updated(Offset(5));
    assert_eq!(state.first_unstable_offset(), Some(Offset(1)));
    state.on_high_watermark_updated(Offset(6));
    assert_eq!(state.first_unstable_offset(), None);
}

#[test]
fn a_commit_enters_no_index_and_an_empty_transaction_no_list() {
    let mut state = appended(&[transactional(0, 0, 1)]);
    assert_eq!(append(&mut state, marker(0, true, 0, 0), Coordinator).unwrap(), Some(vec![]));
    state.on_high_watermark_updated(state.map_end_offset());
    assert_eq!(append(&mut state, marker(0, false, 0, 0), Coordinator).unwrap(), Some(vec![]));
    assert_eq!(state.first_unstable_offset(), None);
}

#[test]
fn the_last_stable_offset_of_an_abort_is_where_others_are_still_open() {
    let mut state = appended(&[transactional(0, 0, 2), of(8, transactional(0, 0, 2))]);
    let aborted = append(&mut state, of(8, marker(0, false, 0, 0)), Coordinator).unwrap().unwrap();
    assert_eq!(aborted[0].last_stable_offset, Offset(0));
    assert_eq!(state.first_undecided_offset(), Some(Offset(0)));
}

#[test]
fn other_records_are_refused_while_a_transaction_is_open() {
    let mut state = appended(&[transactional(0, 0, 2)]);
    let error = append(&mut state, data(0, 2, 1), Client).unwrap_err();
    assert_eq!(
        error,
        ProducerStateError::InvalidTransactionState { producer_id: ID, first_offset: Offset(0) }
    );
}

#[test]
fn an_old_coordinator_is_fenced() {
    let mut state = appended(&[transactional(0, 0, 1), marker(0, true, 5, 0), transactional(0, 1, 1)]);
    let old = marker(0, true, 4, 0);
    let error = append(&mut state, old, Coordinator).unwrap_err();
    assert_eq!(error, ProducerStateError::CoordinatorFenced { producer_id: ID, found: 4, current: 5 });
    append(&mut state, old, Replication).unwrap();
}

#[test]
fn with_transaction_version_2_a_marker_raises_the_epoch() {
    let mut state = appended(&[transactional(3, 0, 1)]);
    assert!(matches!(
        append(&mut state, marker(3, true, 0, 2), Coordinator),
        Err(ProducerStateError::InvalidProducerEpoch { current: ProducerEpoch(3), .. })
    ));
    append(&mut state, marker(4, true, 0, 2), Coordinator).unwrap();
    append(&mut state, marker(4, true, 0, 2), Coordinator).expect("the same marker again is harmless");
    append(&mut state, transactional(4, 0, 1), Client).unwrap();
}

#[test]
fn silent_producers_expire_unless_a_transaction_is_open() {
    let mut state = appended(&[data(0, 0, 1), of(8, transactional(0, 0, 1))]);
    state.remove_expired(1000 + 499, 500);
    assert_eq!(state.producers().len(), 2);
    state.remove_expired(1000 + 500, 500);
    let left: Vec<_> = state.producers().map(ProducerStateEntry::producer_id).collect();
    assert_eq!(left, [ProducerId(8)]);
    state.check_invariants();
}

#[test]
fn a_snapshot_keeps_the_last_batch_and_the_open_transaction() {
    let state = appended(&[data(0, 0, 3), data(0, 3, 2), of(8, transactional(1, 0, 2))]);
    let mut loaded = ProducerStateManager::default();
    loaded.load_snapshot(Offset(7), &state.to_snapshot(), 1000, 500).unwrap();
    loaded.check_invariants();
    assert_eq!(loaded.map_end_offset(), Offset(7));
    assert_eq!(loaded.first_unstable_offset(), Some(Offset(5)));
    assert!(matches!(loaded.check(&[data(0, 3, 2)], Client), Ok(Verdict::Duplicate(_))));
    assert!(loaded.check(&[data(0, 0, 3)], Client).is_err(), "older batches are forgotten");
    loaded.load_snapshot(Offset(7), &state.to_snapshot(), 1500, 500).unwrap();
    assert!(loaded.producer(ID).is_none(), "expired while it lay on disk");
    assert!(loaded.producer(ProducerId(8)).is_some());
}

#[test]
fn a_marker_alone_survives_a_snapshot() {
    let mut state = ProducerStateManager::default();
    append(&mut state, marker(2, true, 9, 0), Coordinator).unwrap();
    let mut loaded = ProducerStateManager::default();
    loaded.load_snapshot(Offset(1), &state.to_snapshot(), 2000, 500).unwrap();
    let entry = loaded.producer(ID).unwrap();
    assert_eq!((entry.last_batch(), entry.coordinator_epoch(), entry.last_timestamp_ms()), (None, 9, 2000));
    let last = loaded.last_records()[&ID];
    assert_eq!(last, LastRecord { last_data_offset: None, producer_epoch: ProducerEpoch(2) });
    assert!(loaded.check(&[data(2, 0, 1)], Client).is_ok());
    assert!(loaded.check(&[data(2, 1, 1)], Client).is_err());
}

#[test]
fn a_damaged_snapshot_changes_nothing() {
    let state = appended(&[data(0, 0, 3)]);
    let content = state.to_snapshot();
    for position in 0..content.len() {
        let mut damaged = content.clone();
        damaged[position] ^= 0x40;
        let mut other = state.clone();
        assert!(other.load_snapshot(Offset(3), &damaged, 0, 1).is_err(), "byte {position}");
        assert_eq!(other, state);
        assert!(snapshot::decode(&content[..position]).is_err(), "{position} bytes");
    }
}

#[test]
fn a_batch_tells_its_producer() {
    let options = BatchOptions {
        producer_id: ID,
        producer_epoch: ProducerEpoch(3),
        base_sequence: 5,
        is_transactional: true,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    for timestamp in [1000, 999] {
        builder.append(timestamp, None, None, &[]).unwrap();
    }
    let batch = ProducerBatch::new(&builder.build().unwrap(), Offset(40)).unwrap();
    let expected = ProducerBatch {
        base_offset: Offset(40),
        last_offset: Offset(41),
        max_timestamp_ms: 1000,
        ..transactional(3, 5, 2)
    };
    assert_eq!(batch, expected);
    assert_eq!(batch.last_sequence(), 6);
}

#[test]
fn a_control_batch_tells_the_transactions_end() {
    let options =
        BatchOptions { producer_id: ID, producer_epoch: ProducerEpoch(3), ..BatchOptions::default() };
    let marker = EndTransactionMarker { is_commit: false, coordinator_epoch: 8 };
    let written = BatchBuilder::end_transaction(options, marker, 1234).unwrap();
    let kind = |batch: &RecordBatch| ProducerBatch::new(batch, Offset(9)).unwrap().kind;
    let expected = TransactionEnd { marker, timestamp_ms: 1234, transaction_version: 0 };
    assert_eq!(kind(&written), BatchKind::EndTransaction(expected));
    assert_eq!(kind(&written.emptied()), BatchKind::EmptyControl);
}

proptest! {
    /// Against a plain log of who wrote what: duplicates, gaps and unstable offsets.
    #[test]
    fn state_matches_a_plain_log(steps in prop::collection::vec((0..3_i64, 0..5_u8, 1..4_i64), 1..60)) {
        let mut state = ProducerStateManager::default();
        let mut next_sequence = [0_i32; 3];
        let mut open: [Option<Offset>; 3] = [None; 3];
        let mut last_batch: [Option<(ProducerBatch, Offset)>; 3] = [None; 3];
        for (producer, kind, count) in steps {
            let at = usize::try_from(producer).unwrap();
            let end = state.map_end_offset();
            let sequence = next_sequence[at];
            match kind {
                0 | 1 => {
                    let batch = match open[at] {
                        None if kind == 0 => of(producer, data(0, sequence, count)),
                        _ => of(producer, transactional(0, sequence, count)),
                    };
                    if batch.kind == BatchKind::TransactionalData {
                        open[at].get_or_insert(end);
                    }
                    prop_assert!(append(&mut state, batch, Client).unwrap().is_some());
                    next_sequence[at] += i32::try_from(count).unwrap();
                    last_batch[at] = Some((batch, end));
                }
                2 => {
                    let end_of = of(producer, marker(0, count > 1, 0, 0));
                    let aborted = append(&mut state, end_of, Coordinator).unwrap().unwrap();
                    let first = open[at].take();
                    prop_assert_eq!(aborted.first().map(|entry| entry.first_offset), first.filter(|_| count == 1));
                    state.on_high_watermark_updated(state.map_end_offset());
                }
                3 => {
                    let gap = of(producer, transactional(0, sequence + 1, count));
                    prop_assert_eq!(state.check(&[gap], Client).is_err(), state.producer(ProducerId(producer)).is_some());
                }
                _ => {
                    if let Some((batch, first_offset)) = last_batch[at] {
                        let verdict = state.check(&[batch], Client).unwrap();
                        let Verdict::Duplicate(found) = verdict else { panic!("{batch:?} is not a duplicate") };
                        prop_assert_eq!(found.first_offset(), first_offset);
                    }
                }
            }
            state.check_invariants();
            prop_assert_eq!(state.first_unstable_offset(), open.iter().flatten().min().copied());
            let mut loaded = ProducerStateManager::default();
            loaded.load_snapshot(state.map_end_offset(), &state.to_snapshot(), 0, i64::MAX).unwrap();
            prop_assert_eq!(loaded.to_snapshot(), state.to_snapshot());
        }
    }
}
