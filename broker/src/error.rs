//! From what can go wrong in the layers below to Kafka's codes: one place, at the edge.

use medallion_log::append_validation::ValidationError;
use medallion_log::producer_state::ProducerStateError;
use medallion_log::{AppendError, LogError, ReadError};
use medallion_wire::ResponseError;

use crate::controller::ApiError;
use crate::replica::{AppendFailure, PartitionError};

/// An error as a client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Kafka's error.
    pub(crate) error: ResponseError,
    /// What the client is told besides.
    pub(crate) message: Option<String>,
    /// Which records of a batch are to blame, by index, and why.
    pub(crate) records: Vec<(i32, String)>,
}

impl Refusal {
    /// An error with a message.
    pub(crate) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: Some(message.into()), records: Vec::new() }
    }
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self { error, message: None, records: Vec::new() }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { error: error.error, message: error.message, records: Vec::new() }
    }
}

impl From<AppendFailure> for Refusal {
    fn from(failure: AppendFailure) -> Self {
        match failure {
            AppendFailure::Log(error) => append_refusal(&error),
            AppendFailure::Partition(error) => Self::new(partition_code(&error), error.to_string()),
        }
    }
}

impl From<PartitionError> for Refusal {
    fn from(error: PartitionError) -> Self {
        Self::new(partition_code(&error), error.to_string())
    }
}

/// The code of a partition that cannot serve.
pub(crate) fn partition_code(error: &PartitionError) -> ResponseError {
    match error {
        // Which every client takes for a reason to try again; not all do with a failed storage.
        PartitionError::Opening(_) | PartitionError::Stopped(_) => ResponseError::NotLeaderOrFollower,
        PartitionError::Offline { .. } => ResponseError::KafkaStorageError,
        PartitionError::Deleted(_) => ResponseError::UnknownTopicOrPartition,
    }
}

/// The code of a failed read.
pub(crate) fn read_code(error: &ReadError) -> ResponseError {
    match error {
        ReadError::OffsetOutOfRange { .. } => ResponseError::OffsetOutOfRange,
        ReadError::Corrupt { .. } => ResponseError::CorruptMessage,
        _ => ResponseError::KafkaStorageError,
    }
}

/// The code of a log that failed.
pub(crate) fn log_code(error: &LogError) -> ResponseError {
    match error {
        LogError::OffsetOutOfRange { .. } => ResponseError::OffsetOutOfRange,
        _ => ResponseError::KafkaStorageError,
    }
}

fn append_refusal(error: &AppendError) -> Refusal {
    let code = match error {
        AppendError::Log(inner) => log_code(inner),
        AppendError::LargerThanSegment { .. } => ResponseError::RecordListTooLarge,
        AppendError::Validation(inner) => return validation_refusal(inner),
        AppendError::Producer(inner) => producer_code(inner),
        AppendError::Corrupt { .. } | AppendError::Marker(_) => ResponseError::CorruptMessage,
        _ => ResponseError::UnknownServerError,
    };
    Refusal::new(code, error.to_string())
}

fn validation_refusal(error: &ValidationError) -> Refusal {
    let code = match error {
        ValidationError::Corrupt(_) => ResponseError::CorruptMessage,
        ValidationError::InvalidRecord { .. } => ResponseError::InvalidRecord,
        ValidationError::InvalidTimestamp { .. } => ResponseError::InvalidTimestamp,
        ValidationError::TooLarge { .. } | ValidationError::DecompressedTooLarge { .. } => {
            ResponseError::MessageTooLarge
        }
        ValidationError::LargerThanSegment { .. } => ResponseError::RecordListTooLarge,
        ValidationError::UnknownCompression { .. } => ResponseError::UnsupportedCompressionType,
        ValidationError::TransactionalWrite { .. } => ResponseError::InvalidTxnState,
        _ => ResponseError::UnknownServerError,
    };
    let records = error.failures().iter().map(|failure| (failure.batch_index, failure.message.clone()));
    Refusal { records: records.collect(), ..Refusal::new(code, error.to_string()) }
}

fn producer_code(error: &ProducerStateError) -> ResponseError {
    match error {
        ProducerStateError::OutOfOrderSequence { .. } | ProducerStateError::NewEpochNotFromZero { .. } => {
            ResponseError::OutOfOrderSequenceNumber
        }
        ProducerStateError::InvalidProducerEpoch { .. } => ResponseError::InvalidProducerEpoch,
        ProducerStateError::InvalidTransactionState { .. } => ResponseError::InvalidTxnState,
        ProducerStateError::CoordinatorFenced { .. } => ResponseError::TransactionCoordinatorFenced,
        _ => ResponseError::UnknownServerError,
    }
}
