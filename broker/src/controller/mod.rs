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
//! - [`handle`]: the thread that runs the loop above, and how the rest of the broker talks to it.

pub(crate) mod handle;
pub(crate) mod image;
pub(crate) mod quorum;
pub(crate) mod records;
pub(crate) mod state_machine;

pub(crate) use handle::{ControllerHandle, MetadataListener};
pub(crate) use image::{MetadataDelta, MetadataImage};
pub(crate) use state_machine::{ApiError, Command, Reply};
