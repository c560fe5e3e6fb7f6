//! Members near to what they read (KIP-881): a partition is near to a member where a broker of the member's rack holds it. A member
//! without a rack is near to everything.

use super::{Member, Racks};

/// Whether `member` would read from another rack.
pub(super) fn is_far(member: &Member, racks: &Racks) -> bool {
    member.rack.as_ref().is_some_and(|rack| !racks.contains(rack))
}

/// Whether it makes a difference who reads what: some members are in racks of some partitions, and partitions are in different ones.
pub(super) fn matter<'a>(members: &[&Member], partitions: impl Iterator<Item = &'a Racks> + Clone) -> bool {
    let all: Racks = partitions.clone().flatten().cloned().collect();
    let is_in_one = |member: &&Member| member.rack.as_ref().is_some_and(|rack| all.contains(rack));
    members.iter().any(is_in_one) && partitions.into_iter().any(|racks| *racks != all)
}
