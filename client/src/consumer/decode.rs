//! From fetched bytes to records: first the batches, with what nobody may see left out; then, when they are polled, the records.

use std::collections::HashSet;

use bytes::Bytes;
use medallion_wire::messages::fetch_response::AbortedTransaction;
use medallion_wire::records::{
    Compression, ControlRecordType, DecompressionLimits, RecordBatch, RecordBatches, RecordError,
};
use medallion_wire::{LeaderEpoch, Offset, TopicPartition};

use super::batch::Batch;
use super::fetcher::{Content, Item, Lease, Settlement};
use super::position::Position;
use crate::error::Error;

/// Producers whose open transaction is aborted, as one walks over a partition in order (KIP-98).
#[derive(Debug, Default)]
struct Aborted {
    /// Producer and first offset, the last offset first.
    coming: Vec<(i64, i64)>,
    open: HashSet<i64>,
}

impl Aborted {
    fn new(transactions: &[AbortedTransaction]) -> Self {
        let mut coming: Vec<_> =
            transactions.iter().map(|one| (one.producer_id.0, one.first_offset)).collect();
        coming.sort_by_key(|(_, first)| std::cmp::Reverse(*first));
        Self { coming, open: HashSet::new() }
    }

    /// Whether the batch belongs to an aborted transaction. Markers end them.
    fn contains(&mut self, batch: &RecordBatch) -> bool {
        while let Some((producer, _)) = self.coming.pop_if(|(_, first)| *first <= batch.last_offset().get()) {
            self.open.insert(producer);
        }
        let producer = batch.producer_id.get();
        if batch.is_control() {
            if is_abort_marker(batch) {
                self.open.remove(&producer);
            }
            return false;
        }
        batch.is_transactional() && self.open.contains(&producer)
    }
}

fn is_abort_marker(batch: &RecordBatch) -> bool {
    let Ok(records) = batch.decode(DecompressionLimits::default()) else { return false };
    let first = records.iter().next();
    first.and_then(Result::ok).and_then(|record| ControlRecordType::of(&record).ok())
        == Some(ControlRecordType::Abort)
}

/// The batches in a partition's part of an answer. `aborted` is there with `read_committed` alone.
pub(super) fn split(
    partition: &TopicPartition,
    records: Bytes,
    aborted: Option<&[AbortedTransaction]>,
) -> Vec<Item> {
    let mut aborted = aborted.map(Aborted::new);
    let mut items: Vec<Item> = Vec::new();
    let mut next = Position::from(0);
    for batch in RecordBatches::new(records) {
        let batch = match batch {
            Ok(batch) => batch,
            // A broker may cut the last batch off, but never the first one.
            Err(error) if error.is_truncation() && !items.is_empty() => break,
            Err(error) => {
                let error = Error::malformed(format!("records of {partition}"), error);
                let content = Content::Broken(error);
                items.push(Item { content, next, bytes: 0 });
                break;
            }
        };
        let is_hidden = aborted.as_mut().is_some_and(|aborted| aborted.contains(&batch));
        let is_gap = is_hidden || batch.is_control() || batch.record_count == 0;
        let epoch = Some(batch.partition_leader_epoch).filter(|epoch| *epoch > LeaderEpoch::NONE);
        next = Position { offset: batch.next_offset(), leader_epoch: epoch };
        match items.last_mut() {
            Some(last) if is_gap => last.next = next,
            _ if is_gap => items.push(Item { content: Content::Gap, next, bytes: 0 }),
            _ => items.push(Item { bytes: batch.as_bytes().len(), content: Content::Sealed(batch), next }),
        }
    }
    items
}

/// What one poll may still return.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) records: usize,
    /// Bytes to decompress before the last batch: one that is begun is decompressed whole.
    pub(super) decompressed_bytes: usize,
}

impl Room {
    /// Room for so many records, however many small batches they are in; of large ones that are compressed as many as take
    /// [`DECOMPRESSED_BYTES_MAX`].
    pub(super) fn for_poll(records: usize) -> Self {
        Self { records, decompressed_bytes: DECOMPRESSED_BYTES_MAX }
    }

    /// Whether nothing more is to be taken.
    pub(super) fn is_used_up(self) -> bool {
        self.records == 0 || self.decompressed_bytes == 0
    }
}

/// A poll decompresses no more batches once it has so many bytes. It is over sooner then, and the memory of many polls' worth is not
/// taken at once.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

/// How leased pieces are decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder {
    pub(super) checks_crc: bool,
    pub(super) limits: DecompressionLimits,
}

impl Decoder {
    /// Decodes as many records onto `batches` as there is room for, which it takes.
    pub(super) fn decode(self, lease: Lease, room: &mut Room, batches: &mut Vec<Batch>) -> Settlement {
        let Lease { partition, from, items, .. } = lease;
        let mut items = items.into_iter();
        let mut settlement = Settlement { position: from, rest: Vec::new(), error: None };
        while !room.is_used_up()
            && let Some(item) = items.next()
        {
            let before = batches.len();
            let from = settlement.position.offset;
            match self.piece(&partition, from, item, room, batches) {
                Ok((position, rest)) => {
                    settlement.position = position;
                    settlement.rest.extend(rest);
                }
                Err(error) => {
                    settlement.error = Some(error);
                    return settlement;
                }
            }
            room.records -= batches.get(before).map_or(0, Batch::len).min(room.records);
        }
        settlement.rest.extend(items);
        settlement
    }

