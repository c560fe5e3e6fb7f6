//! Records that Apache Kafka 4.3.1's own classes wrote are read, and written again as the same bytes.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::{Bytes, BytesMut};
use medallion_wire::internal_records::{
    EndTxnMarker, GroupRecordKey, GroupRecordValue, KRaftVersionRecord, LeaderChangeMessage, MetadataRecord,
    ProducerSnapshot, QuorumStateData, ShareRecordKey, ShareRecordValue, SnapshotFooterRecord,
    SnapshotHeaderRecord, TransactionRecordKey, TransactionRecordValue, VotersRecord,
    control_records::ControlRecordTypeSchema,
};

const FIXTURE: &str = include_str!("fixtures/internal_records.txt");

/// One line of the fixture.
struct Line {
    kind: &'static str,
    schema: &'static str,
    /// The record's type, for a coordinator's values.
    key: i16,
    version: i16,
    bytes: Bytes,
}

fn lines() -> impl Iterator<Item = Line> {
    FIXTURE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let words: Vec<&'static str> = line.split(' ').collect();
        let &[kind, schema, key, version, hex] = &words[..] else { panic!("{line}") };
        let hex = hex.trim_start_matches('-');
        let pairs = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        Line {
            kind,
            schema,
            key: key.parse().unwrap_or(-1),
            version: version.parse().unwrap(),
            bytes: pairs.collect(),
        }
    })
}

/// Decodes and encodes `bytes` by the structure called `schema`.
fn plain(schema: &str, version: i16, bytes: &Bytes) -> Bytes {
    macro_rules! dispatch {
        ($($name:ident),*) => {
            match schema {
                $(stringify!($name) => {
                    let mut rest = bytes.clone();
                    let value = $name::decode(version, &mut rest).unwrap();
                    assert!(rest.is_empty(), "{schema} {version} leaves {} bytes", rest.len());
                    let mut written = BytesMut::new();
                    value.encode(version, &mut written).unwrap();
                    written.freeze()
                })*
                other => panic!("{other} is not tested"),
            }
        };
    }
    dispatch!(
        ControlRecordTypeSchema,
        EndTxnMarker,
        KRaftVersionRecord,
        LeaderChangeMessage,
        ProducerSnapshot,
        QuorumStateData,
        SnapshotFooterRecord,
        SnapshotHeaderRecord,
        VotersRecord
    )
}

fn key(schema: &str, bytes: &Bytes) -> (&'static str, Bytes) {
    if schema.starts_with("Transaction") {
        let key = TransactionRecordKey::decode(bytes).unwrap();
        (key.name(), key.encode().unwrap())
    } else if schema.starts_with("ShareSnapshot") || schema.starts_with("ShareUpdate") {
        let key = ShareRecordKey::decode(bytes).unwrap();
        (key.name(), key.encode().unwrap())
    } else {
        let key = GroupRecordKey::decode(bytes).unwrap();
        (key.name(), key.encode().unwrap())
    }
}

fn value(line: &Line) -> (&'static str, Bytes) {
    if line.schema.starts_with("Transaction") {
        let value = TransactionRecordValue::decode(line.key, &line.bytes).unwrap();
        (value.name(), value.encode(line.version).unwrap())
    } else if line.schema.starts_with("ShareSnapshot") || line.schema.starts_with("ShareUpdate") {
        let value = ShareRecordValue::decode(line.key, &line.bytes).unwrap();
        (value.name(), value.encode(line.version).unwrap())
    } else {
        let value = GroupRecordValue::decode(line.key, &line.bytes).unwrap();
        (value.name(), value.encode(line.version).unwrap())
    }
}

#[test]
fn kafkas_bytes_survive_a_round_trip() {
    let mut count = 0;
    for line in lines() {
        let (name, written) = match line.kind {
            "metadata" => {
                let (record, version) = MetadataRecord::decode_versioned(&line.bytes).unwrap();
                assert_eq!(version, line.version);
                (record.name(), record.encode(version).unwrap())
            }
            "key" => key(line.schema, &line.bytes),
            "value" => value(&line),
            _ => (line.schema, plain(line.schema, line.version, &line.bytes)),
        };
        assert_eq!(name, line.schema);
        assert_eq!(written, line.bytes, "{} {}", line.schema, line.version);
        count += 1;
    }
    assert!(count > 300, "only {count} records in the fixture");
}

#[test]
fn cut_records_are_refused_or_shorter() {
    for line in lines().filter(|line| line.kind == "metadata") {
        for end in 0..line.bytes.len() {
            let cut = MetadataRecord::decode(&line.bytes.slice(..end));
            assert!(cut.is_err(), "{} cut at {end} became {cut:?}", line.schema);
        }
    }
}
