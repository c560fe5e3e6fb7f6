//! Seeing and changing what goes through a producer.

use medallion_wire::TopicPartition;

use super::record::Record;
use crate::error::Error;

/// Sees every record before it is sent, and every batch's end. Nothing is done unless told otherwise.
///
/// ```
/// use medallion_client::{ProducerInterceptor, Record};
///
/// /// Says in every record where it comes from.
/// struct Origin(String);
///
/// impl ProducerInterceptor for Origin {
///     fn on_send<'a>(&'a self, record: &mut Record<'a>) {
///         *record = record.clone().header("origin", Some(self.0.as_bytes()));
///     }
/// }
/// ```
pub trait ProducerInterceptor: Send + Sync {
    /// May change a record before its partition is chosen.
    fn on_send<'a>(&'a self, record: &mut Record<'a>) {
        let _ = record;
    }

    /// So many records of a partition were acknowledged together, or have failed. Called by the producer's task: it must be
    /// quick, and must not wait.
    fn on_outcome(&self, partition: &TopicPartition, records: usize, outcome: Result<(), &Error>) {
        let _ = (partition, records, outcome);
    }
}