    /// One piece: where one stands behind it, and what is left of it.
    fn piece(
        self,
        partition: &TopicPartition,
        from: Offset,
        item: Item,
        room: &mut Room,
        batches: &mut Vec<Batch>,
    ) -> Result<(Position, Option<Item>), Error> {
        let unreadable = |error: RecordError| unreadable(partition, from, &error);
        let Item { content, next, bytes } = item;
        let (source, mut records) = match content {
            Content::Sealed(batch) => {
                if self.checks_crc {
                    batch.verify_crc().map_err(unreadable)?;
                }
                let mut records = batch.decode(self.limits).map_err(unreadable)?;
                if batch.compression().is_ok_and(|codec| codec != Compression::None) {
                    room.decompressed_bytes = room.decompressed_bytes.saturating_sub(records.data().len());
                }
                if batch.base_offset < from {
                    records.skip_below(from).map_err(unreadable)?;
                }
                (batch, records)
            }
            Content::Open(open) => *open,
            Content::Gap => return Ok((next, None)),
            Content::Broken(error) => return Err(error),
        };
        let (front, last) = records.take_front(room.records).map_err(unreadable)?;
        let position = match last {
            Some(last) if !records.is_empty() => {
                let epoch = Some(source.partition_leader_epoch).filter(|epoch| *epoch > LeaderEpoch::NONE);
                Position { offset: last.next(), leader_epoch: epoch }
            }
            _ => next,
        };
        if last.is_some() {
            batches.push(Batch::new(partition, &source, front, position));
        }
        let rest = (!records.is_empty()).then(|| Item {
            content: Content::Open(Box::new((source, records))),
            next,
            bytes,
        });
        Ok((position, rest))
    }
}

fn unreadable(partition: &TopicPartition, offset: Offset, error: &RecordError) -> Error {
    Error::malformed(format!("records of {partition} at offset {offset}"), error)
}

#[cfg(test)]
mod tests {
    use medallion_wire::messages::ProducerId as WireProducerId;
    use medallion_wire::records::{BatchBuilder, BatchOptions, EndTransactionMarker};
    use medallion_wire::{ProducerEpoch, ProducerId};

    use super::*;

    fn options(base: i64, producer: i64) -> BatchOptions {
        BatchOptions {
            base_offset: Offset(base),
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(0),
            base_sequence: 0,
            is_transactional: producer >= 0,
            ..BatchOptions::default()
        }
    }

    /// Two records from `base` on.
    fn data(base: i64, producer: i64) -> RecordBatch {
        let mut builder = BatchBuilder::new(options(base, producer));
        builder.append(0, None, Some(b"a"), &[]).unwrap();
        builder.append(0, None, Some(b"b"), &[]).unwrap();
        builder.build().unwrap()
    }

    fn marker(base: i64, producer: i64, is_commit: bool) -> RecordBatch {
        let marker = EndTransactionMarker { is_commit, coordinator_epoch: 0 };
        BatchBuilder::end_transaction(options(base, producer), marker, 0).unwrap()
    }

    /// The base offsets of what may be seen, and where one stands behind each.
    fn seen(batches: &[RecordBatch], aborted: Option<&[(i64, i64)]>) -> Vec<(Option<i64>, i64)> {
        let bytes: Vec<u8> = batches.iter().flat_map(|batch| batch.as_bytes().to_vec()).collect();
        let aborted: Option<Vec<_>> = aborted.map(|aborted| {
            let one = |(producer, first): &(i64, i64)| {
                AbortedTransaction::default()
                    .with_producer_id(WireProducerId(*producer))
                    .with_first_offset(*first)
            };
            aborted.iter().map(one).collect()
        });
        let items = split(&TopicPartition::new("t", 0), bytes.into(), aborted.as_deref());
        let base = |item: &Item| match &item.content {
            Content::Sealed(batch) => Some(batch.base_offset.get()),
            _ => None,
        };
        items.iter().map(|item| (base(item), item.next.offset.get())).collect()
    }

    #[test]
    fn aborted_records_and_markers_are_left_out() {
        // Producer 1 aborts 0..2 and commits 6..8; producer 2 commits 2..4 in between; 9..11 has no transaction.
        let log = [
            data(0, 1),
            data(2, 2),
            marker(4, 1, false),
            marker(5, 2, true),
            data(6, 1),
            marker(8, 1, true),
            data(9, -1),
        ];
        let committed = [(None, 2), (Some(2), 6), (Some(6), 9), (Some(9), 11)];
        assert_eq!(seen(&log, Some(&[(1, 0)])), committed);
        let all = [(Some(0), 2), (Some(2), 6), (Some(6), 9), (Some(9), 11)];
        assert_eq!(seen(&log, None), all);
        // The next transaction of the same producer is aborted as well; the order of the list does not matter.
        assert_eq!(seen(&log, Some(&[(1, 6), (1, 0)])), [(None, 2), (Some(2), 9), (Some(9), 11)]);
        // Records of no transaction are nobody's to abort.
        assert_eq!(seen(&log[6..], Some(&[(-1, 9)])), [(Some(9), 11)]);
    }

    #[test]
    fn what_is_cut_off_is_left_for_the_next_fetch() {
        let (first, second) = (data(0, -1), data(2, -1));
        let mut bytes = first.as_bytes().to_vec();
        bytes.extend(&second.as_bytes()[..70]);
        let items = split(&TopicPartition::new("t", 0), bytes.clone().into(), None);
        assert_eq!(items.len(), 1);
        bytes.truncate(70);
        let items = split(&TopicPartition::new("t", 0), bytes.into(), None);
        assert!(matches!(&items[..], [Item { content: Content::Broken(_), .. }]), "{items:?}");
    }
}
