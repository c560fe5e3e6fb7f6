//! Who is asked: any broker, the controller, coordinators, leaders, several at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::FindCoordinatorRequest;
use medallion_wire::{BrokerId, ResponseError, TopicPartition};
use tokio::task::JoinSet;

use super::{Each, text};
use crate::client::Client;
use crate::connection::Ask;
use crate::error::Error;

/// The kind of key that a coordinator is found by, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoordinatorOf {
    Group,
    Transaction,
}

impl CoordinatorOf {
    const fn key_type(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::Transaction => 1,
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Transaction => "transactional id",
        }
    }
}

/// The coordinators of some keys. Brokers before Kafka 3.0 are asked for one after another (KIP-699).
pub(crate) async fn coordinators(
    client: &Client,
    of: CoordinatorOf,
    keys: &[String],
) -> Result<Each<String, BrokerId>, Error> {
    let found = coordinators_at_once(client, of, keys).await;
    if keys.len() < 2 || !matches!(found, Err(Error::UnsupportedVersion { .. })) {
        return found;
    }
    let mut each = Each::new();
    for key in keys.chunks(1) {
        each.extend(coordinators_at_once(client, of, key).await?);
    }
    Ok(each)
}

async fn coordinators_at_once(
    client: &Client,
    of: CoordinatorOf,
    keys: &[String],
) -> Result<Each<String, BrokerId>, Error> {
    let request = FindCoordinatorRequest::default()
        .with_key_type(of.key_type())
        .with_coordinator_keys(keys.iter().map(|key| text(key)).collect());
    let response = client.call_any(request).await?;
    let found = response.coordinators.into_iter().map(|found| {
        let subject = || format!("the coordinator of {} {}", of.noun(), &*found.key);
        let checked = Error::check(found.error_code, subject, found.error_message.as_deref());
        (found.key.to_string(), checked.map(|()| BrokerId(found.node_id.0)))
    });
    Ok(found.collect())
}

/// Asks each broker its question, all at the same time; gives what each of them answers.
pub(super) async fn ask_brokers<T, R>(
    client: &Client,
    questions: Vec<(BrokerId, T, R)>,
) -> Vec<(T, Result<R::Response, Error>)>
where
    T: Send + 'static,
    R: Ask + Send + Sync + 'static,
    R::Response: Send,
{
    let mut asking = JoinSet::new();
    for (broker, subject, request) in questions {
        let client = client.clone();
        asking.spawn(async move { (subject, client.call_broker(broker, request).await) });
    }
    asking.join_all().await
}

/// Asks the coordinators of groups or transactions, each about all of its own, and again about those that had no answer worth keeping.
pub(super) async fn ask_coordinators<R, V, Q, A>(
    client: &Client,
    of: CoordinatorOf,
    keys: &[&str],
    question: Q,
    answer: A,
) -> Result<Each<String, V>, Error>
where
    R: Ask + Send + Sync + 'static,
    R::Response: Send,
    Q: Fn(&[String]) -> R,
    A: Fn(BrokerId, R::Response) -> Each<String, V>,
{
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let (question, answer) = (&question, &answer);
    let attempt = |client: Client, keys: Vec<String>| async move {
        let mut each = Each::new();
        let mut by_broker: BTreeMap<BrokerId, Vec<String>> = BTreeMap::new();
        for (key, found) in coordinators(&client, of, &keys).await? {
            match found {
                Ok(broker) => by_broker.entry(broker).or_default().push(key),
                Err(error) => drop(each.insert(key, Err(error))),
            }
        }
        let questions = by_broker.into_iter().map(|(broker, keys)| {
            let request = question(&keys);
            (broker, (broker, keys), request)
        });
        let (mut answers, mut alone) = (ask_brokers(&client, questions.collect()).await, Vec::new());
        answers.retain(|((broker, keys), outcome)| {
            // Older brokers are asked for one thing at a time.
            let is_too_much = keys.len() > 1 && matches!(outcome, Err(Error::UnsupportedVersion { .. }));
            if is_too_much {
                let asked = keys.chunks(1).map(|key| (*broker, (*broker, key.to_vec()), question(key)));
                alone.extend(asked);
            }
            !is_too_much
        });
        answers.extend(ask_brokers(&client, alone).await);
        for ((broker, keys), outcome) in answers {
            match outcome {
                Ok(response) => each.extend(answer(broker, response)),
                Err(error) => each.extend(keys.into_iter().map(|key| (key, Err(error.clone())))),
            }
        }
        Ok(each)
    };
    crate::retries::each(client, keys, attempt).await
}

