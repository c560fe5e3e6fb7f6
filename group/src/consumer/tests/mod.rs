//! Consumer groups by example, over a shard with its log.

mod heartbeats;
mod migration;
mod random;
mod rig;
