//! A check of a request's bytes before they are decoded.
//!
//! `kafka_protocol` reserves memory for as many elements as an array claims, so four bytes can ask for gigabytes. [`check`]
//! walks the request along its schema once, takes no memory, and refuses counts and lengths that the bytes left cannot
//! hold, nulls where there may be none, more elements or tagged fields than Kafka 4.4 takes, and what is cut. Bytes behind a
//! request are left alone, as Kafka leaves them: librdkafka 2.16 sends some.
//! Records are skipped, so a produce request costs about a microsecond whatever its size.
//!
//! The shapes come from the tables in `wire/schema`, in all versions that Apache Kafka 4.3.1 takes.

mod generated;
mod shape;
mod walk;

use std::fmt;

use thiserror::Error;

use crate::api::Api;
use shape::Shape;
use walk::Walker;

/// The most elements that one array may have (as in Kafka 4.4).
pub const ARRAY_ELEMENTS_MAX: usize = 1_000_000;

/// The most tagged fields that one structure may have (as in Kafka 4.4).
pub const TAGGED_FIELDS_MAX: usize = 10_000;

/// The memory of a decoded structure, at most.
const STRUCTURE_BYTES: usize = 160;

/// The memory of a decoded text or byte string, which refers to the request's bytes.
const TEXT_BYTES: usize = 32;

/// The memory of a decoded tagged field, at most: a structure's first one costs a whole node of a B-tree.
const TAGGED_FIELD_BYTES: usize = 448;

/// What a request has in it, for an estimate of the memory that it takes once decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Structures within arrays.
    pub structures: usize,
    /// Texts and byte strings within arrays.
    pub texts: usize,
    /// The bytes of numbers that arrays hold by themselves: these are copied, texts and byte strings are not.
    pub number_bytes: usize,
    /// Tagged fields that the schema does not know.
    pub unknown_tagged_fields: usize,
}

impl Usage {
    /// About what the decoded request takes in memory beside the request's own bytes (to which its texts, byte strings and
    /// records refer).
    pub fn decoded_bytes(&self) -> usize {
        self.structures * STRUCTURE_BYTES
            + self.texts * TEXT_BYTES
            + self.number_bytes
            + self.unknown_tagged_fields * TAGGED_FIELD_BYTES
    }
}

/// Checks the body of a request of `version` of the API `api_key`.
///
/// # Errors
///
/// For an API or version that Kafka 4.3.1 does not take, and for bytes that cannot be such a request.
pub fn check(api_key: i16, version: i16, body: &[u8]) -> Result<(), GuardError> {
    inspect(api_key, version, body).map(|_| ())
}

/// Like [`check`], and tells what is in the request.
///
/// # Errors
///
/// As [`check`].
pub fn inspect(api_key: i16, version: i16, body: &[u8]) -> Result<Usage, GuardError> {
    let fail = |problem| GuardError { api_key, version, position: 0, path: Vec::new(), problem };
    let shape = shape(api_key).ok_or_else(|| fail(Problem::UnknownApi))?;
    if !shape.versions.contains(version) {
        return Err(fail(Problem::UnknownVersion));
    }
    let mut walker = Walker::new(body, version, shape.flexible.contains(version));
    let walked = walker.structure(shape.fields);
    walked.map_err(|fault| GuardError { api_key, version, ..fault })?;
    Ok(walker.usage())
}

fn shape(api_key: i16) -> Option<&'static Shape> {
    let found = generated::SHAPES.binary_search_by_key(&api_key, |shape| shape.key);
    found.ok().map(|index| &generated::SHAPES[index])
}

/// A request that must not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct GuardError {
    api_key: i16,
    version: i16,
    position: usize,
    /// From the innermost outwards.
    path: Vec<Step>,
    problem: Problem,
}

/// A step on the way to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Field(&'static str),
    Index(usize),
}

impl GuardError {
    fn new(problem: Problem, position: usize) -> Self {
        Self { api_key: -1, version: -1, position, path: Vec::new(), problem }
    }

    fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// The field, as `TopicData[0].PartitionData[3].Records`; empty where the request as a whole is at fault.
    pub fn field(&self) -> String {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        path
    }