/// Asks a group's coordinator, until that gives an answer worth keeping.
pub(super) async fn ask_coordinator<R, V, Q, A>(
    client: &Client,
    group: &str,
    question: Q,
    answer: A,
) -> Result<V, Error>
where
    R: Ask + Send + Sync + 'static,
    R::Response: Send,
    Q: Fn() -> R,
    A: Fn(R::Response) -> Result<V, Error>,
{
    let answer = |_: BrokerId, response| Each::from([(group.to_owned(), answer(response))]);
    let mut each = ask_coordinators(client, CoordinatorOf::Group, &[group], |_| question(), answer).await?;
    each.remove(group)
        .unwrap_or_else(|| Err(Error::malformed("an answer", format!("it lacks group {group}"))))
}

/// Asks the leaders of partitions, each about all of its own, and again about those that had no answer worth keeping.
pub(super) async fn ask_leaders<R, V, Q, A>(
    client: &Client,
    partitions: Vec<TopicPartition>,
    question: Q,
    answer: A,
) -> Result<Each<TopicPartition, V>, Error>
where
    R: Ask + Send + Sync + 'static,
    R::Response: Send,
    Q: Fn(&[TopicPartition]) -> R,
    A: Fn(R::Response) -> Each<TopicPartition, V>,
{
    for partition in &partitions {
        client.metadata().use_topic(&partition.topic);
    }
    let (question, answer) = (&question, &answer);
    let attempt = |client: Client, partitions: Vec<TopicPartition>| async move {
        let mut each = Each::new();
        let mut by_leader: BTreeMap<BrokerId, Vec<TopicPartition>> = BTreeMap::new();
        for partition in partitions {
            match leader(&client, &partition).await {
                Ok(leader) => by_leader.entry(leader).or_default().push(partition),
                Err(error) => drop(each.insert(partition, Err(error))),
            }
        }
        let questions = by_leader.into_iter().map(|(leader, partitions)| {
            let request = question(&partitions);
            (leader, partitions, request)
        });
        for (partitions, outcome) in ask_brokers(&client, questions.collect()).await {
            match outcome {
                Ok(response) => each.extend(answer(response)),
                Err(error) => each.extend(partitions.into_iter().map(|one| (one, Err(error.clone())))),
            }
        }
        Ok(each)
    };
    crate::retries::each(client, partitions, attempt).await
}

async fn leader(client: &Client, partition: &TopicPartition) -> Result<BrokerId, Error> {
    let topic = client.topic(&partition.topic).await?;
    let count = topic.partitions.len();
    let unknown = || Error::UnknownPartition { partition: partition.clone(), count };
    let known = topic.partition(partition.partition).ok_or_else(unknown)?;
    let nobody = ResponseError::LeaderNotAvailable.code();
    known
        .leader
        .map_or_else(|| Error::check(nobody, || partition.to_string(), None).map(|()| BrokerId(-1)), Ok)
}

/// Partitions by topic, as requests have them.
pub(super) fn by_topic<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> BTreeMap<Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(Arc::clone(&partition.topic)).or_default().push(partition.partition.get());
    }
    topics
}

/// A request to each of several brokers, tried again until each has an answer worth keeping.
pub(super) async fn ask_each_broker<R, V, Q, A>(
    client: &Client,
    brokers: Vec<BrokerId>,
    question: Q,
    answer: A,
) -> Result<Each<BrokerId, V>, Error>
where
    R: Ask + Send + Sync + 'static,
    R::Response: Send,
    Q: Fn() -> R,
    A: Fn(BrokerId, R::Response) -> Result<V, Error>,
{
    let (question, answer) = (&question, &answer);
    let attempt = |client: Client, brokers: Vec<BrokerId>| async move {
        let questions = brokers.into_iter().map(|broker| (broker, broker, question())).collect();
        let answers = ask_brokers(&client, questions).await.into_iter();
        let answers =
            answers.map(|(broker, outcome)| (broker, outcome.and_then(|response| answer(broker, response))));
        Ok(answers.collect::<Each<_, _>>())
    };
    crate::retries::each(client, brokers, attempt).await
}
