//! Which instance writes, and how writes get there.
//!
//! Instances are members of a group (`schema.registry.group.id`) by Confluent's protocol, so that they can stand beside its
//! registries: each tells its address, one of them chooses the leader, all hear of it. Only the leader writes; the others hand
//! writes on.

mod forward;
mod identity;
mod member;

pub(crate) use forward::{ForwardError, Forwarder};
pub(crate) use member::Election;