    /// Where in the body the fault is, in bytes from its start.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is wrong.
    pub fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Api::of(self.api_key) {
            Some(api) => write!(f, "{}", api.name())?,
            None => write!(f, "API {}", self.api_key)?,
        }
        write!(f, " request of version {}", self.version)?;
        if !self.path.is_empty() {
            write!(f, ", {} at byte {}", self.field(), self.position)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Kafka 4.3.1 has no such API.
    #[error("unknown API")]
    UnknownApi,
    /// Kafka 4.3.1 does not take this version.
    #[error("unknown version")]
    UnknownVersion,
    /// The bytes end within the field.
    #[error("{needed} bytes are needed, {left} are left")]
    Truncated {
        /// What the field needs.
        needed: usize,
        /// What is there.
        left: usize,
    },
    /// A length or count below zero that is no null, or a text above 32,767 bytes.
    #[error("a length of {length}")]
    InvalidLength {
        /// The length found.
        length: i64,
    },
    /// More elements than the bytes left can hold, or than [`ARRAY_ELEMENTS_MAX`].
    #[error("{count} elements in {left} bytes")]
    TooManyElements {
        /// The count found.
        count: usize,
        /// What is there, in bytes.
        left: usize,
    },
    /// More tagged fields than the bytes left can hold, or than [`TAGGED_FIELDS_MAX`].
    #[error("{count} tagged fields in {left} bytes")]
    TooManyTaggedFields {
        /// The count found.
        count: usize,
        /// What is there, in bytes.
        left: usize,
    },
    /// A null that the version does not allow.
    #[error("null")]
    Null,
    /// A varint of more than five bytes.
    #[error("a varint of more than five bytes")]
    InvalidVarint,
    /// A tagged field in a version that does not have it.
    #[error("tag {tag} is not valid in this version")]
    MisplacedTag {
        /// The tag.
        tag: u32,
    },
    /// Bytes behind a tagged field's content.
    #[error("{left} bytes are left over")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(api_key: i16, version: i16, body: &[u8]) -> (String, usize, Problem) {
        let error = inspect(api_key, version, body).unwrap_err();
        (error.field(), error.position(), error.problem())
    }

