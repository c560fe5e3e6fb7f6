//! Who may do what: access control lists.

use std::collections::BTreeMap;

use medallion_wire::messages::create_acls_request::AclCreation;
use medallion_wire::messages::delete_acls_request::DeleteAclsFilter;
use medallion_wire::messages::delete_acls_response::DeleteAclsMatchingAcl;
use medallion_wire::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};

use super::{Admin, Asked, Each, outcome, text};
use crate::error::Error;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$code_doc:meta])* $code:ident = $number:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$code_doc])* $code,)+
            /// One that this client does not know.
            Other(i8),
        }

        impl $name {
            const fn to_wire(self) -> i8 {
                match self {
                    $(Self::$code => $number,)+
                    Self::Other(code) => code,
                }
            }

            const fn of_wire(code: i8) -> Self {
                match code {
                    $($number => Self::$code,)+
                    other => Self::Other(other),
                }
            }
        }
    };
}

codes! {
    /// What is protected. The codes are those of Kafka's `ResourceType`.
    AclResourceType {
        /// A topic.
        Topic = 2;
        /// A group.
        Group = 3;
        /// The cluster, whose name is `kafka-cluster`.
        Cluster = 4;
        /// A transactional id.
        TransactionalId = 5;
        /// A delegation token.
        DelegationToken = 6;
        /// A user, for tokens.
        User = 7;
    }
}

codes! {
    /// How a name stands for resources. The codes are those of Kafka's `PatternType`.
    AclPattern {
        /// The resource of this name; `*` is all.
        Literal = 3;
        /// All whose names begin so.
        Prefixed = 4;
    }
}

codes! {
    /// What is done. The codes are those of Kafka's `AclOperation`.
    AclOperation {
        /// Everything.
        All = 2;
        /// Fetch, commit.
        Read = 3;
        /// Produce.
        Write = 4;
        /// Make.
        Create = 5;
        /// Remove.
        Delete = 6;
        /// Change.
        Alter = 7;
        /// See.
        Describe = 8;
        /// What brokers do among themselves.
        ClusterAction = 9;
        /// See settings.
        DescribeConfigs = 10;
        /// Change settings.
        AlterConfigs = 11;
        /// Produce idempotently, for old brokers.
        IdempotentWrite = 12;
        /// Make tokens for others.
        CreateTokens = 13;
        /// See others' tokens.
        DescribeTokens = 14;
        /// Keep transactions open over a restart.
        TwoPhaseCommit = 15;
    }
}

codes! {
    /// What follows. The codes are those of Kafka's `AclPermissionType`.
    AclPermission {
        /// It is forbidden, whatever else allows it.
        Deny = 2;
        /// It is allowed.
        Allow = 3;
    }
}

/// The code of a filter that takes any.
const ANY: i8 = 1;
/// The pattern of a filter that takes all that concern a resource, literal, prefixed and `*`.
const MATCH: i8 = 2;

/// One rule: somebody may, or may not, do something with some resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acl {
    /// What is protected.
    pub resource_type: AclResourceType,
    /// Its name, or how names begin.
    pub resource: String,
    /// Which of the two.
    pub pattern: AclPattern,
    /// Who, as `User:alice` or `User:*`.
    pub principal: String,
    /// From which address; `*` is any.
    pub host: String,
    /// What is done.
    pub operation: AclOperation,
    /// What follows.
    pub permission: AclPermission,
}

impl Acl {
    /// Allows `principal`, from anywhere, an operation on the resource of this name.
    pub fn allow(
        principal: impl Into<String>,
        operation: AclOperation,
        resource_type: AclResourceType,
        resource: impl Into<String>,
    ) -> Self {
        Self {
            resource_type,
            resource: resource.into(),
            pattern: AclPattern::Literal,
            principal: principal.into(),
            host: "*".to_owned(),
            operation,
            permission: AclPermission::Allow,
        }
    }

    fn to_wire(&self) -> AclCreation {
        AclCreation::default()
            .with_resource_type(self.resource_type.to_wire())
            .with_resource_name(text(&self.resource))
            .with_resource_pattern_type(self.pattern.to_wire())
            .with_principal(text(&self.principal))
            .with_host(text(&self.host))
            .with_operation(self.operation.to_wire())
            .with_permission_type(self.permission.to_wire())
    }

    fn of_wire(acl: &DeleteAclsMatchingAcl) -> Self {
        Self {
            resource_type: AclResourceType::of_wire(acl.resource_type),
            resource: acl.resource_name.to_string(),
            pattern: AclPattern::of_wire(acl.pattern_type),
            principal: acl.principal.to_string(),
            host: acl.host.to_string(),
            operation: AclOperation::of_wire(acl.operation),
            permission: AclPermission::of_wire(acl.permission_type),
        }
    }
}

