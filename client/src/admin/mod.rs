//! Topics, settings and the cluster: typed, many at once.
//!
//! A call gives each thing its own outcome ([`Each`]): one topic that exists already does not hide that the others were made. What
//! concerns the whole call, as no broker that answers, is the call's own error. Calls are tried again within
//! `default.api.timeout.ms`; a change whose answer was lost may so be asked for twice, and then say that it was done already.

mod cluster;
mod configs;
mod offsets;
mod topics;

use std::collections::BTreeMap;
use std::future::Future;

use medallion_wire::BrokerId;
use medallion_wire::kafka_protocol::protocol::{Request, StrBytes};
use medallion_wire::messages::TopicName;

pub use cluster::ClusterDescription;
pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource};
pub(crate) use offsets::list as list_offsets;
pub use offsets::{ListedOffset, OffsetAt};
pub use topics::{CreatedTopic, NewTopic};

use crate::client::Client;
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
        R: Request + Clone + Send + Sync + 'static,
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

async fn once<R: Request>(client: Client, asked: Asked, request: R) -> Result<R::Response, Error> {
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
