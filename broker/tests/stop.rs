//! How a broker stops: requests that wait are answered or let go at once, and nobody can hold it up.

mod common;

use std::time::{Duration, Instant};

use common::topics::{create, fetch};
use common::{Connection, clients_address, start};
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::{
    FetchRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
};

/// Far below the five seconds after which connections are cut.
const SOON: Duration = Duration::from_secs(2);

#[test]
fn a_parked_fetch_is_answered_when_the_broker_stops() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let address = clients_address(&broker);
        let parked = tokio::task::spawn_blocking(move || {
            let mut connection = Connection::open(address);
            create(&mut connection, "quiet", 1, &[]);
            connection.send(11, &fetch("quiet", 0).with_max_wait_ms(60_000));
            connection
        });
        let mut connection = parked.await.expect("no panic");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let answer = tokio::task::spawn_blocking(move || connection.read::<FetchRequest>(11));
        broker.shutdown().await.expect("a clean stop");
        assert!(began.elapsed() < SOON, "the stop took {:?}", began.elapsed());
        let answer = answer.await.expect("the fetch is answered");
        assert_eq!(answer.responses[0].partitions[0].error_code, 0);
    });
}

#[test]
fn a_client_that_never_pauses_does_not_hold_up_the_stop() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let address = clients_address(&broker);
        let chatter = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).expect("the broker listens");
            // ApiVersions 0 without client id, again and again.
            let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
            let requests = request.repeat(1_000);
            let mut reading = stream.try_clone().expect("a second handle");
            let reader = std::thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while reading.read(&mut buffer).is_ok_and(|read| read > 0) {}
            });
            while stream.write_all(&requests).is_ok() {}
            reader.join().expect("no panic");
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        broker.shutdown().await.expect("a clean stop");
        let took = began.elapsed();
        chatter.await.expect("no panic");
        assert!(took < SOON, "the stop took {took:?}");
    });
}

const GROUP: &str = "waiters";
const UNKNOWN_MEMBER_ID: i16 = 25;

/// Waits until the group's coordinator has loaded it.
fn wait_for_coordinator(connection: &mut Connection) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let beat =
        HeartbeatRequest::default().with_group_id(GroupId(GROUP.into())).with_member_id("nobody".into());
    while connection.ask(0, &beat).error_code != UNKNOWN_MEMBER_ID {
        assert!(Instant::now() < deadline, "the group has no coordinator");
        connection.ask(0, &FindCoordinatorRequest::default().with_key(GROUP.into()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whose group request is let go sees a lost connection and asks again; some clients never do after an error of a coordinator.
#[test]
fn a_member_that_waits_is_let_go_without_an_answer() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let delay = ("group.initial.rebalance.delay.ms", "60000");
        let broker = start(directory.path(), &[delay]).await.expect("the broker starts");
        let address = clients_address(&broker);
        let waiting = tokio::task::spawn_blocking(move || {
            let mut connection = Connection::open(address);
            wait_for_coordinator(&mut connection);
            let protocol = JoinGroupRequestProtocol::default().with_name("range".into());
            let join = JoinGroupRequest::default()
                .with_group_id(GroupId(GROUP.into()))
                .with_session_timeout_ms(10_000)
                .with_rebalance_timeout_ms(10_000)
                .with_protocol_type("consumer".into())
                .with_protocols(vec![protocol]);
            connection.send(3, &join);
            connection
        });
        let mut connection = waiting.await.expect("no panic");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let rest = tokio::task::spawn_blocking(move || connection.rest());
        broker.shutdown().await.expect("a clean stop");
        assert!(began.elapsed() < SOON, "the stop took {:?}", began.elapsed());
        assert!(rest.await.expect("no panic").is_empty(), "an answer came");
    });
}
