//! A cluster as seen from here: bootstrap, one connection for each broker, offsets.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::{Request, StrBytes};
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::{self, ListOffsetsRequest, MetadataRequest, TopicName};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, TopicPartition};

use tokio::time::sleep;

use super::ClientError;
use super::connection::Connection;
use super::metadata::{Metadata, group_by_leader, read_metadata};

const LIST_OFFSETS_TIMEOUT_MS: i32 = 30_000;
/// How often something that will soon be there is asked for again.
pub(super) const RETRIES: u32 = 50;
pub(super) const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetAt {
    /// The first that is there.
    Earliest,
    /// Behind the last that is there.
    Latest,
    /// The first record at or after this time in milliseconds since the epoch.
    Timestamp(i64),
}

/// Connections to the brokers of one cluster.
#[derive(Debug)]
pub(crate) struct Client {
    bootstrap: Vec<String>,
    any: Option<Connection>,
    addresses: HashMap<BrokerId, String>,
    connections: HashMap<BrokerId, Connection>,
}

impl Client {
    /// Connects to the first of the comma-separated `host:port` that answers.
    pub(crate) async fn connect(bootstrap: &str) -> Result<Self, ClientError> {
        let bootstrap = parse_addresses(bootstrap)?;
        let mut client =
            Self { bootstrap, any: None, addresses: HashMap::new(), connections: HashMap::new() };
        client.any_connection().await?;
        Ok(client)
    }

    /// The brokers and the named topics, or all topics. Names that the cluster does not know are left out.
    pub(crate) async fn metadata(
        &mut self,
        topics: Option<&[&str]>,
        allow_auto_topic_creation: bool,
    ) -> Result<Metadata, ClientError> {
        let response = self
            .call_any(|_| {
                let topics = topics.map(|names| {
                    let topic =
                        |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
                    names.iter().map(topic).collect()
                });
                MetadataRequest::default()
                    .with_topics(topics)
                    .with_allow_auto_topic_creation(allow_auto_topic_creation)
            })
            .await?;
        let metadata = read_metadata(&response)?;
        self.addresses = metadata.brokers.iter().map(|node| (node.id, node.address.clone())).collect();
        Ok(metadata)
    }

    /// One offset for each of the partitions; `None` where no record is that late. A leader that is being chosen is
    /// waited for.
    pub(crate) async fn offsets(
        &mut self,
        metadata: &Metadata,
        partitions: &[TopicPartition],
        at: OffsetAt,
        isolation_level: i8,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let mut metadata = metadata.clone();
        for _ in 0..RETRIES {
            match self.offsets_once(&metadata, partitions, at, isolation_level).await {
                Err(error) if error.is_retriable() && !error.is_unreachable() => {}
                other => return other,
            }
            sleep(RETRY_BACKOFF).await;
            let names: Vec<&str> = metadata.topics.iter().map(|topic| &*topic.name).collect();
            metadata = self.metadata(Some(&names), false).await?;
        }
        self.offsets_once(&metadata, partitions, at, isolation_level).await
    }

