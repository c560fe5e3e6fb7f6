//! Clients of the registry that are slow, idle or too many; and its stop while requests are under way.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::need;
use medallion_tests::registry::RegistryServer;
use medallion_tests::server::Server;
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{"schema":"\"string\""}"#;

fn connect(registry: &RegistryServer) -> TcpStream {
    let stream = TcpStream::connect(registry.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    stream
}

/// All that comes until the server closes the connection.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection stays open: {error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What comes to somebody who sends bytes one by one.
fn drip(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> String {
    for byte in bytes {
        thread::sleep(pause);
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
    }
    rest(stream)
}

fn post_head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[test]
fn slow_heads_and_bodies_are_given_up() {
    let kafka = need!(Server::start_default());
    let settings = [("idle.timeout.ms", "1500"), ("medallion.request.body.timeout.ms", "3000")];
    let registry = RegistryServer::start(&kafka.bootstrap(), &settings);
    let pause = Duration::from_millis(200);

    // Each byte of the head comes in time, the head does not.
    let (mut slow, started) = (connect(&registry), Instant::now());
    let long_head = format!("GET /subjects HTTP/1.1\r\nX-Long: {}", "x".repeat(100));
    assert_eq!(drip(&mut slow, long_head.as_bytes(), pause), "");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());

    // So it is with bodies, which have a time of their own.
    let mut slow = connect(&registry);
    slow.write_all(post_head("/subjects/a/versions", 1000).as_bytes()).expect("a head");
    let answer = drip(&mut slow, &[b' '; 100], pause);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("within 3000 ms"), "{answer}");

    let mut silent = connect(&registry);
    silent.write_all(post_head("/subjects/a/versions", 1000).as_bytes()).expect("a head");
    silent.write_all(b"{").expect("a beginning");
    let answer = rest(&mut silent);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("1500 ms (idle.timeout.ms)"), "{answer}");

    // A connection that nobody uses any more.
    let (mut idle, started) = (connect(&registry), Instant::now());
    idle.write_all(b"GET /subjects HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
    assert!(rest(&mut idle).ends_with("[]"));
    assert!(started.elapsed() >= Duration::from_millis(1400), "{:?}", started.elapsed());

    let mut large = connect(&registry);
    let head = format!("GET /subjects HTTP/1.1\r\nHost: a\r\nX-Large: {}\r\n\r\n", "x".repeat(9000));
    large.write_all(head.as_bytes()).expect("a head");
    assert!(rest(&mut large).starts_with("HTTP/1.1 431"));
    assert_eq!(registry.get("/subjects"), json!([]));
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).expect("files up to the hard limit");
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[("server.connection.limit", "50")]);
    let mut idle: Vec<TcpStream> = (0..1000).map(|_| connect(&registry)).collect();
    let started = Instant::now();
    registry.register("a", "\"string\"");
    assert_eq!(registry.get("/subjects"), json!(["a"]));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let metrics = registry.try_ask("GET", "/metrics", &[], "").expect("an answer").body;
    let open = metrics.lines().find_map(|line| line.strip_prefix("medallion_schema_registry_connections "));
    let open: u32 = open.and_then(|open| open.parse().ok()).expect("a metric");
    assert!((1..=50).contains(&open), "{open} connections");
    assert_eq!(rest(&mut idle[0]), "", "the first one had to go first");
}

#[test]
fn a_stop_ends_what_is_under_way_and_takes_nothing_new() {
    let kafka = need!(Server::start_default());
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    registry.register("first", "\"int\"");
    let mut idle = connect(&registry);
    idle.write_all(b"GET /subjects HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
    let mut half_a_head = connect(&registry);
    half_a_head.write_all(b"GET /subj").expect("a beginning");
    // A question that is asked when the stop comes.
    let mut asking = connect(&registry);
    let path = "/compatibility/subjects/a/versions";
    asking.write_all(post_head(path, SCHEMA.len()).as_bytes()).expect("a head");
    asking.write_all(&SCHEMA.as_bytes()[..5]).expect("a beginning");
    // A change that waits for the brokers.
    let broker = i32::try_from(kafka.process_id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(broker, Signal::STOP).expect("the broker is there");
    let mut changing = connect(&registry);
    let head = post_head("/subjects/a/versions", SCHEMA.len());
    changing.write_all(format!("{head}{SCHEMA}").as_bytes()).expect("a request");
    thread::sleep(Duration::from_millis(300));

    registry.signal(Signal::TERM);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(registry.address()).is_ok() {
        assert!(Instant::now() < deadline, "connections are still taken");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(rest(&mut idle).ends_with("[\"first\"]"), "a connection without a request ends at once");
    assert_eq!(rest(&mut half_a_head), "");
    kill_process(broker, Signal::CONT).expect("the broker is there");
    let answer = rest(&mut changing);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"id\":2"), "{answer}");
    asking.write_all(&SCHEMA.as_bytes()[5..]).expect("the rest");
    let answer = rest(&mut asking);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("is_compatible"), "{answer}");
    registry.wait_for_end();
    let again = RegistryServer::start(&kafka.bootstrap(), &[]);
    assert_eq!(again.get("/subjects/a/versions"), json!([1]));
}

#[test]
fn a_leader_that_stops_gives_the_leadership_away_at_once() {
    let kafka = need!(Server::start_default());
    // Nobody could wait for the end of its session.
    let settings = [("kafkagroup.session.timeout.ms", "60000"), ("kafkagroup.heartbeat.interval.ms", "500")];
    let mut first = RegistryServer::start(&kafka.bootstrap(), &settings);
    first.register("a", "\"string\"");
    let second = RegistryServer::start(&kafka.bootstrap(), &settings);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !first.is_leader() || second.ask("GET", "/subjects/a/versions/1", &Value::Null).0 != 200 {
        assert!(Instant::now() < deadline, "the group of two does not come");
        thread::sleep(Duration::from_millis(50));
    }
    first.stop();
    let started = Instant::now();
    second.register("b", "\"long\"");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(second.is_leader());
}
