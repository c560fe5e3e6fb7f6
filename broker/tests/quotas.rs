//! Quotas as clients meet them: told in responses, enforced by not reading, changed while the broker runs, kept.

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::quotas::{alter, describe, try_alter};
use common::topics::{batch, create, fetch, name, with_broker};
use common::{Connection, clients_address, start};
use medallion_wire::messages::alter_user_scram_credentials_request::ScramCredentialUpsertion;
use medallion_wire::messages::create_topics_request::CreatableTopic;
use medallion_wire::messages::describe_user_scram_credentials_request::UserName;
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::{
    AlterUserScramCredentialsRequest, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, DescribeUserScramCredentialsRequest, MetadataRequest, ProduceRequest,
};

/// Usage of the last one to two seconds counts, so that tests are short.
const SHORT_WINDOWS: &[(&str, &str)] = &[("quota.window.num", "2"), ("controller.quota.window.num", "2")];

const THROTTLING_QUOTA_EXCEEDED: i16 = 89;

/// Writes about `kilobytes`; how many milliseconds the client is told to wait.
fn produce(connection: &mut Connection, kilobytes: usize, acks: i16) -> i32 {
    let records = batch(&[b"key"], &vec![0; kilobytes << 10]);
    let data = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name("t")).with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(acks).with_timeout_ms(10_000).with_topic_data(vec![topic]);
    if acks == 0 {
        connection.send(9, &request);
        return 0;
    }
    let response = connection.ask(9, &request);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    response.throttle_time_ms
}

fn metadata_throttle_ms(connection: &mut Connection) -> i32 {
    connection.ask(9, &MetadataRequest::default()).throttle_time_ms
}

fn elapsed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    (work(), began.elapsed())
}

fn with_topic(settings: &[(&str, &str)], work: impl FnOnce(SocketAddr, &mut Connection) + Send + 'static) {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), settings, move |address| {
        let mut admin = Connection::open_as(address, "admin");
        create(&mut admin, "t", 1, &[]);
        work(address, &mut admin);
    });
}

#[test]
fn a_producer_above_its_quota_is_told_at_once_and_then_not_read_for_a_while() {
    with_topic(SHORT_WINDOWS, |address, admin| {
        alter(admin, &[("client-id", Some("slow"))], "producer_byte_rate", Some(10_000.0));
        let (mut slow, mut other) = (Connection::open_as(address, "slow"), Connection::open(address));
        let (throttle_ms, took) = elapsed(|| produce(&mut slow, 20, -1));
        assert!((900..1_600).contains(&throttle_ms), "20 KiB at 10 kB/s: {throttle_ms} ms");
        assert!(took < Duration::from_millis(800), "the answer itself is not held back: {took:?}");
        for _ in 0..3 {
            assert_eq!(produce(&mut other, 20, -1), 0, "another client has no quota");
        }
        let (_, took) = elapsed(|| produce(&mut slow, 1, -1));
        assert!(took > Duration::from_millis(700), "the connection was muted: {took:?}");

        let mut same = Connection::open_as(address, "slow");
        assert!(produce(&mut same, 20, -1) > 0, "connections of one client share its quota");
    });
}

#[test]
fn a_producer_without_acknowledgements_is_muted_as_well() {
    with_topic(SHORT_WINDOWS, |address, admin| {
        alter(admin, &[("client-id", None)], "producer_byte_rate", Some(10_000.0));
        let mut slow = Connection::open_as(address, "slow");
        produce(&mut slow, 20, 0);
        std::thread::sleep(Duration::from_millis(200));
        let (_, took) = elapsed(|| slow.ask(9, &MetadataRequest::default()));
        assert!(took > Duration::from_millis(500), "{took:?}");
    });
}

