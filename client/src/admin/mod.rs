//! Topics, groups, settings, rights and the cluster: typed, many at once.
//!
//! ```text
//!  topics, configs, cluster      any broker, the controller, or the broker that it is about
//!  groups, transactions          each one's coordinator; lists: every broker
//!  offsets, partitions           each partition's leader
//!  replicas, quotas, scram, acls the controller; folders: the broker that has them
//! ```
//!
//! A call gives each thing its own outcome ([`Each`]): one topic that exists already does not hide that the others were made. What
//! concerns the whole call, as no broker that answers, is the call's own error. Calls are tried again within
//! `default.api.timeout.ms`; a change whose answer was lost may so be asked for twice, and then say that it was done already.

mod acls;
mod ask;
mod cluster;
mod configs;
mod groups;
mod offsets;
mod partitions;
mod quotas;
mod replicas;
mod scram;
mod topics;
mod transactions;

use std::collections::BTreeMap;
use std::future::Future;

use medallion_wire::BrokerId;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::TopicName;

pub(crate) use ask::{CoordinatorOf, coordinators};

pub use acls::{Acl, AclFilter, AclOperation, AclPattern, AclPatternFilter, AclPermission, AclResourceType};
pub use cluster::{ClusterDescription, Feature};
pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource};
pub use groups::{
    ClassicGroup, ClassicMember, ConsumerGroup, ConsumerGroupMember, GroupDescription, GroupFilter,
    GroupListing, GroupOffset, GroupState, GroupType, MemberName, read_assignment,
};
pub(crate) use offsets::list as list_offsets;
pub use offsets::{ListedOffset, OffsetAt};
pub use partitions::ProducerState;
pub use quotas::{QuotaChanges, QuotaEntity, QuotaFilter, QuotaMatch};
pub use replicas::{ElectionType, LogDir, Reassignment, ReplicaInfo};
pub use scram::{ScramChange, ScramCredential, ScramMechanism};
pub use topics::{CreatedTopic, NewTopic};
pub use transactions::{TransactionDescription, TransactionListing};

use crate::client::Client;
use crate::connection::Ask;
use crate::error::Error;

/// The outcome of each of several things.
pub type Each<K, V> = BTreeMap<K, Result<V, Error>>;

/// Changes and describes a cluster. Cloning is cheap.
///
/// ```no_run
/// use medallion_client::{Admin, Client, ClientSettings, NewTopic};
///
/// # async fn example() -> Result<(), medallion_client::Error> {
/// let admin = Admin::new(&Client::new(ClientSettings::new("localhost:9092"))?);
/// let trips = NewTopic::new("trips", 6).config("cleanup.policy", "compact");
/// for (topic, outcome) in admin.create_topics(&[trips]).await? {
///     println!("{topic}: {:?}", outcome?);
/// }
/// println!("{:?}", admin.describe_cluster().await?.brokers);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Any,
    Controller,
    Broker(BrokerId),
}

impl Admin {
    /// An admin client on `client`'s connections and metadata.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone() }
    }

    /// Asks, again and again where that may help.
    fn ask<R>(&self, asked: Asked, request: R) -> impl Future<Output = Result<R::Response, Error>> + use<R>
    where
        R: Ask + Clone + Send + Sync + 'static,
        R::Response: Send,
    {
        let client = self.client.clone();
        async move {
            let asking = client.clone();
            client.retry(move || once(asking.clone(), asked, request.clone())).await
        }
    }

    /// `default.api.timeout.ms` as requests have it.
    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.client.settings().default_api_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

async fn once<R: Ask>(client: Client, asked: Asked, request: R) -> Result<R::Response, Error> {
    match asked {
        Asked::Any => client.call_any(request).await,
        Asked::Controller => client.call_controller(request).await,
        Asked::Broker(id) => client.call_broker(id, request).await,
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// The outcome that an error code stands for.
fn outcome<V>(code: i16, subject: &str, message: Option<&StrBytes>, value: V) -> Result<V, Error> {
    Error::check(code, || subject.to_owned(), message.map(|text| &**text)).map(|()| value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Calls may be made from any task: this compiles.
    #[allow(dead_code, reason = "it is compiled, not run")]
    fn calls_can_move_between_threads(
        admin: &Admin,
        groups: BTreeMap<&str, Option<Vec<medallion_wire::TopicPartition>>>,
    ) {
        fn check<T: Send>(_: T) {}
        check(admin.create_topics(&[]));
        check(admin.describe_groups(&[]));
        check(admin.list_groups(&GroupFilter::default()));
        check(admin.list_group_offsets(&groups, false));
        check(admin.remove_members("g", &[]));
        check(admin.describe_producers(&[]));
        check(admin.describe_log_dirs(&[]));
        check(admin.describe_acls(&AclFilter::default()));
    }
}
