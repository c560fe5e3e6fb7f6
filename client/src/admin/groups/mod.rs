//! Groups of all kinds: list, describe, remove, their members, their offsets.

mod describe;
mod offsets;
#[cfg(test)]
mod tests;

use std::fmt;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::list_groups_response::ListedGroup;
use medallion_wire::messages::{DeleteGroupsRequest, GroupId, LeaveGroupRequest, ListGroupsRequest};

pub use describe::{
    ClassicGroup, ClassicMember, ConsumerGroup, ConsumerGroupMember, GroupDescription, read_assignment,
};
pub use offsets::GroupOffset;

use super::ask::{CoordinatorOf, ask_coordinator, ask_coordinators, ask_each_broker};
use super::{Admin, Each, outcome, text};
use crate::error::Error;

/// What is told of a member that is removed.
const REMOVED_BY_ADMIN: &str = "member was removed by an admin";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$word_doc])* $word,)+
            /// A word that this client does not know.
            Other(String),
        }

        impl $name {
            fn read(word: &str) -> Option<Self> {
                let known = [$(($text, Self::$word)),+];
                let found = known.into_iter().find(|(text, _)| text.eq_ignore_ascii_case(word));
                let other = || (!word.is_empty()).then(|| Self::Other(word.to_owned()));
                found.map(|(_, word)| word).or_else(other)
            }

            /// The word as brokers write it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What a group is doing. The words are those of Kafka's `GroupState`.
    GroupState {
        /// Members are asked to join again.
        PreparingRebalance = "PreparingRebalance";
        /// Partitions are being assigned.
        CompletingRebalance = "CompletingRebalance";
        /// Every member has what it is to have.
        Stable = "Stable";
        /// It is about to be forgotten, or was never there.
        Dead = "Dead";
        /// It has no members.
        Empty = "Empty";
        /// The broker computes an assignment (KIP-848).
        Assigning = "Assigning";
        /// Members move to the assignment (KIP-848).
        Reconciling = "Reconciling";
        /// A group of streams waits for its topics.
        NotReady = "NotReady";
    }
}

words! {
    /// By which protocol a group works.
    GroupType {
        /// Members assign, by `JoinGroup` and `SyncGroup`.
        Classic = "classic";
        /// The broker assigns (KIP-848).
        Consumer = "consumer";
        /// A share group (KIP-932).
        Share = "share";
        /// A group of Kafka Streams (KIP-1071).
        Streams = "streams";
    }
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// What its members agree on: `consumer`, `connect`; empty where it has offsets only.
    pub protocol_type: String,
    /// What it does; `None` from brokers before 2.6.
    pub state: Option<GroupState>,
    /// Its protocol; `None` from brokers before 3.7.
    pub group_type: Option<GroupType>,
}

impl GroupListing {
    fn of_wire(group: &ListedGroup) -> Self {
        Self {
            id: group.group_id.to_string(),
            protocol_type: group.protocol_type.to_string(),
            state: GroupState::read(&group.group_state),
            group_type: GroupType::read(&group.group_type),
        }
    }
}

/// Which groups are listed: those that fit each list, where an empty one fits all.
///
/// ```
/// use medallion_client::admin::{GroupFilter, GroupState};
///
/// let idle_consumers = GroupFilter {
///     states: vec![GroupState::Empty],
///     protocol_types: vec!["consumer".to_owned()],
///     ..GroupFilter::default()
/// };
/// # let _ = idle_consumers;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// States (Kafka 2.6 or later).
    pub states: Vec<GroupState>,
    /// Types (Kafka 3.7 or later).
    pub types: Vec<GroupType>,
    /// Types of protocols, looked at here; the empty text is a group that has offsets only.
    pub protocol_types: Vec<String>,
}

/// A member of a group, as whoever removes it names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberName {
    /// The id that its coordinator has given to it.
    Id(String),
    /// The `group.instance.id` of a static member.
    Instance(String),
}

impl MemberName {
    fn to_wire(&self) -> MemberIdentity {
        let member = MemberIdentity::default().with_reason(Some(text(REMOVED_BY_ADMIN)));
        match self {
            Self::Id(id) => member.with_member_id(text(id)),
            Self::Instance(id) => member.with_group_instance_id(Some(text(id))),
        }
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "member {id}"),
            Self::Instance(id) => write!(f, "member with group.instance.id {id}"),
        }
    }
}

impl Admin {
    /// The groups of all brokers that fit `filter`, by id.
    ///
    /// # Errors
    /// Where a broker does not tell its groups within `default.api.timeout.ms`: a list with gaps would mislead.
    pub async fn list_groups(&self, filter: &GroupFilter) -> Result<Vec<GroupListing>, Error> {
        let brokers = self.describe_cluster().await?.brokers.iter().map(|broker| broker.id).collect();
        let question = || {
            ListGroupsRequest::default()
                .with_states_filter(filter.states.iter().map(|state| text(state.as_str())).collect())
                .with_types_filter(filter.types.iter().map(|kind| text(kind.as_str())).collect())
        };
        let each = ask_each_broker(&self.client, brokers, question, |broker, response| {
            outcome(response.error_code, &format!("the groups of broker {broker}"), None, response.groups)
        });
        let mut groups = Vec::new();
        for listed in each.await?.into_values() {
            groups.extend(listed?.iter().map(GroupListing::of_wire));
        }
        let types = &filter.protocol_types;
        groups.retain(|group| types.is_empty() || types.contains(&group.protocol_type));
        groups.sort_by(|one, other| one.id.cmp(&other.id));
        // A group that has moved meanwhile may be told by both.
        groups.dedup_by(|one, other| one.id == other.id);
        Ok(groups)
    }

    /// Removes groups with their offsets; they must have no members.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn delete_groups(&self, groups: &[&str]) -> Result<Each<String, ()>, Error> {
        let question = |groups: &[String]| {
            DeleteGroupsRequest::default().with_groups_names(groups.iter().map(|id| group_id(id)).collect())
        };
        ask_coordinators(&self.client, CoordinatorOf::Group, groups, question, |_, response| {
            let results = response.results.iter().map(|result| {
                (result.group_id.to_string(), outcome(result.error_code, &group(&result.group_id), None, ()))
            });
            results.collect()
        })
        .await
    }

    /// Removes members from a group of classic members. They may come back.
    ///
    /// # Errors
    /// Where the group's coordinator does not answer within `default.api.timeout.ms`, or refuses the whole group.
    pub async fn remove_members(
        &self,
        id: &str,
        members: &[MemberName],
    ) -> Result<Each<MemberName, ()>, Error> {
        let question = || {
            LeaveGroupRequest::default()
                .with_group_id(group_id(id))
                .with_members(members.iter().map(MemberName::to_wire).collect())
        };
        ask_coordinator(&self.client, id, question, |response| {
            Error::check(response.error_code, || format!("group {id}"), None)?;
            let each = response.members.iter().map(|member| {
                let name = match &member.group_instance_id {
                    Some(instance) => MemberName::Instance(instance.to_string()),
                    None => MemberName::Id(member.member_id.to_string()),
                };
                let removed = outcome(member.error_code, &format!("{name} of group {id}"), None, ());
                (name, removed)
            });
            Ok(each.collect())
        })
        .await
    }
}

fn group_id(id: &str) -> GroupId {
    GroupId(text(id))
}

fn group(id: &StrBytes) -> String {
    format!("group {}", &**id)
}
