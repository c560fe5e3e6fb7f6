//! The hook that every handler asks before it acts.

use std::fmt::Debug;

use super::context::Principal;

/// What somebody wants to do. Names are Kafka's `AclOperation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    ClusterAction,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
}

impl Operation {
    /// Kafka's number (`AclOperation`).
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Read => 3,
            Self::Write => 4,
            Self::Create => 5,
            Self::Delete => 6,
            Self::Alter => 7,
            Self::Describe => 8,
            Self::ClusterAction => 9,
            Self::DescribeConfigs => 10,
            Self::AlterConfigs => 11,
            Self::IdempotentWrite => 12,
        }
    }
}

/// What somebody wants to do it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource<'a> {
    /// A topic by name.
    Topic(&'a str),
    /// A group by id.
    Group(&'a str),
    /// The cluster.
    Cluster,
}

/// Says who may do what.
pub(crate) trait Authorizer: Send + Sync + Debug {
    /// Whether `principal` may do `operation` to `resource`.
    fn allows(&self, principal: &Principal, operation: Operation, resource: Resource<'_>) -> bool;
}

/// Everybody may do everything: Kafka's behaviour without `authorizer.class.name`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllowAll;

impl Authorizer for AllowAll {
    fn allows(&self, _: &Principal, _: Operation, _: Resource<'_>) -> bool {
        true
    }
}

/// The operations on topics that Kafka names in a bit set, in no order.
const TOPIC_OPERATIONS: [Operation; 8] = [
    Operation::Read,
    Operation::Write,
    Operation::Create,
    Operation::Delete,
    Operation::Alter,
    Operation::Describe,
    Operation::DescribeConfigs,
    Operation::AlterConfigs,
];

/// The operations on groups that Kafka names in a bit set.
const GROUP_OPERATIONS: [Operation; 5] = [
    Operation::Read,
    Operation::Describe,
    Operation::Delete,
    Operation::DescribeConfigs,
    Operation::AlterConfigs,
];

/// The operations on the cluster that Kafka names in a bit set.
const CLUSTER_OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::ClusterAction,
    Operation::DescribeConfigs,
    Operation::IdempotentWrite,
    Operation::Alter,
    Operation::AlterConfigs,
    Operation::Describe,
];

/// The bit set of what `principal` may do to `resource` (KIP-430).
pub(crate) fn authorized_operations(
    authorizer: &dyn Authorizer,
    principal: &Principal,
    resource: Resource<'_>,
) -> i32 {
    let all: &[Operation] = match resource {
        Resource::Topic(_) => &TOPIC_OPERATIONS,
        Resource::Group(_) => &GROUP_OPERATIONS,
        Resource::Cluster => &CLUSTER_OPERATIONS,
    };
    let allowed = all.iter().filter(|operation| authorizer.allows(principal, **operation, resource));
    allowed.fold(0, |bits, operation| bits | (1 << operation.code()))
}