    async fn offsets_once(
        &mut self,
        metadata: &Metadata,
        partitions: &[TopicPartition],
        at: OffsetAt,
        isolation_level: i8,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let timestamp = match at {
            OffsetAt::Latest => -1,
            OffsetAt::Earliest => -2,
            OffsetAt::Timestamp(timestamp_ms) => timestamp_ms,
        };
        let mut found = BTreeMap::new();
        for (leader, partitions) in group_by_leader(metadata, partitions.iter().cloned())? {
            let request = list_offsets_request(&partitions, timestamp, isolation_level);
            let response = self.call_broker(leader, |_| request).await?;
            for topic in response.topics {
                for answer in topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), answer.partition_index);
                    ClientError::check(answer.error_code, || partition.to_string(), None)?;
                    found.insert(partition, (answer.offset >= 0).then_some(Offset(answer.offset)));
                }
            }
        }
        Ok(found)
    }

    /// Asks any broker, one that answered before if there is one. A broken connection is opened anew once.
    pub(crate) async fn call_any<R: Request>(
        &mut self,
        build: impl Fn(i16) -> R,
    ) -> Result<R::Response, ClientError> {
        let is_old = self.any.is_some();
        let result = self.any_connection().await?.call(&build).await;
        match result {
            Err(error) if error.is_unreachable() => {
                self.any = None;
                if !is_old || matches!(error, ClientError::Timeout { .. }) {
                    return Err(error);
                }
                self.any_connection().await?.call(&build).await
            }
            other => other,
        }
    }

    /// Asks one broker. After an error of the connection the next call opens another.
    pub(crate) async fn call_broker<R: Request>(
        &mut self,
        broker: BrokerId,
        build: impl FnOnce(i16) -> R,
    ) -> Result<R::Response, ClientError> {
        let result = self.broker_connection(broker).await?.call(build).await;
        if matches!(&result, Err(error) if error.is_unreachable()) {
            self.connections.remove(&broker);
        }
        result
    }

    /// Sends to one broker what is not answered.
    pub(crate) async fn send_to_broker<R: Request>(
        &mut self,
        broker: BrokerId,
        request: &R,
    ) -> Result<(), ClientError> {
        let result = self.broker_connection(broker).await?.send(request).await;
        if result.is_err() {
            self.connections.remove(&broker);
        }
        result
    }

    /// Whether the last metadata named that broker.
    pub(crate) fn knows(&self, broker: BrokerId) -> bool {
        self.addresses.contains_key(&broker)
    }

    async fn any_connection(&mut self) -> Result<&mut Connection, ClientError> {
        if self.any.is_none() {
            let mut last = ClientError::Address { address: String::new() };
            let known = self.addresses.values().filter(|address| !self.bootstrap.contains(address));
            for address in self.bootstrap.iter().chain(known) {
                match Connection::open(address).await {
                    Ok(connection) => {
                        self.any = Some(connection);
                        break;
                    }
                    Err(error) => last = error,
                }
            }
            if self.any.is_none() {
                return Err(last);
            }
        }
        Ok(self.any.as_mut().expect("was opened above"))
    }

    async fn broker_connection(&mut self, broker: BrokerId) -> Result<&mut Connection, ClientError> {
        if !self.connections.contains_key(&broker) {
            let address = self.addresses.get(&broker).ok_or_else(|| ClientError::Malformed {
                what: format!("broker {broker}"),
                reason: "the cluster's metadata does not name its address".to_owned(),
            })?;
            let connection = Connection::open(address).await?;
            self.connections.insert(broker, connection);
        }
        Ok(self.connections.get_mut(&broker).expect("was opened above"))
    }
}

/// A topic's name as the message types want it.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn list_offsets_request(
    partitions: &[TopicPartition],
    timestamp: i64,
    isolation_level: i8,
) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(
            ListOffsetsPartition::default()
                .with_partition_index(partition.partition.get())
                .with_current_leader_epoch(LeaderEpoch::NONE.get())
                .with_timestamp(timestamp),
        );
    }
    let topic = |(name, partitions)| {
        ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions)
    };
    ListOffsetsRequest::default()
        .with_replica_id(messages::BrokerId(-1))
        .with_isolation_level(isolation_level)
        .with_timeout_ms(LIST_OFFSETS_TIMEOUT_MS)
        .with_topics(topics.into_iter().map(topic).collect())
}

/// `host:port` parts of a comma-separated list; the port is 9092 where none is named.
fn parse_addresses(list: &str) -> Result<Vec<String>, ClientError> {
    let parse = |text: &str| {
        let wrong = || ClientError::Address { address: text.to_owned() };
        if text.is_empty() || text.contains("://") {
            return Err(wrong());
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
            None => Ok(format!("{text}:9092")),
            Some(_) => Err(wrong()),
        }
    };
    list.split(',').map(|part| parse(part.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        assert_eq!(parse_addresses("a:1, b").unwrap(), ["a:1", "b:9092"]);
        assert_eq!(parse_addresses("[::1]:9092").unwrap(), ["[::1]:9092"]);
        for wrong in ["", "a:", ":1", "a:b", "a:70000", "PLAINTEXT://a:1", "a:1,,b:2"] {
            assert!(parse_addresses(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
