//! Topics, settings and offsets.

use medallion_client::admin::{ConfigChange, ConfigResource, ConfigSource, OffsetAt};
use medallion_client::{Admin, Client, ClientSettings, NewTopic, Producer, ProducerSettings, Record};
use medallion_wire::{Offset, ResponseError, TopicPartition};

use crate::eventually;

pub(crate) async fn topics(admin: &Admin) {
    let cluster = admin.describe_cluster().await.unwrap();
    assert_eq!(cluster.brokers.len(), 1);
    assert!(cluster.id.is_some());

    let trips = NewTopic::new("trips", 4).replication_factor(1).config("retention.ms", "3600000");
    let wrong = NewTopic::new("wrong", 1).config("retention.ms", "soon");
    let checked = admin.validate_topics(std::slice::from_ref(&trips)).await.unwrap();
    assert!(checked["trips"].is_ok());
    let made = admin.create_topics(&[trips.clone(), wrong, NewTopic::new("no good", 1)]).await.unwrap();
    assert_eq!(made["trips"].as_ref().unwrap().partitions, Some(4));
    assert_eq!(made["wrong"].as_ref().unwrap_err().code(), Some(ResponseError::InvalidConfig));
    assert_eq!(made["no good"].as_ref().unwrap_err().code(), Some(ResponseError::InvalidTopicException));
    let again = admin.create_topics(&[trips]).await.unwrap();
    let error = again["trips"].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::TopicAlreadyExists));
    assert!(error.to_string().contains("trips"), "{error}");

    admin.validate_partitions(&[("trips", 5)]).await.unwrap()["trips"].as_ref().unwrap();
    admin.create_partitions(&[("trips", 6)]).await.unwrap()["trips"].as_ref().unwrap();
    let fewer = admin.create_partitions(&[("trips", 2)]).await.unwrap();
    assert_eq!(fewer["trips"].as_ref().unwrap_err().code(), Some(ResponseError::InvalidPartitions));
    // Brokers of Apache Kafka learn of it a moment later.
    let has_grown = async || {
        let described = admin.describe_topics(&["trips"]).await.unwrap();
        described["trips"].as_ref().is_ok_and(|topic| topic.partitions.len() == 6)
    };
    eventually(has_grown).await;
    let described = admin.describe_topics(&["trips", "nowhere"]).await.unwrap();
    let topic = described["trips"].as_ref().unwrap();
    assert_eq!((topic.partitions.len(), topic.is_internal), (6, false));
    assert_eq!(topic.partitions[5].leader, Some(cluster.brokers[0].id));
    let nowhere = described["nowhere"].as_ref().unwrap_err();
    assert_eq!(nowhere.code(), Some(ResponseError::UnknownTopicOrPartition));
    assert!(admin.list_topics().await.unwrap().contains_key("trips"));
}

pub(crate) async fn configs(admin: &Admin) {
    let topic = ConfigResource::Topic("trips".to_owned());
    let broker = ConfigResource::Broker(admin.describe_cluster().await.unwrap().brokers[0].id);
    let nowhere = ConfigResource::Topic("nowhere".to_owned());
    let change = |name, value: &str| (name, ConfigChange::Set(value.to_owned()));
    let changes = [
        (topic.clone(), vec![change("cleanup.policy", "compact"), ("retention.ms", ConfigChange::Delete)]),
        (nowhere.clone(), vec![change("cleanup.policy", "compact")]),
    ];
    let checked = admin.validate_configs(&changes).await.unwrap();
    assert!(checked[&topic].is_ok() && checked[&nowhere].is_err());
    let changed = admin.alter_configs(&changes).await.unwrap();
    changed[&topic].as_ref().unwrap();
    assert_eq!(changed[&nowhere].as_ref().unwrap_err().code(), Some(ResponseError::UnknownTopicOrPartition));
    let is_compacted = async || {
        let described = admin.describe_configs(std::slice::from_ref(&topic)).await.unwrap();
        described[&topic].as_ref().unwrap()["cleanup.policy"].value.as_deref() == Some("compact")
    };
    eventually(is_compacted).await;
    let described = admin.describe_configs(&[topic.clone(), broker.clone()]).await.unwrap();
    let entries = described[&topic].as_ref().unwrap();
    assert_eq!(entries["cleanup.policy"].source, ConfigSource::Topic);
    assert_eq!(entries["retention.ms"].source, ConfigSource::Default);
    assert!(described[&broker].as_ref().unwrap()["log.dirs"].is_read_only);
    let names = ["cleanup.policy"];
    let described =
        admin.describe_some_configs(std::slice::from_ref(&topic), Some(&names), true).await.unwrap();
    let entries = described[&topic].as_ref().unwrap();
    assert_eq!(entries.len(), 1);
    assert!(entries["cleanup.policy"].documentation.as_ref().is_some_and(|text| !text.is_empty()));
    assert!(admin.list_config_resources().await.unwrap().contains(&topic));
}

pub(crate) async fn offsets(admin: &Admin, client: &Client) {
    assert_eq!(client.topic("trips").await.unwrap().partitions.len(), 6);
    let producer = Producer::new(client, ProducerSettings::default()).unwrap();
    for number in 0..10 {
        let record = Record::to("trips").partition(1).key("k").value("x").timestamp(1000 + number * 10);
        drop(producer.send(record).await.unwrap());
    }
    producer.close().await;
    let partition = TopicPartition::new("trips", 1);
    for (at, offset) in [
        (OffsetAt::Earliest, Some(0)),
        (OffsetAt::Latest, Some(10)),
        (OffsetAt::Time(1035), Some(4)),
        (OffsetAt::Time(5000), None),
        (OffsetAt::MaxTimestamp, Some(9)),
    ] {
        let listed = admin.list_offsets(&[(partition.clone(), at)]).await.unwrap();
        assert_eq!(listed[&partition].as_ref().unwrap().offset, offset.map(Offset), "{at:?}");
    }
}

/// It may be about to be made, so that the client asks again until it must answer.
pub(crate) async fn no_such_partition(settings: ClientSettings) {
    let settings = settings.set("default.api.timeout.ms", "1000").unwrap();
    let admin = Admin::new(&Client::new(settings).unwrap());
    let beyond = TopicPartition::new("trips", 9);
    let listed = admin.list_offsets(&[(beyond.clone(), OffsetAt::Latest)]).await.unwrap();
    assert!(listed[&beyond].is_err());
}

pub(crate) async fn remove(admin: &Admin) {
    let removed = admin.delete_topics(&["trips", "nowhere"]).await.unwrap();
    removed["trips"].as_ref().unwrap();
    assert_eq!(removed["nowhere"].as_ref().unwrap_err().code(), Some(ResponseError::UnknownTopicOrPartition));
    eventually(async || !admin.list_topics().await.unwrap().contains_key("trips")).await;
}