#[test]
fn a_consumer_above_its_quota_gets_nothing_until_it_has_waited() {
    with_topic(SHORT_WINDOWS, |address, admin| {
        for _ in 0..8 {
            produce(admin, 4, -1);
        }
        alter(admin, &[("user", Some("ANONYMOUS"))], "consumer_byte_rate", Some(10_000.0));
        let mut consumer = Connection::open_as(address, "any");
        let ask = |consumer: &mut Connection, offset: i64, session: Option<(i32, i32)>| {
            let (id, epoch) = session.unwrap_or((0, -1));
            let request = fetch("t", offset).with_session_id(id).with_session_epoch(epoch);
            let response = consumer.ask(12, &request);
            let records = |topic: &medallion_wire::messages::fetch_response::FetchableTopicResponse| {
                topic.partitions[0].records.as_ref().map_or(0, bytes::Bytes::len)
            };
            let read = response.responses.first().map_or(0, records);
            (response.throttle_time_ms, read, response.session_id)
        };
        let (throttle_ms, read, _) = ask(&mut consumer, 0, None);
        assert_eq!(throttle_ms, 0);
        assert!((4_096..=10_000).contains(&read), "no more than a second's share: {read}");
        let (throttle_ms, read, session) = ask(&mut consumer, 2, Some((0, 0)));
        assert!(throttle_ms > 0, "twice as much within a second");
        assert_eq!((read, session), (0, 0), "an empty answer, and no session");
        std::thread::sleep(Duration::from_millis(2_200));
        let ((throttle_ms, read, session), _) = elapsed(|| ask(&mut consumer, 2, Some((0, 0))));
        assert!(throttle_ms == 0 && read >= 4_096 && session != 0, "{throttle_ms} {read} {session}");
        let (throttle_ms, read, throttled) = ask(&mut consumer, 4, Some((session, 1)));
        assert!(throttle_ms > 0 && read == 0);
        assert_eq!(throttled, session, "the session goes on");
        std::thread::sleep(Duration::from_millis(2_200));
        let (throttle_ms, read, _) = ask(&mut consumer, 4, Some((session, 2)));
        assert!(throttle_ms == 0 && read >= 4_096, "what was not sent is sent now: {throttle_ms} {read}");
    });
}

#[test]
fn time_on_threads_is_limited_for_clients_and_not_for_controllers() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), SHORT_WINDOWS).await.expect("the broker starts");
        let address = clients_address(&broker);
        let controller = broker.listeners().iter().find(|listener| listener.is_controller);
        let controller = controller.expect("a listener of the controller").address;
        let work = move || {
            let mut admin = Connection::open_as(address, "admin");
            create(&mut admin, "t", 1, &[]);
            assert_eq!(metadata_throttle_ms(&mut admin), 0);
            alter(&mut admin, &[("client-id", Some("busy"))], "request_percentage", Some(0.000_1));
            let throttle_ms = metadata_throttle_ms(&mut Connection::open_as(address, "busy"));
            assert!((1..=1_000).contains(&throttle_ms), "a window at most: {throttle_ms}");
            assert!(produce(&mut Connection::open_as(address, "busy"), 1, -1) > 0);
            let fetched = Connection::open_as(address, "busy").ask(12, &fetch("t", 0).with_session_epoch(-1));
            assert!(fetched.throttle_time_ms > 0);
            assert_eq!(metadata_throttle_ms(&mut admin), 0);
            let asked = ApiVersionsRequest::default();
            let of_clients = Connection::open_as(address, "busy").ask(2, &asked);
            let of_controllers = Connection::open_as(controller, "busy").ask(2, &asked);
            assert!(of_clients.throttle_time_ms > 0);
            assert_eq!(of_controllers.throttle_time_ms, 0);
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}

/// Creates a topic; its error code and the wait.
fn try_create(connection: &mut Connection, version: i16, topic: &str, partitions: i32) -> (i16, i32) {
    let topic = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    let response = connection.ask(version, &request);
    (response.topics[0].error_code, response.throttle_time_ms)
}

#[test]
fn partitions_are_made_and_removed_at_the_quotas_rate() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), SHORT_WINDOWS, |address| {
        let mut admin = Connection::open_as(address, "admin");
        alter(&mut admin, &[("client-id", Some("eager"))], "controller_mutation_rate", Some(2.0));
        // A connection each, because the one that was told to wait is not read.
        let eager = || Connection::open_as(address, "eager");
        assert_eq!(try_create(&mut eager(), 7, "first", 12), (0, 0), "a debt is allowed");
        let (error, throttle_ms) = try_create(&mut eager(), 7, "second", 1);
        assert_eq!(error, THROTTLING_QUOTA_EXCEEDED);
        assert!((2_000..=4_000).contains(&throttle_ms), "8 are owed, 2 come in a second: {throttle_ms}");

        let grow = medallion_wire::messages::create_partitions_request::CreatePartitionsTopic::default()
            .with_name(name("first"))
            .with_count(13)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![grow]).with_timeout_ms(10_000);
        let response = eager().ask(3, &request);
        assert_eq!(response.results[0].error_code, THROTTLING_QUOTA_EXCEEDED);
        let message = response.results[0].error_message.as_ref().map(ToString::to_string);
        assert_eq!(message.as_deref(), Some("The throttling quota has been exceeded."));
        let request =
            DeleteTopicsRequest::default().with_topic_names(vec![name("first")]).with_timeout_ms(10_000);
        let response = eager().ask(5, &request);
        assert_eq!(response.responses[0].error_code, THROTTLING_QUOTA_EXCEEDED);
        assert!(response.throttle_time_ms > 0);

        let on_demand = MetadataRequestTopic::default().with_name(Some(name("on-demand")));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![on_demand]))
            .with_allow_auto_topic_creation(true);
        assert_eq!(eager().ask(9, &request).topics[0].error_code, 3, "not created on demand either");

        let (error, throttle_ms) = try_create(&mut eager(), 5, "old", 1);
        assert_eq!(error, 0, "clients before KIP-599 are slowed only");
        assert!(throttle_ms > 0);
        assert_eq!(try_create(&mut admin, 7, "third", 50), (0, 0), "no quota");
        std::thread::sleep(Duration::from_millis(6_000));
        assert_eq!(try_create(&mut eager(), 7, "second", 1), (0, 0), "the debt is paid");
    });
}

