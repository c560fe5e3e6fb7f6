//! What a group has to say about its offsets: who may commit, what may be deleted, what grows old.

use medallion_wire::ResponseError;

use super::group::ClassicGroup;
use super::state::ClassicState;
use crate::ids::GroupId;
use crate::offsets::OffsetExpiry;

/// Who commits offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit<'a> {
    /// The member; empty for who commits without being one.
    pub member_id: &'a str,
    /// A static member's instance.
    pub instance_id: Option<&'a str>,
    /// The member's generation; negative for who commits without being a member.
    pub generation: i32,
    /// Whether the commit is part of a transaction (`TxnOffsetCommit`).
    pub is_transactional: bool,
    /// The version of the request.
    pub version: i16,
}

/// Which offsets of a group may be deleted by an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteOffsets {
    /// All.
    All,
    /// Those of topics that no member reads: see [`ClassicGroup::is_subscribed_to`].
    Unsubscribed,
}

impl Commit<'_> {
    /// What is answered when there is no such group; `None` where the group comes to be by the commit.
    pub(super) fn without_group(&self) -> Option<ResponseError> {
        /// The first version that knows `GROUP_ID_NOT_FOUND` here.
        const NOT_FOUND_MIN: i16 = 9;
        if self.generation < 0 {
            None
        } else if self.version >= NOT_FOUND_MIN && !self.is_transactional {
            Some(ResponseError::GroupIdNotFound)
        } else {
            Some(ResponseError::IllegalGeneration)
        }
    }
}

impl ClassicGroup {
    /// Whether a commit may be made. Source: Kafka's `ClassicGroup.validateOffsetCommit`.
    ///
    /// # Errors
    /// Kafka's: the member is not known or fenced off, the generation is another, or its assignment is not there yet.
    pub fn validate_commit(&self, commit: &Commit<'_>) -> Result<(), ResponseError> {
        let is_empty = self.is_empty();
        if commit.generation < 0 && is_empty {
            return Ok(()); // a group that manages its members by itself, or none
        }
        if commit.generation >= 0 || !commit.member_id.is_empty() || commit.instance_id.is_some() {
            self.validate_member(commit.member_id, commit.instance_id)?;
            if commit.generation != self.generation {
                return Err(ResponseError::IllegalGeneration);
            }
        } else if !commit.is_transactional && !is_empty {
            return Err(ResponseError::UnknownMemberId);
        }
        if !commit.is_transactional && self.state() == ClassicState::CompletingRebalance {
            return Err(ResponseError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Whether a commit shows that its member lives.
    pub(super) fn is_heartbeat(&self, commit: &Commit<'_>) -> bool {
        let state = self.state();
        !commit.is_transactional && matches!(state, ClassicState::Stable | ClassicState::PreparingRebalance)
    }

    /// Whether offsets may be deleted by `OffsetDelete`, and which.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP` where members are no consumers, so that nobody knows what they read.
    pub fn validate_offset_delete(&self) -> Result<DeleteOffsets, ResponseError> {
        match self.state() {
            ClassicState::Empty => Ok(DeleteOffsets::All),
            _ if self.uses_consumer_protocol() => Ok(DeleteOffsets::Unsubscribed),
            _ => Err(ResponseError::NonEmptyGroup),
        }
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`.
    pub fn validate_delete(&self) -> Result<(), ResponseError> {
        if self.is_empty() { Ok(()) } else { Err(ResponseError::NonEmptyGroup) }
    }

    /// From when on the group's offsets grow old; `None` while none do. Topics that members read are exempt:
    /// [`ClassicGroup::is_subscribed_to`]. Source: Kafka's `ClassicGroup.offsetExpirationCondition`, KIP-211.
    pub fn offset_expiry(&self) -> Option<OffsetExpiry> {
        if self.protocol_type.is_none() {
            return Some(OffsetExpiry::SinceCommit);
        }
        match self.state() {
            ClassicState::Empty => Some(match self.state_timestamp_ms {
                Some(since_ms) => OffsetExpiry::Since(since_ms),
                None => OffsetExpiry::SinceCommit,
            }),
            ClassicState::Stable if self.uses_consumer_protocol() && self.subscribed_topics.is_some() => {
                Some(OffsetExpiry::SinceCommit)
            }
            _ => None,
        }
    }

    /// The group's id, for messages.
    pub(super) fn not_found(id: &GroupId) -> String {
        format!("Group {id} not found.")
    }
}