    #[test]
    fn four_bytes_that_claim_two_billion_elements_are_refused() {
        // Metadata 0: an array of topics.
        let (field, position, found) = problem(3, 0, &[0x7f, 0xff, 0xff, 0xff]);
        assert_eq!((field.as_str(), position), ("Topics", 0));
        assert_eq!(found, Problem::TooManyElements { count: 0x7fff_ffff, left: 0 });
        let (_, _, found) = problem(3, 9, &[0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert_eq!(found, Problem::TooManyElements { count: 0xffff_fffe, left: 0 });
    }

    #[test]
    fn errors_name_field_and_position() {
        // DeleteRecords 0: one topic "t" with one partition, cut within the offset.
        let body = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x05\0\0";
        let error = inspect(21, 0, body).unwrap_err();
        assert_eq!(
            error.to_string(),
            "DeleteRecords request of version 0, Topics[0].Partitions[0].Offset at byte 15: 8 bytes are needed, 2 are left"
        );
    }

    #[test]
    fn nulls_go_by_the_version() {
        // Metadata takes null topics from version 1.
        assert_eq!(problem(3, 0, &[0xff, 0xff, 0xff, 0xff]).2, Problem::Null);
        assert_eq!(inspect(3, 1, &[0xff, 0xff, 0xff, 0xff]), Ok(Usage::default()));
        assert_eq!(problem(3, 1, &[0xff, 0xff, 0xff, 0xfe]).2, Problem::InvalidLength { length: -2 });
    }

    #[test]
    fn tagged_fields_are_checked_within_their_size() {
        // ApiVersions 3: two compact texts, then tagged fields.
        assert_eq!(inspect(18, 3, b"\x02a\x02b\0"), Ok(Usage::default()));
        let usage = inspect(18, 3, b"\x02a\x02b\x01\x07\x03xyz").unwrap();
        assert_eq!(usage, Usage { unknown_tagged_fields: 1, ..Usage::default() });
        assert_eq!(problem(18, 3, b"\x02a\x02b\x01\x07\x04xyz").2, Problem::Truncated { needed: 4, left: 3 });
        let many = b"\x02a\x02b\xff\xff\xff\xff\x0f";
        assert_eq!(problem(18, 3, many).2, Problem::TooManyTaggedFields { count: 0xffff_ffff, left: 0 });
        // Fetch 12, its cluster id (tag 0) shorter than the tagged field.
        let mut fetch = b"\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x01".to_vec();
        fetch.extend(b"\x01\x00\x05\x02abcd");
        assert_eq!(problem(1, 12, &fetch), ("ClusterId".to_owned(), 33, Problem::TrailingBytes { left: 3 }));
    }

    #[test]
    fn unknown_apis_and_versions_are_told_apart() {
        assert_eq!(problem(99, 0, b"").2, Problem::UnknownApi);
        assert_eq!(problem(7, 0, b"").2, Problem::UnknownApi);
        assert_eq!(problem(0, 99, b"").2, Problem::UnknownVersion);
        assert_eq!(problem(0, -1, b"").2, Problem::UnknownVersion);
    }

    #[test]
    fn decoded_structures_are_no_larger_than_estimated() {
        use crate::messages as m;

        let largest = [
            size_of::<m::create_topics_request::CreatableTopic>(),
            size_of::<m::create_acls_request::AclCreation>(),
            size_of::<m::alter_client_quotas_request::EntryData>(),
            size_of::<m::alter_partition_reassignments_request::ReassignablePartition>(),
            size_of::<m::broker_registration_request::Listener>(),
            size_of::<m::consumer_group_heartbeat_request::TopicPartitions>(),
            size_of::<m::create_partitions_request::CreatePartitionsTopic>(),
            size_of::<m::create_topics_request::CreatableTopicConfig>(),
            size_of::<m::describe_configs_request::DescribeConfigsResource>(),
            size_of::<m::fetch_request::FetchTopic>(),
            size_of::<m::fetch_request::FetchPartition>(),
            size_of::<m::incremental_alter_configs_request::AlterConfigsResource>(),
            size_of::<m::metadata_request::MetadataRequestTopic>(),
            size_of::<m::offset_commit_request::OffsetCommitRequestPartition>(),
            size_of::<m::offset_commit_request::OffsetCommitRequestTopic>(),
            size_of::<m::offset_fetch_request::OffsetFetchRequestGroup>(),
            size_of::<m::produce_request::TopicProduceData>(),
            size_of::<m::share_fetch_request::FetchPartition>(),
            size_of::<m::txn_offset_commit_request::TxnOffsetCommitRequestPartition>(),
            size_of::<m::update_features_request::FeatureUpdateKey>(),
            size_of::<m::write_txn_markers_request::WritableTxnMarker>(),
            size_of::<m::join_group_request::JoinGroupRequestProtocol>(),
            size_of::<m::leave_group_request::MemberIdentity>(),
            size_of::<m::add_partitions_to_txn_request::AddPartitionsToTxnTransaction>(),
            size_of::<m::alter_user_scram_credentials_request::ScramCredentialUpsertion>(),
        ];
        assert!(largest.iter().all(|bytes| *bytes <= STRUCTURE_BYTES), "{largest:?}");
        assert!(size_of::<kafka_protocol::protocol::StrBytes>() <= TEXT_BYTES);
    }

    #[test]
    fn numbers_in_arrays_are_counted() {
        // DescribeProducers 0: one topic "t" with three partitions.
        let usage = inspect(61, 0, b"\x02\x02t\x04\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0").unwrap();
        assert_eq!(usage.decoded_bytes(), STRUCTURE_BYTES + 3 * size_of::<i32>());
    }

    #[test]
    fn bytes_behind_the_request_are_left_alone() {
        // Metadata 13 of librdkafka 2.16 for all topics: null topics, two flags, no tags, and three bytes more.
        assert_eq!(inspect(3, 13, b"\0\0\0\0\x01\0\0"), Ok(Usage::default()));
    }

    #[test]
    fn every_api_has_a_shape() {
        for api in Api::all() {
            let shape = shape(api.key()).unwrap();
            assert_eq!(
                (shape.versions.first, shape.versions.last),
                (api.first_version(), api.last_version())
            );
        }
        assert!(generated::SHAPES.is_sorted_by_key(|shape| shape.key));
    }
}
