//! What a producer is set up with.

use std::time::Duration;

use medallion_settings::{ConfigError, Properties, Property, Settings as _, settings};
use medallion_wire::records::{Compression, CompressionSettings};

use super::ClientSettings;
use super::java_only::FOREIGN;
use super::value::{Acks, CompressionType};

settings! {
    /// What a [`Producer`](crate::Producer) is set up with.
    pub struct ProducerSettings with builders {
        /// Who must have a record before it counts as written.
        acks: Acks ["acks", low] = Acks::All;
        /// Whether brokers keep a record once though it is sent twice, and in order.
        enable_idempotence: bool ["enable.idempotence", low] = true;
        /// How long a batch that is not full waits for more records.
        linger: Duration ["linger.ms"] = Duration::from_millis(5), range 0..=i32::MAX;
        /// How many bytes a batch grows to before compression. Memory is taken as it grows, and half of `buffer.memory` is the most. Java has 16 KiB; records without a key go to another partition after as much, or less.
        batch_size: usize ["batch.size"] = 128 << 10, range 0..=i32::MAX;
        /// The memory, in bytes, of all records that are not acknowledged yet; `send` waits for room.
        buffer_memory: usize ["buffer.memory", high] = 32 << 20, range 0..=i64::MAX;
        /// How long `send` may wait for metadata and for room.
        max_block: Duration ["max.block.ms"] = Duration::from_mins(1), range 0..=i64::MAX;
        /// The bytes of the largest request, and of the largest record before compression.
        max_request_size: usize ["max.request.size"] = 1 << 20, range 100..=i32::MAX;
        /// How many requests may be under way to one broker.
        max_in_flight: u32 ["max.in.flight.requests.per.connection", low] = 5, range 1..=i32::MAX;
        /// How long a record may take from `send` to its acknowledgement, with all attempts.
        delivery_timeout: Duration ["delivery.timeout.ms"] = Duration::from_mins(2), range 0..=i32::MAX;
        /// How often a batch is sent again at most; `delivery.timeout.ms` is the better limit.
        retries: u32 ["retries", high] = i32::MAX.unsigned_abs(), range 0..=i32::MAX;
        /// The name under which a producer writes in transactions, the same after a restart; whoever had it before is fenced.
        transactional_id: Option<String> ["transactional.id", low] = None;
        /// After which time brokers abort a transaction that is not ended.
        transaction_timeout: Duration ["transaction.timeout.ms", low] = Duration::from_mins(1), range 1..=i32::MAX;
        /// The codec of batches.
        compression_type: CompressionType ["compression.type", high] = CompressionType(Compression::None);
        /// The level of gzip, -1 for its own.
        compression_gzip_level: i32 ["compression.gzip.level"] = -1;
        /// The level of zstd.
        compression_zstd_level: i32 ["compression.zstd.level"] = 3;
        /// Whether records without a key go less often where batches pile up (KIP-794).
        partitioner_adaptive_partitioning_enable: bool ["partitioner.adaptive.partitioning.enable", low] = true;
        /// Whether records with a key are spread like those without.
        partitioner_ignore_keys: bool ["partitioner.ignore.keys"] = false;
    }
}

impl ProducerSettings {
    /// Reads the settings of a producer and of its client from one list, as Java's producers take them.
    ///
    /// # Errors
    /// For a name that does not exist or is not supported, and for values that are not allowed.
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<(ClientSettings, Self), ConfigError> {
        let properties: Properties = properties.into_iter().collect();
        let (mut client, mut producer) = (ClientSettings::default(), Self::default());
        properties.read_into(&mut [&mut client, &mut producer], &FOREIGN)?;
        let valid = client.validate().and_then(|()| producer.validate(&client));
        valid.map_err(|error| properties.placed(error))?;
        Ok((client, producer))
    }

    /// Sets one more by its name.
    ///
    /// # Errors
    /// As [`ProducerSettings::from_properties`], without the check of what goes together.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        Properties::from_iter([(name, value)]).read_into(&mut [&mut self], &FOREIGN)?;
        Ok(self)
    }

    /// Refuses what does not go together.
    pub(crate) fn validate(&self, client: &ClientSettings) -> Result<(), ConfigError> {
        let conflict = |name, reason: String| Err(ConfigError::conflict(name, reason));
        self.check_ranges()?;
        if let Some(id) = &self.transactional_id {
            if id.is_empty() {
                return conflict("transactional.id", "must not be empty".to_owned());
            }
            if !self.enable_idempotence {
                return conflict("transactional.id", "needs enable.idempotence".to_owned());
            }
        }
        if self.enable_idempotence {
            if self.acks != Acks::All {
                return conflict("acks", "must be all, unless enable.idempotence is false".to_owned());
            }
            if self.max_in_flight > IDEMPOTENT_IN_FLIGHT_MAX {
                let reason =
                    format!("at most {IDEMPOTENT_IN_FLIGHT_MAX}, unless enable.idempotence is false");
                return conflict("max.in.flight.requests.per.connection", reason);
            }
            if self.retries == 0 {
                return conflict("retries", "at least 1, unless enable.idempotence is false".to_owned());
            }
        }
        if self.delivery_timeout < self.linger + client.request_timeout {
            let reason = "must not be below linger.ms and request.timeout.ms together".to_owned();
            return conflict("delivery.timeout.ms", reason);
        }
        for (codec, name, level) in [
            (Compression::Gzip, "compression.gzip.level", self.compression_gzip_level),
            (Compression::Zstd, "compression.zstd.level", self.compression_zstd_level),
        ] {
            if !codec.allows_level(level) {
                return conflict(name, format!("{codec} has no level {level}"));
            }
        }
        Ok(())
    }

    /// Codec and level.
    pub(crate) fn compression(&self) -> CompressionSettings {
        let CompressionType(codec) = self.compression_type;
        let level = match codec {
            Compression::Gzip => self.compression_gzip_level,
            Compression::Zstd => self.compression_zstd_level,
            codec => return codec.into(),
        };
        CompressionSettings::with_level(codec, level).unwrap_or_else(|_| codec.into())
    }
}

/// Brokers remember this many batches of each producer and partition.
const IDEMPOTENT_IN_FLIGHT_MAX: u32 = 5;
