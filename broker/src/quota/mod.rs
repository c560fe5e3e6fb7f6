//! Client quotas (KIP-13, KIP-124, KIP-599, KIP-612): how much users, client ids and addresses may ask of the broker.
//!
//! - [`client_quotas`]: what clients have used, held against what they may;
//! - [`table`]: which quota holds for whom, by Kafka's precedence;
//! - [`rate`]: how much was used lately; [`token_bucket`]: how much may be used at once.
//!
//! All of it takes the time as a parameter.

pub(crate) mod client_quotas;
pub(crate) mod rate;
pub(crate) mod table;
pub(crate) mod token_bucket;