/// Whether a new connection is served, rather than closed.
fn is_served(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("the broker listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    // ApiVersions version 0 with correlation id 7 and no client id.
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    stream.write_all(&request).expect("sent");
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).is_ok_and(|()| answer[4..] == [0, 0, 0, 7])
}

#[test]
fn an_address_that_connects_too_fast_is_held_and_not_served() {
    with_topic(SHORT_WINDOWS, |address, admin| {
        assert!((0..5).all(|_| is_served(address)));
        let refused =
            try_alter(admin, &[("ip", Some("no.such.host.invalid"))], "connection_creation_rate", Some(1.0));
        let message = "no.such.host.invalid is not a valid IP or resolvable host.";
        assert_eq!(refused, (42, Some(message.to_owned())));
        alter(admin, &[("ip", Some("127.0.0.1"))], "connection_creation_rate", Some(2.0));
        let (served, took) = elapsed(|| {
            let tries: Vec<_> = (0..8).map(|_| std::thread::spawn(move || is_served(address))).collect();
            tries.into_iter().map(|each| each.join().expect("no panic")).filter(|served| *served).count()
        });
        assert!((2..=3).contains(&served), "two in a second: {served}");
        assert!(took > Duration::from_millis(300), "the others are held: {took:?}");
        std::thread::sleep(Duration::from_millis(2_200));
        assert!(is_served(address), "later it may again");
        alter(admin, &[("ip", Some("127.0.0.1"))], "connection_creation_rate", None);
        assert!((0..8).all(|_| is_served(address)));
        alter(admin, &[("ip", Some("localhost"))], "connection_creation_rate", Some(1.0));
        let held = (0..50).any(|_| !is_served(address));
        assert!(held, "host names are looked up");
    });
}

#[test]
fn a_listener_accepts_at_its_rate() {
    let settings = [SHORT_WINDOWS, &[("max.connection.creation.rate", "4")]].concat();
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &settings, |address| {
        let (all_served, took) = elapsed(|| (0..10).all(|_| is_served(address)));
        assert!(all_served, "late, but served");
        assert!(took > Duration::from_millis(800), "{took:?}");
    });
    let settings =
        [&settings[..], &[("listener.name.plaintext.max.connection.creation.rate", "1000")]].concat();
    let settings = [&settings[..], &[("max.connection.creation.rate", "1000")]].concat();
    with_broker(directory.path(), &settings, |address| {
        let (all_served, took) = elapsed(|| (0..10).all(|_| is_served(address)));
        assert!(all_served && took < Duration::from_millis(800), "{took:?}");
    });
}

