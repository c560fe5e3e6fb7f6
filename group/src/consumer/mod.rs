//! Groups of the consumer protocol (KIP-848): the coordinator decides who reads what, and takes each member there in steps.
//!
//! A group and its members survive in records, and are changed by them only ([`ConsumerGroups::apply`]); a decision is the
//! records that a [`Step`] writes. What no record holds is [`Soft`].
//!
//! - `member`, `group`, `groups`: what records say; `records`: how they say it;
//! - `step`: what a decision works with; `heartbeat`: the one request of the protocol; `checks`: what it is refused for;
//!   `removal`: members that go; `lifecycle`: steps that no request begins;
//! - `target`: who is to have what, computed elsewhere; `reconcile`: a member's way there; `metadata_hash`: whether topics
//!   have changed; `regex`: subscriptions by regular expression; `soft`: what no record holds;
//! - `classic_join`, `classic_life`: members that speak the classic protocol; `migration`: from one protocol to the other
//!   while a group runs;
//! - `view`: groups as others see them.

mod checks;
mod classic_join;
mod classic_life;
mod group;
mod groups;
mod heartbeat;
mod lifecycle;
mod member;
mod metadata_hash;
mod migration;
mod reconcile;
mod records;
mod regex;
mod removal;
mod soft;
mod step;
mod target;
#[cfg(test)]
mod tests;
pub(crate) mod view;

pub use group::{ConsumerGroup, ConsumerGroupState, ResolvedRegex};
pub use groups::ConsumerGroups;
pub use member::{ClassicPart, ConsumerMember, MemberState, PartitionEpochs};
pub use soft::Soft;
pub(crate) use step::Step;