/// How the patterns of rules are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AclPatternFilter {
    /// Any pattern.
    #[default]
    Any,
    /// All rules that concern the resource, be they of its name, of how that begins, or of `*`.
    Concerning,
    /// Rules of this pattern only.
    Only(AclPattern),
}

/// Which rules are meant: those that fit every field that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclFilter {
    /// What is protected.
    pub resource_type: Option<AclResourceType>,
    /// Its name.
    pub resource: Option<String>,
    /// How rules' names stand for it.
    pub pattern: AclPatternFilter,
    /// Who.
    pub principal: Option<String>,
    /// From which address.
    pub host: Option<String>,
    /// What is done.
    pub operation: Option<AclOperation>,
    /// What follows.
    pub permission: Option<AclPermission>,
}

impl AclFilter {
    fn to_wire(&self) -> DeleteAclsFilter {
        let pattern = match self.pattern {
            AclPatternFilter::Any => ANY,
            AclPatternFilter::Concerning => MATCH,
            AclPatternFilter::Only(pattern) => pattern.to_wire(),
        };
        DeleteAclsFilter::default()
            .with_resource_type_filter(self.resource_type.map_or(ANY, AclResourceType::to_wire))
            .with_resource_name_filter(self.resource.as_deref().map(text))
            .with_pattern_type_filter(pattern)
            .with_principal_filter(self.principal.as_deref().map(text))
            .with_host_filter(self.host.as_deref().map(text))
            .with_operation(self.operation.map_or(ANY, AclOperation::to_wire))
            .with_permission_type(self.permission.map_or(ANY, AclPermission::to_wire))
    }
}

impl Admin {
    /// The rules that fit, in order.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`; `SECURITY_DISABLED` where the cluster has no authorizer.
    pub async fn describe_acls(&self, filter: &AclFilter) -> Result<Vec<Acl>, Error> {
        let wire = filter.to_wire();
        let request = DescribeAclsRequest::default()
            .with_resource_type_filter(wire.resource_type_filter)
            .with_resource_name_filter(wire.resource_name_filter)
            .with_pattern_type_filter(wire.pattern_type_filter)
            .with_principal_filter(wire.principal_filter)
            .with_host_filter(wire.host_filter)
            .with_operation(wire.operation)
            .with_permission_type(wire.permission_type);
        let response = self.ask(Asked::Any, request).await?;
        let message = response.error_message.as_ref();
        let resources = outcome(response.error_code, "access control lists", message, response.resources)?;
        let mut acls = Vec::new();
        for resource in &resources {
            acls.extend(resource.acls.iter().map(|acl| Acl {
                resource_type: AclResourceType::of_wire(resource.resource_type),
                resource: resource.resource_name.to_string(),
                pattern: AclPattern::of_wire(resource.pattern_type),
                principal: acl.principal.to_string(),
                host: acl.host.to_string(),
                operation: AclOperation::of_wire(acl.operation),
                permission: AclPermission::of_wire(acl.permission_type),
            }));
        }
        acls.sort();
        Ok(acls)
    }

    /// Adds rules; one that is there already stays.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn create_acls(&self, acls: &[Acl]) -> Result<Each<Acl, ()>, Error> {
        let request = CreateAclsRequest::default().with_creations(acls.iter().map(Acl::to_wire).collect());
        let response = self.ask(Asked::Controller, request).await?;
        // The answer names no rules: it has them in the order of the question.
        let each = acls.iter().zip(&response.results).map(|(acl, result)| {
            let subject = format!("rule for {}", acl.principal);
            (acl.clone(), outcome(result.error_code, &subject, result.error_message.as_ref(), ()))
        });
        Ok(each.collect())
    }

    /// Removes the rules that fit, and tells for each filter which these were.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn delete_acls(&self, filters: &[AclFilter]) -> Result<Each<AclFilter, Each<Acl, ()>>, Error> {
        let request =
            DeleteAclsRequest::default().with_filters(filters.iter().map(AclFilter::to_wire).collect());
        let response = self.ask(Asked::Controller, request).await?;
        let each = filters.iter().zip(&response.filter_results).map(|(filter, result)| {
            let removed = result.matching_acls.iter().map(|acl| {
                let subject = format!("rule for {}", &*acl.principal);
                let removed = outcome(acl.error_code, &subject, acl.error_message.as_ref(), ());
                (Acl::of_wire(acl), removed)
            });
            let removed: BTreeMap<_, _> = removed.collect();
            let message = result.error_message.as_ref();
            (filter.clone(), outcome(result.error_code, "access control lists", message, removed))
        });
        Ok(each.collect())
    }
}