#[test]
fn the_most_specific_quota_holds_at_once_and_after_a_restart() {
    let directory = tempfile::tempdir().expect("a folder");
    let throttle_ms = |address| produce(&mut Connection::open_as(address, "c"), 20, -1);
    let pause = || std::thread::sleep(Duration::from_millis(2_100));
    with_broker(directory.path(), SHORT_WINDOWS, move |address| {
        let mut admin = Connection::open_as(address, "");
        create(&mut admin, "t", 1, &[]);
        alter(&mut admin, &[("client-id", None)], "producer_byte_rate", Some(10_000.0));
        assert!(throttle_ms(address) > 0);
        pause();
        alter(&mut admin, &[("user", Some("ANONYMOUS"))], "producer_byte_rate", Some(1e6));
        assert_eq!(throttle_ms(address), 0, "a user's before a client id's");
        pause();
        alter(
            &mut admin,
            &[("user", Some("ANONYMOUS")), ("client-id", Some("c"))],
            "producer_byte_rate",
            Some(10_000.0),
        );
        assert!(throttle_ms(address) > 0, "and both before the user's");
    });
    with_broker(directory.path(), SHORT_WINDOWS, move |address| {
        let mut admin = Connection::open_as(address, "");
        let all = describe(&mut admin, &[], false).expect("described");
        let expected = [
            "client-id=<default>: producer_byte_rate=10000",
            "client-id=c user=ANONYMOUS: producer_byte_rate=10000",
            "user=ANONYMOUS: producer_byte_rate=1000000",
        ];
        assert_eq!(all, expected);
        assert!(throttle_ms(address) > 0);
        pause();
        alter(
            &mut admin,
            &[("user", Some("ANONYMOUS")), ("client-id", Some("c"))],
            "producer_byte_rate",
            None,
        );
        assert_eq!(throttle_ms(address), 0);
    });
}

#[test]
fn filters_pick_by_name_default_and_type() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let admin = &mut Connection::open(address);
        alter(admin, &[("user", Some("u"))], "producer_byte_rate", Some(1e9));
        alter(admin, &[("user", Some("u")), ("client-id", Some("c"))], "consumer_byte_rate", Some(1e9));
        alter(admin, &[("user", None)], "controller_mutation_rate", Some(0.5));
        alter(admin, &[("ip", Some("10.0.0.1"))], "connection_creation_rate", Some(7.0));
        let user = "user=u: producer_byte_rate=1000000000";
        let both = "client-id=c user=u: consumer_byte_rate=1000000000";
        let default = "user=<default>: controller_mutation_rate=0.5";
        let ip = "ip=10.0.0.1: connection_creation_rate=7";
        let pick = |admin: &mut Connection, filter: &[_], strict| {
            let mut picked = describe(admin, filter, strict).expect("described");
            picked.sort();
            picked
        };
        assert_eq!(pick(admin, &[], false), [both, ip, default, user]);
        assert_eq!(pick(admin, &[("user", 0, Some("u"))], false), [both, user]);
        assert_eq!(pick(admin, &[("user", 0, Some("u"))], true), [user]);
        assert_eq!(pick(admin, &[("user", 1, None)], false), [default]);
        assert_eq!(pick(admin, &[("user", 2, None)], true), [default, user]);
        assert_eq!(pick(admin, &[("ip", 2, None)], false), [ip]);
        let odd = describe(admin, &[("host", 0, Some("u"))], false);
        assert_eq!(odd, Err((35, "Unsupported entity type host".to_owned())));
        let mixed = describe(admin, &[("ip", 2, None), ("user", 2, None)], false);
        assert_eq!(mixed.expect_err("refused").0, 42);
    });
}

#[test]
fn scram_credentials_are_kept() {
    let directory = tempfile::tempdir().expect("a folder");
    let describe = |address: SocketAddr| {
        let users = ["ann", "eve"].map(|user| UserName::default().with_name(user.into()));
        let request = DescribeUserScramCredentialsRequest::default().with_users(Some(users.to_vec()));
        let response = Connection::open(address).ask(0, &request);
        assert_eq!(response.error_code, 0);
        let told = response.results.iter().map(|result| {
            let infos = result.credential_infos.iter();
            let infos: Vec<_> = infos.map(|info| (info.mechanism, info.iterations)).collect();
            (result.user.to_string(), result.error_code, infos)
        });
        told.collect::<Vec<_>>()
    };
    let expected = [("ann".to_owned(), 0, vec![(1_i8, 8_192)]), ("eve".to_owned(), 91, vec![])];
    let again = expected.clone();
    with_broker(directory.path(), &[], move |address| {
        let upsertion = ScramCredentialUpsertion::default()
            .with_name("ann".into())
            .with_mechanism(1)
            .with_iterations(8_192)
            .with_salt(bytes::Bytes::from_static(b"salt"))
            .with_salted_password(bytes::Bytes::from_static(b"salted password"));
        let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]);
        let response = Connection::open(address).ask(0, &request);
        assert_eq!((response.results[0].error_code, response.results[0].user.as_str()), (0, "ann"));
        assert_eq!(describe(address), expected);
    });
    with_broker(directory.path(), &[], move |address| assert_eq!(describe(address), again));
}
