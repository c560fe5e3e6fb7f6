//! The cluster's metadata: a replicated state machine on `__cluster_metadata-0`.
//!
//! ```text
//! request -> ControllerHandle::submit -> StateMachine::decide -> records -> MetadataLog (append, fsync)
//!                                                                  |
//!                       reply <- MetadataListener <- published MetadataImage <- StateMachine::apply
//! ```
//!
//! - [`image`]: what the metadata says, immutable, read through one atomic pointer;
//! - [`state_machine`]: what a command changes, without I/O, clock or randomness;
//! - [`quorum`]: the log, its snapshots and who leads; today a quorum of one voter;
//! - [`event_loop`]: the thread that runs the loop above;
//! - [`handle`]: how the rest of the broker talks to it;
//! - [`registration`]: how this node's broker comes and goes;
//! - [`directory_assignment`]: in which directories its partitions lie.

pub(crate) mod directory_assignment;
pub(crate) mod event_loop;
pub(crate) mod handle;
pub(crate) mod image;
pub(crate) mod quorum;
pub(crate) mod quorum_description;
pub(crate) mod records;
pub(crate) mod registration;
pub(crate) mod state_machine;
#[cfg(test)]
mod tests;

pub(crate) use event_loop::Controller;
pub(crate) use handle::{ControllerHandle, MetadataListener};
pub(crate) use image::{MetadataDelta, MetadataImage};
pub(crate) use quorum::{MetadataError, MetadataLogSettings};
pub(crate) use registration::{BrokerIdentity, supported_features};
#[cfg(test)]
pub(crate) use state_machine::Command;
pub(crate) use state_machine::{
    ApiError, ConfigSchema, ControllerSettings, QuotaAlteration, configs, fresh_id,
};
