//! Creating and deleting topics.

use medallion_wire::ResponseError as E;
use medallion_wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopicConfig};
use medallion_wire::messages::delete_topics_request::DeleteTopicState;

use super::*;

fn refused(error: E, message: &str) -> (i16, Option<String>) {
    (error.code(), Some(message.to_owned()))
}

/// Partition index and replicas.
type Assignment = &'static [(i32, &'static [i32])];

#[test]
fn names_are_refused_with_kafkas_words() {
    let mut cluster = Cluster::of_one_broker();
    let long = "a".repeat(250);
    let cases = [
        ("", "Topic name is invalid: the empty string is not allowed".to_owned()),
        (".", "Topic name is invalid: '.' is not allowed".to_owned()),
        ("..", "Topic name is invalid: '..' is not allowed".to_owned()),
        (&long, format!("Topic name is invalid: the length of '{long}' is longer than the max allowed length 249")),
        (
            "a b",
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' \
             and '-'"
                .to_owned(),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(cluster.create(topic(text, 1, 1)), refused(E::InvalidTopicException, &message));
    }
    assert_eq!(
        cluster.create(topic("__cluster_metadata", 1, 1)),
        refused(E::InvalidRequest, "Creation of internal topic __cluster_metadata is prohibited.")
    );
    assert!(cluster.image().topics.is_empty());
}

#[test]
fn dots_and_underscores_collide() {
    let mut cluster = Cluster::of_one_broker();
    assert_eq!(cluster.create(topic("a.b_c", 1, 1)).0, 0);
    assert_eq!(
        cluster.create(topic("a_b.c", 1, 1)),
        refused(E::InvalidTopicException, "Topic 'a_b.c' collides with existing topic: a.b_c")
    );
    assert_eq!(cluster.create(topic("a_b_d", 1, 1)).0, 0);
    assert_eq!(cluster.create(topic("a-b_c", 1, 1)).0, 0);
    assert_eq!(
        cluster.create(topic("a.b_c", 1, 1)),
        refused(E::TopicAlreadyExists, "Topic 'a.b_c' already exists.")
    );
}

#[test]
fn counts_are_checked_and_defaulted() {
    let mut cluster = Cluster::of_one_broker();
    cluster.machine.settings.num_partitions = 4;
    assert_eq!(
        cluster.create(topic("t", 0, 1)),
        refused(E::InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
    );
    assert_eq!(
        cluster.create(topic("t", 1, 0)),
        refused(
            E::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value."
        )
    );
    assert_eq!(
        cluster.create(topic("t", 1, 2)),
        refused(
            E::InvalidReplicationFactor,
            "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached \
             because only 1 broker(s) are registered or some brokers have all their log directories cordoned."
        )
    );
    assert_eq!(cluster.create(topic("t", -1, -1)), (0, None));
    let created = cluster.image().topics.by_name("t").unwrap();
    assert_eq!(created.partitions.len(), 4);
    assert!(created.partitions.values().all(|p| p.leader == 1 && p.isr == [1] && p.replicas == [1]));
}

#[test]
fn assignments_by_hand_are_checked() {
    let mut cluster = Cluster::of_one_broker();
    let assigned = |assignments: &[(i32, &[i32])]| {
        let assignment = |(index, brokers): &(i32, &[i32])| {
            CreatableReplicaAssignment::default()
                .with_partition_index(*index)
                .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
        };
        topic("t", -1, -1).with_assignments(assignments.iter().map(assignment).collect())
    };
    let cases: [(Assignment, &str); 5] = [
        (&[(0, &[])], "The manual partition assignment includes an empty replica list."),
        (
            &[(0, &[7])],
            "The manual partition assignment includes broker 7, but no such broker is registered.",
        ),
        (&[(0, &[1, 1])], "The manual partition assignment includes the broker 1 more than once."),
        (&[(0, &[1]), (0, &[1])], "Found multiple manual partition assignments for partition 0"),
        (&[(1, &[1])], "partitions should be a consecutive 0-based integer sequence"),
    ];
    for (assignments, message) in cases {
        assert_eq!(cluster.create(assigned(assignments)), refused(E::InvalidReplicaAssignment, message));
    }
    assert_eq!(cluster.create(assigned(&[(0, &[1])]).with_replication_factor(1)).0, E::InvalidRequest.code());
    assert_eq!(cluster.create(assigned(&[(0, &[1])]).with_num_partitions(1)).0, E::InvalidRequest.code());
    assert_eq!(cluster.create(assigned(&[(1, &[1]), (0, &[1])])), (0, None));
    assert_eq!(cluster.image().topics.by_name("t").unwrap().partitions.len(), 2);
}

#[test]
fn configs_are_checked_and_kept() {
    let mut cluster = Cluster::of_one_broker();
    let with = |key: &'static str, value: Option<&'static str>| {
        let config = CreatableTopicConfig::default().with_name(key.into()).with_value(value.map(Into::into));
        topic("t", 1, 1).with_configs(vec![config])
    };
    assert_eq!(
        cluster.create(with("retention.ms", None)),
        refused(E::InvalidConfig, "Null value not supported for topic configs: retention.ms")
    );
    assert_eq!(cluster.create(with("nonsense", Some("1"))).0, E::InvalidConfig.code());
    assert_eq!(cluster.create(with("retention.ms", Some("99"))), (0, None));
    let value = cluster.image().config(ResourceType::Topic, "t", "retention.ms");
    assert_eq!(value.as_deref(), Some("99"));
}

#[test]
fn validation_only_and_duplicates_change_nothing() {
    let mut cluster = Cluster::of_one_broker();
    let request = m::CreateTopicsRequest::default()
        .with_topics(vec![topic("t", 2, 1), topic("twice", 1, 1), topic("twice", 1, 1)])
        .with_validate_only(true);
    let decision = cluster.run(Command::CreateTopics(request));
    assert!(decision.records.is_empty());
    let Reply::CreateTopics(response) = decision.reply else { panic!() };
    let codes: Vec<_> = response.topics.iter().map(|t| (t.name.as_str().to_owned(), t.error_code)).collect();
    assert_eq!(codes, [("t".to_owned(), 0), ("twice".to_owned(), E::InvalidRequest.code())]);
    assert_eq!(response.topics[0].num_partitions, 2);
}

#[test]
fn topics_are_deleted_with_their_configs() {
    let mut cluster = Cluster::of_one_broker();
    let config =
        CreatableTopicConfig::default().with_name("retention.ms".into()).with_value(Some("1".into()));
    cluster.create(topic("t", 2, 1).with_configs(vec![config]));
    cluster.create(topic("other", 1, 1));
    let id = cluster.image().topics.by_name("t").unwrap().id;
    let unknown = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
    let by_id = |id| DeleteTopicState::default().with_topic_id(id);
    let request = m::DeleteTopicsRequest::default().with_topics(vec![
        by_id(id.0),
        by_id(unknown),
        by_id(Uuid::nil()),
        DeleteTopicState::default().with_name(Some(name("absent"))),
    ]);
    let decision = cluster.run(Command::DeleteTopics(request));
    let Reply::DeleteTopics(response) = decision.reply else { panic!() };
    let mut codes: Vec<i16> = response.responses.iter().map(|r| r.error_code).collect();
    codes.sort_unstable();
    let mut expected =
        [0, E::UnknownTopicId.code(), E::InvalidRequest.code(), E::UnknownTopicOrPartition.code()];
    expected.sort_unstable();
    assert_eq!(codes, expected);
    assert!(cluster.image().topics.by_name("t").is_none());
    assert!(cluster.image().topics.by_name("other").is_some());
    assert!(cluster.image().configs_of(ResourceType::Topic, "t").is_empty());
}

#[test]
fn a_name_and_the_id_behind_it_are_one_topic_too_many() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    let id = cluster.image().topics.by_name("t").unwrap().id;
    let request = m::DeleteTopicsRequest::default()
        .with_topics(vec![DeleteTopicState::default().with_topic_id(id.0)])
        .with_topic_names(vec![name("t")]);
    let decision = cluster.run(Command::DeleteTopics(request));
    let Reply::DeleteTopics(response) = decision.reply else { panic!() };
    assert_eq!(response.responses.len(), 1);
    assert_eq!(response.responses[0].error_code, E::InvalidRequest.code());
    assert!(cluster.image().topics.by_name("t").is_some());
}

#[test]
fn changes_name_what_was_touched() {
    let mut cluster = Cluster::of_one_broker();
    let request = m::CreateTopicsRequest::default().with_topics(vec![topic("t", 2, 1)]);
    let decision = cluster.decide(Command::CreateTopics(request)).unwrap();
    let changes = cluster.apply(&decision.records);
    assert_eq!(changes.partitions.len(), 2);
    let request = m::DeleteTopicsRequest::default().with_topic_names(vec![name("t")]);
    let decision = cluster.decide(Command::DeleteTopics(request)).unwrap();
    let changes = cluster.apply(&decision.records);
    assert_eq!((changes.partitions.len(), changes.removed_topics.len()), (0, 1));
}

#[test]
fn partitions_are_made_and_removed_within_the_quota() {
    let mut cluster = Cluster::of_one_broker();
    let throttled = refused(E::ThrottlingQuotaExceeded, "The throttling quota has been exceeded.");
    let topic = |topic: &'static str, partitions| {
        m::create_topics_request::CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
    };
    cluster.partition_tokens = Some(3);
    assert_eq!(cluster.create(topic("one", 2)).0, 0);
    assert_eq!(cluster.create(topic("two", 5)).0, 0, "one was left, so that a debt is allowed");
    assert_eq!(cluster.create(topic("three", 1)), throttled);
    assert!(cluster.image().topics.by_name("three").is_none());

    let more = m::create_partitions_request::CreatePartitionsTopic::default()
        .with_name(name("one"))
        .with_assignments(None);
    let grow = |cluster: &mut Cluster, count| {
        let request = m::CreatePartitionsRequest::default().with_topics(vec![more.clone().with_count(count)]);
        let reply = cluster.run(Command::CreatePartitions(request)).reply;
        let Reply::CreatePartitions(response) = reply else { panic!() };
        response.results[0].error_code
    };
    assert_eq!(grow(&mut cluster, 3), E::ThrottlingQuotaExceeded.code());
    assert_eq!(grow(&mut cluster, 2), E::InvalidPartitions.code(), "what is wrong is told first");
    cluster.partition_tokens = Some(1);
    assert_eq!(grow(&mut cluster, 3), 0);
    assert_eq!(cluster.partition_tokens, Some(0), "only the new one counts");

    let delete = |cluster: &mut Cluster| {
        let request = m::DeleteTopicsRequest::default().with_topic_names(vec![name("two")]);
        let Reply::DeleteTopics(response) = cluster.run(Command::DeleteTopics(request)).reply else {
            panic!()
        };
        response.responses[0].error_code
    };
    assert_eq!(delete(&mut cluster), E::ThrottlingQuotaExceeded.code());
    assert!(cluster.image().topics.by_name("two").is_some());
    cluster.partition_tokens = Some(6);
    assert_eq!(delete(&mut cluster), 0);
    assert_eq!(cluster.partition_tokens, Some(1), "five are gone");
}
