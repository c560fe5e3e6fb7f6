//! The topic before it is read: made where it is not there, looked at where it is.

use std::pin::pin;
use std::time::Duration;

use medallion_client::admin::{ClusterDescription, ConfigResource};
use medallion_client::{Admin, Client, Error, NewTopic};
use medallion_wire::ResponseError;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::settings::RegistrySettings;

/// The wait before it is told that no broker answers.
const NEWS_AFTER: Duration = Duration::from_secs(3);
/// The wait between two looks for a topic that was just made.
const PAUSE: Duration = Duration::from_millis(50);

/// Why the topic cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Nobody answers, or nobody that speaks as `kafkastore.security.protocol` says.
    #[error(
        "no broker of kafkastore.bootstrap.servers={servers} answered within {} ms (kafkastore.init.timeout.ms)",
        after.as_millis()
    )]
    NoBroker {
        /// The addresses.
        servers: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The cluster does not tell, or refuses to make it.
    #[error("the topic {topic} (kafkastore.topic) cannot be prepared: {reason}")]
    Cluster {
        /// The topic.
        topic: String,
        /// What the client says.
        reason: Error,
    },
    /// Records of one key must be in one partition, in one order.
    #[error("the topic {topic} (kafkastore.topic) must have one partition, and has {count}")]
    Partitions {
        /// The topic.
        topic: String,
        /// How many it has.
        count: usize,
    },
    /// Schemas would be deleted after a while.
    #[error("the topic {topic} (kafkastore.topic) must have cleanup.policy=compact, and has {policy}")]
    Policy {
        /// The topic.
        topic: String,
        /// What it has.
        policy: String,
    },
    /// It was made, or is used as it is, and is not there.
    #[error("of the topic {topic} (kafkastore.topic) no broker is the leader within {} ms (kafkastore.init.timeout.ms)", after.as_millis())]
    NotThere {
        /// The topic.
        topic: String,
        /// How long it was waited for.
        after: Duration,
    },
}

/// Makes the topic, or looks whether it can be used; the cluster's id.
///
/// # Errors
/// [`PrepareError`]
pub(crate) async fn prepare(client: &Client, settings: &RegistrySettings) -> Result<String, PrepareError> {
    let topic = settings.topic.as_str();
    let failed = |reason| PrepareError::Cluster { topic: topic.to_owned(), reason };
    let admin = Admin::new(client);
    let cluster = reach(&admin, settings).await?;
    let cluster_id = cluster.id.as_deref().unwrap_or_default().to_owned();
    if settings.skips_validation {
        return Ok(cluster_id);
    }
    if !exists(&admin, topic).await.map_err(failed)? {
        create(&admin, settings, cluster.brokers.len()).await.map_err(failed)?;
        wait_for_leader(&admin, settings).await?;
    }
    verify(&admin, settings).await?;
    Ok(cluster_id)
}

/// What the cluster is, which is what the start waits for where no broker answers.
async fn reach(admin: &Admin, settings: &RegistrySettings) -> Result<ClusterDescription, PrepareError> {
    let failed = |reason| PrepareError::Cluster { topic: settings.topic.clone(), reason };
    let mut cluster = pin!(timeout(settings.init_timeout, admin.describe_cluster()));
    let described = match timeout(NEWS_AFTER, &mut cluster).await {
        Ok(described) => described,
        Err(_) => {
            let servers = settings.bootstrap_servers.join(",");
            warn!(servers, "no broker of kafkastore.bootstrap.servers has answered so far; waiting");
            cluster.await
        }
    };
    described
        .map_err(|_| PrepareError::NoBroker {
            servers: settings.bootstrap_servers.join(","),
            after: settings.init_timeout,
        })?
        .map_err(failed)
}

async fn exists(admin: &Admin, topic: &str) -> Result<bool, Error> {
    match admin.describe_topics(&[topic]).await?.remove(topic) {
        None => Ok(false),
        Some(Ok(described)) => Ok(!described.partitions.is_empty()),
        Some(Err(error)) if error.code() == Some(ResponseError::UnknownTopicOrPartition) => Ok(false),
        Some(Err(error)) => Err(error),
    }
}

async fn create(admin: &Admin, settings: &RegistrySettings, brokers: usize) -> Result<(), Error> {
    let desired = settings.replication_factor;
    let replication_factor = desired.min(i16::try_from(brokers.max(1)).unwrap_or(i16::MAX));
    if replication_factor < desired {
        warn!(
            topic = settings.topic,
            replication_factor, desired, "there are fewer brokers than kafkastore.topic.replication.factor"
        );
    }
    let mut topic = NewTopic::new(&settings.topic, 1).replication_factor(replication_factor);
    for (name, value) in &settings.topic_configs {
        topic = topic.config(name, value);
    }
    topic = topic.config("cleanup.policy", "compact");
    match admin.create_topics(&[topic]).await?.remove(&settings.topic) {
        // Another instance was faster.
        Some(Err(error)) if error.code() != Some(ResponseError::TopicAlreadyExists) => Err(error),
        _ => {
            info!(topic = settings.topic, replication_factor, "made the schemas topic");
            Ok(())
        }
    }
}

async fn wait_for_leader(admin: &Admin, settings: &RegistrySettings) -> Result<(), PrepareError> {
    let deadline = Instant::now() + settings.init_timeout;
    loop {
        let described = admin.describe_topics(&[&settings.topic]).await;
        let described = described.map(|mut topics| topics.remove(&settings.topic));
        if let Ok(Some(Ok(topic))) = described
            && topic.partitions.first().is_some_and(|partition| partition.leader.is_some())
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(PrepareError::NotThere {
                topic: settings.topic.clone(),
                after: settings.init_timeout,
            });
        }
        sleep(PAUSE).await;
    }
}

async fn verify(admin: &Admin, settings: &RegistrySettings) -> Result<(), PrepareError> {
    let topic = &settings.topic;
    let failed = |reason| PrepareError::Cluster { topic: topic.clone(), reason };
    let mut described = admin.describe_topics(&[topic]).await.map_err(failed)?;
    if let Some(described) = described.remove(topic.as_str()) {
        let described = described.map_err(failed)?;
        let count = described.partitions.len();
        if count != 1 {
            return Err(PrepareError::Partitions { topic: topic.clone(), count });
        }
        let replicas = described.partitions[0].replicas.len();
        if i16::try_from(replicas).is_ok_and(|replicas| replicas < settings.replication_factor) {
            warn!(
                topic,
                replicas, "the schemas topic has fewer replicas than kafkastore.topic.replication.factor"
            );
        }
    }
    let resource = ConfigResource::Topic(topic.clone());
    let mut configs = admin.describe_configs(std::slice::from_ref(&resource)).await.map_err(failed)?;
    let Some(configs) = configs.remove(&resource) else { return Ok(()) };
    let configs = configs.map_err(failed)?;
    let policy = configs.get("cleanup.policy").and_then(|entry| entry.value.clone()).unwrap_or_default();
    if policy != "compact" {
        return Err(PrepareError::Policy { topic: topic.clone(), policy });
    }
    Ok(())
}
