//! Records to and from batches.

use bytes::Bytes;
use medallion_wire::records::{
    self, AnyBatch, BatchBuilder, BatchOptions, ControlRecordType, DecompressionLimits, Header, NO_SEQUENCE,
};
use medallion_wire::{Offset, ProducerEpoch, ProducerId, TopicPartition};

use super::ClientError;
use super::record::Record;

/// The codec of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    fn codec(self) -> records::Compression {
        match self {
            Self::None => records::Compression::None,
            Self::Gzip => records::Compression::Gzip,
            Self::Snappy => records::Compression::Snappy,
            Self::Lz4 => records::Compression::Lz4,
            Self::Zstd => records::Compression::Zstd,
        }
    }
}

/// Who writes a batch, for brokers that keep a batch once though it is sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchProducer {
    /// The producer's id.
    pub(crate) id: ProducerId,
    /// The producer's epoch.
    pub(crate) epoch: ProducerEpoch,
}

impl BatchProducer {
    /// A producer that is not idempotent.
    pub(crate) const NONE: Self = Self { id: ProducerId::NONE, epoch: ProducerEpoch::NONE };
}

/// A batch that was read.
#[derive(Debug)]
pub(crate) struct DecodedBatch {
    /// Its last offset; also where compaction has taken the last record away.
    pub(crate) last_offset: Offset,
    /// Who wrote it.
    pub(crate) producer_id: ProducerId,
    /// Whether it is part of a transaction.
    pub(crate) is_transactional: bool,
    /// Whether it holds control records, which are left out of `records`.
    pub(crate) is_control: bool,
    /// Whether it aborts its producer's transaction.
    pub(crate) is_abort_marker: bool,
    /// The records by offset.
    pub(crate) records: Vec<(Offset, Record)>,
}

/// One batch of all the records, from offset 0 on, as a broker takes it.
pub(super) fn encode(
    records: &[Record],
    compression: Compression,
    producer: BatchProducer,
    base_sequence: i32,
) -> Result<Bytes, ClientError> {
    let is_idempotent = producer != BatchProducer::NONE;
    let mut builder = BatchBuilder::new(BatchOptions {
        compression: compression.codec().into(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        base_sequence: if is_idempotent { base_sequence } else { NO_SEQUENCE },
        ..BatchOptions::default()
    });
    let cannot = |reason: records::BuildError| ClientError::Malformed {
        what: "cannot make a batch".to_owned(),
        reason: reason.to_string(),
    };
    let mut headers = Vec::new();
    for record in records {
        headers.clear();
        headers.extend(record.headers.iter().map(|(name, value)| Header::new(name, value.as_deref())));
        builder
            .append(record.timestamp_ms, record.key.as_deref(), record.value.as_deref(), &headers)
            .map_err(cannot)?;
    }
    Ok(builder.build().map_err(cannot)?.into_bytes())
}

/// The batches that a broker sent; the last one may be cut off and is then left out.
pub(super) fn decode(mut bytes: Bytes, partition: &TopicPartition) -> Result<Vec<DecodedBatch>, ClientError> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let batch = match AnyBatch::split_from(&mut bytes) {
            Ok(batch) => batch,
            Err(error) if error.is_truncation() => break,
            Err(error) => return Err(damaged(partition, &error)),
        };
        batch.verify_crc().map_err(|error| damaged(partition, &error))?;
        batches.push(decode_batch(&batch).map_err(|error| damaged(partition, &error))?);
    }
    Ok(batches)
}

fn decode_batch(batch: &AnyBatch) -> Result<DecodedBatch, records::RecordError> {
    let mut decoded = DecodedBatch {
        last_offset: batch.last_offset(),
        producer_id: ProducerId::NONE,
        is_transactional: false,
        is_control: false,
        is_abort_marker: false,
        records: Vec::new(),
    };
    if let AnyBatch::Batch(batch) = batch {
        decoded.producer_id = batch.producer_id;
        decoded.is_transactional = batch.is_transactional();
        decoded.is_control = batch.is_control();
    }
    for record in batch.records(DecompressionLimits::default())? {
        let record = record?;
        if decoded.is_control {
            let kind = ControlRecordType::of(&record.as_ref());
            decoded.is_abort_marker |= kind == Ok(ControlRecordType::Abort);
            continue;
        }
        let header =
            |header: Header<'_>| (header.key_text().into_owned(), header.value.map(Bytes::copy_from_slice));
        let headers = record.headers.iter().map(header).collect();
        let content =
            Record { key: record.key, value: record.value, headers, timestamp_ms: record.timestamp };
        decoded.records.push((record.offset, content));
    }
    Ok(decoded)
}

fn damaged(partition: &TopicPartition, error: &records::RecordError) -> ClientError {
    ClientError::Malformed { what: format!("records of {partition}"), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: Option<&'static str>) -> Record {
        Record {
            key: Some(Bytes::from(key.to_owned())),
            value: value.map(Bytes::from),
            headers: vec![("h".to_owned(), None), ("h".to_owned(), Some(Bytes::from("x")))],
            timestamp_ms: 1_553_372_469_000,
        }
    }

    #[test]
    fn records_survive_a_batch_in_every_codec() {
        let sent = [record("a", Some("1")), record("b", None)];
        let partition = TopicPartition::new("t", 0);
        let codecs =
            [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
        for codec in codecs {
            let bytes = encode(&sent, codec, BatchProducer::NONE, 0).unwrap();
            let batches = decode(bytes, &partition).unwrap();
            assert_eq!(batches.len(), 1);
            let read: Vec<_> = batches[0].records.iter().map(|(_, record)| record.clone()).collect();
            assert_eq!(read, sent, "{codec:?}");
            assert_eq!(batches[0].last_offset, Offset(1));
        }
    }

    #[test]
    fn a_cut_batch_is_left_out_and_a_damaged_one_is_named() {
        let bytes = encode(&[record("a", Some("1"))], Compression::None, BatchProducer::NONE, 0).unwrap();
        let partition = TopicPartition::new("t", 0);
        assert!(decode(bytes.slice(..bytes.len() - 1), &partition).unwrap().is_empty());
        let mut damaged = bytes.to_vec();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let error = decode(Bytes::from(damaged), &partition).unwrap_err();
        assert!(error.to_string().contains("t-0"), "{error}");
    }
}
