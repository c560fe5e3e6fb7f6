//! Input that no honest client sends: the server answers or closes the connection, its memory stays bounded, and a
//! well-behaved client beside does not notice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use medallion_tests::memory::{Neighbour, resident};
use medallion_tests::server::{Program, Server};
use medallion_tests::{admin, batch, need};
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{Encodable, Request};
use medallion_wire::messages::{
    ApiKey, ApiVersionsResponse, GetTelemetrySubscriptionsRequest, MetadataRequest, ProduceRequest,
    PushTelemetryRequest, RequestHeader,
};
use medallion_wire::types::Uuid;

const MIB: u64 = 1 << 20;

/// How long a well-behaved client may wait for an answer meanwhile, on two busy cores.
const NOTICED: Duration = Duration::from_secs(2);

/// Runs `attack` beside a well-behaved client and checks that memory never grew by more than `bytes_max`.
fn bounded(server: &Server, bytes_max: u64, attack: impl FnOnce()) {
    let neighbour = Neighbour::start(server);
    let (before, _) = resident(server.process_id());
    attack();
    neighbour.finish(NOTICED);
    let (_, highest) = resident(server.process_id());
    if server.program() == Program::Medallion {
        let grown = highest.saturating_sub(before);
        assert!(grown <= bytes_max, "memory grew by {} MiB, from {} MiB", grown / MIB, before / MIB);
    }
}

/// Sends bytes on a connection of their own, ends the sending, and waits until the server has answered or closed.
fn throw(server: &Server, bytes: &[u8]) -> Vec<u8> {
    throw_for(server, bytes, Duration::from_secs(20)).expect("neither answer nor end")
}

/// As [`throw`], for bytes that may ask the server to wait: `None` where it does.
fn throw_for(server: &Server, bytes: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server.bootstrap()).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    // The server may close before it has read all, which is its right.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => Some(answer),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(answer),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("reading an answer: {error}"),
    }
}

/// A frame with a request header for this API and any body.
fn frame(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let header_version = ApiKey::try_from(key).map_or(1, |api| api.request_header_version(version));
    let mut bytes = BytesMut::new();
    let header = RequestHeader::default().with_request_api_key(key).with_request_api_version(version);
    header.with_correlation_id(7).encode(&mut bytes, header_version).unwrap();
    bytes.extend_from_slice(body);
    framed(&bytes)
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(bytes);
    frame
}

/// An array of 2^31 - 1 elements, in the old and in the compact encoding, as each field of each request may claim.
#[test]
fn counts_beyond_the_frame_cost_nothing() {
    let server = need!(Server::start_default());
    let apis = admin::api_versions(&server);
    bounded(&server, 64 * MIB, || {
        for (key, (lowest, highest)) in &apis {
            for version in [*lowest, *highest] {
                for zeros in [0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20] {
                    for count in [
                        &[0x7f, 0xff, 0xff, 0xff][..],
                        &[0xff, 0xff, 0xff, 0xff, 0x0f],
                        &[0xff, 0xff, 0xff, 0xff],
                    ] {
                        let body = [&vec![0; zeros], count].concat();
                        throw(&server, &frame(*key, version, &body));
                    }
                }
            }
        }
    });
}

#[test]
fn lengths_that_cannot_be_are_refused_at_once() {
    let server = need!(Server::start_default());
    bounded(&server, 32 * MIB, || {
        for length in [-1, i32::MIN, i32::MAX, 104_857_601, 0, 1] {
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.extend_from_slice(&[0; 64]);
            assert!(throw(&server, &bytes).is_empty(), "length {length} is answered");
        }
    });
}

/// Many connections that announce a large request and send little of it.
#[test]
fn announced_bytes_take_no_memory() {
    let server = need!(Server::start_default());
    bounded(&server, 64 * MIB, || {
        let announce = |_| {
            let mut stream = TcpStream::connect(server.bootstrap()).unwrap();
            stream.write_all(&100_000_000_i32.to_be_bytes()).unwrap();
            stream.write_all(&[0; 100]).unwrap();
            stream
        };
        let open: Vec<_> = (0..200).map(announce).collect();
        std::thread::sleep(Duration::from_millis(500));
        drop(open);
    });
}

#[test]
fn silent_and_half_open_connections_are_closed_when_idle() {
    let server = need!(Server::setup().property("connections.max.idle.ms", "1500").start());
    let mut connections = Vec::new();
    for sent in [&[][..], &[0], &[0, 0, 0], &[0, 0, 0, 20, 0, 3]] {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(server.bootstrap()).unwrap();
            stream.write_all(sent).unwrap();
            connections.push(stream);
        }
    }
    let started = Instant::now();
    for mut stream in connections {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let end = stream.read(&mut [0; 1]);
        let closed =
            matches!(&end, Ok(0)) || end.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionReset);
        assert!(closed, "{end:?}");
    }
    assert!(started.elapsed() > Duration::from_secs(1), "closed too early: {:?}", started.elapsed());
}

#[test]
fn connections_of_one_address_are_limited() {
    let server = need!(Server::setup().property("max.connections.per.ip", "20").start());
    let mut open: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let served =
        open.iter_mut().filter_map(|connection| connection.is_ready().ok()).filter(|ready| *ready).count();
    assert!((15..=20).contains(&served), "{served} of 40 connections were served");
    drop(open);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.connect().is_ready().unwrap_or(false) {
        assert!(Instant::now() < deadline, "closed connections still count");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn unknown_apis_and_versions_are_refused() {
    let server = need!(Server::start_default());
    let neighbour = Neighbour::start(&server);
    for (key, version) in
        [(999, 0), (-1, 0), (i16::MAX, i16::MAX), (3, 99), (3, -1), (1, 0), (4, 0), (0, 100)]
    {
        let answer = throw(&server, &frame(key, version, &[0; 16]));
        assert!(answer.is_empty(), "API {key} version {version} is answered: {answer:?}");
    }
    neighbour.finish(NOTICED);
}

/// A client of the future learns what this server speaks: error 35 in an answer of version 0.
#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let server = need!(Server::start_default());
    for version in [5 + 90, i16::MAX] {
        let answer = throw(&server, &frame(18, version, &[0; 16]));
        let mut body = bytes::Bytes::copy_from_slice(&answer[8..]);
        assert_eq!(answer[4..8], [0, 0, 0, 7], "the correlation id");
        let decoded = <ApiVersionsResponse as medallion_wire::kafka_protocol::protocol::Decodable>::decode(
            &mut body, 0,
        );
        let decoded = decoded.unwrap();
        assert_eq!(decoded.error_code, 35);
        assert!(body.is_empty());
        let own = decoded.api_keys.iter().find(|api| api.api_key == 18).expect("it names its own versions");
        assert!(own.max_version >= 4);
    }
}

/// Small requests that unpack to a gigabyte: one huge record, and zeros that are no records at all.
#[test]
fn bombs_in_batches_do_not_unpack_into_memory() {
    let server = need!(Server::start_default());
    // Recompression has to read every record.
    admin::create_topic(&server, "bombed", 1, &[("compression.type", "lz4")]);
    admin::create_topic(&server, "plain", 1, &[]);
    let gigabyte = 1 << 30;
    let bombs = [
        batch::bomb(200 << 20),
        batch::bomb_of_nothing(1, gigabyte),
        batch::bomb_of_nothing(i32::MAX, gigabyte / 4),
    ];
    bounded(&server, 160 * MIB, || {
        for bomb in &bombs {
            for topic in ["bombed", "plain"] {
                let answer = server.connect().try_call(&batch::produce(topic, 0, bomb.clone()), 7);
                let answer = answer.unwrap_or_else(|error| panic!("{topic}: {error}"));
                let code = answer.responses[0].partition_responses[0].error_code;
                eprintln!("{} bytes to {topic}: {:?}", bomb.len(), ResponseError::try_from_code(code));
            }
        }
    });
    let good = server.connect().call(&batch::produce("plain", 0, batch::batch_of(b"good")), 7);
    assert_eq!(good.responses[0].partition_responses[0].error_code, 0);
}

/// Metrics of clients that are much larger once they are unpacked, or once they are structures: half a million of the smallest
/// messages, at each level; and a hundred megabytes of nothing, compressed.
#[test]
fn bombs_in_clients_metrics_do_not_unpack_into_memory() {
    let server = need!(Server::setup().program(Program::Medallion).start());
    let levels: [&[u8]; 4] = [&[], &[0x0a], &[0x0a, 0x12], &[0x0a, 0x12, 0x12]];
    let smallest = [0x0a_u8, 0].repeat(500_000);
    let nested = levels.map(|tags| {
        let last: Vec<u8> = match tags.len() {
            0 => smallest.clone(),
            1 | 2 => [0x12_u8, 0].repeat(500_000),
            _ => [&[0x2a][..], &varint(1_000_000), &smallest].concat(),
        };
        tags.iter().rev().fold(last, |inner, tag| [&[*tag][..], &varint(inner.len()), &inner].concat())
    });
    let zeros = gzip(&vec![0; 100 << 20]);
    bounded(&server, 64 * MIB, || {
        let bombs = nested.iter().map(|bytes| (gzip(bytes), 1));
        let bombs: Vec<_> = bombs.chain([(zeros, 1), (nested[0].clone(), 0)]).collect();
        let attack = |attacker: u128| {
            let mut connection = server.connect();
            for (number, (metrics, compression)) in (1_u128..).zip(&bombs) {
                let id = Uuid::from_u128(100 * attacker + number);
                let ask = GetTelemetrySubscriptionsRequest::default().with_client_instance_id(id);
                let told = connection.call(&ask, 0);
                let push = PushTelemetryRequest::default()
                    .with_client_instance_id(id)
                    .with_subscription_id(told.subscription_id)
                    .with_compression_type(*compression)
                    .with_metrics(metrics.clone().into());
                let code = connection.call(&push, 0).error_code;
                assert_eq!(code, ResponseError::InvalidRecord.code(), "bomb {number}");
            }
        };
        std::thread::scope(|scope| {
            for attacker in 1..9 {
                scope.spawn({
                    let attack = &attack;
                    move || attack(attacker)
                });
            }
        });
    });
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn damaged_batches_are_refused_by_name() {
    let server = need!(Server::start_default());
    admin::create_topic(&server, "damaged", 1, &[]);
    let good = batch::batch_of(b"value");
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x40;
        bytes.into()
    };
    let code = |records| {
        let answer = server.connect().try_call(&batch::produce("damaged", 0, records), 7).unwrap();
        answer.responses[0].partition_responses[0].error_code
    };
    let corrupt = ResponseError::CorruptMessage.code();
    assert_eq!(code(flipped(good.len() - 3)), corrupt, "a changed value");
    assert_eq!(code(flipped(17)), corrupt, "a changed checksum");
    assert_eq!(code(good.slice(..good.len() - 1)), ResponseError::InvalidRecord.code(), "a cut batch");
    // Two batches for one partition are more than a client may send.
    assert_eq!(
        code([&good[..], &good[..]].concat().into()),
        ResponseError::InvalidRecord.code(),
        "two batches"
    );
    assert_eq!(admin::ends(&server, "damaged", 1), [0]);
}

/// Requests that were right once, with some bytes changed, and bytes that never were a request. Seeded.
#[test]
fn noise_harms_nobody() {
    let server = need!(Server::start_default());
    admin::create_topic(&server, "noisy", 1, &[]);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 20).unwrap() % below
    };
    let originals = [
        encoded(&batch::produce("noisy", 0, batch::batch_of(b"value")), 7),
        encoded(&batch::fetch("noisy", 0, 0, 1 << 20).with_max_wait_ms(0), 11),
        encoded(&MetadataRequest::default(), 12),
    ];
    bounded(&server, 96 * MIB, || {
        for round in 0..600 {
            let mut bytes = originals[round % originals.len()].clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = u8::try_from(random(256)).unwrap();
            }
            // Past the API key, so that most reach a decoder; a changed acks field may ask for no answer.
            bytes[..2].copy_from_slice(&originals[round % originals.len()][..2]);
            throw_for(&server, &framed(&bytes), Duration::from_millis(200));
            let noise: Vec<u8> = (0..random(300)).map(|_| u8::try_from(random(256)).unwrap()).collect();
            throw_for(&server, &framed(&noise), Duration::from_millis(200));
            throw_for(&server, &noise, Duration::from_millis(200));
        }
    });
}

/// Header and body without the length before them.
fn encoded<R: Request>(request: &R, version: i16) -> Vec<u8> {
    let mut body = BytesMut::new();
    request.encode(&mut body, version).unwrap();
    frame(R::KEY, version, &body)[4..].to_vec()
}

/// Clients that ask for much and take nothing: 10 GB are asked for, hardly any of it may be held.
#[test]
fn slow_readers_hold_no_memory() {
    let server = need!(Server::setup().property("message.max.bytes", "2000000").start());
    admin::create_topic(&server, "large", 1, &[]);
    let mut producer = server.connect();
    for _ in 0..60 {
        let request: ProduceRequest = batch::produce("large", 0, batch::batch_of(&vec![7; 900_000]));
        assert_eq!(producer.call(&request, 7).responses[0].partition_responses[0].error_code, 0);
    }
    let ask = framed(&encoded(&batch::fetch("large", 0, 0, 50 << 20), 11));
    bounded(&server, 200 * MIB, || {
        let slow = |_| {
            let mut stream = TcpStream::connect(server.bootstrap()).unwrap();
            stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
            for _ in 0..10 {
                stream.write_all(&ask).unwrap();
            }
            stream
        };
        let open: Vec<_> = (0..20).map(slow).collect();
        std::thread::sleep(Duration::from_secs(3));
        drop(open);
    });
    assert_eq!(admin::ends(&server, "large", 1), [60]);
}

/// Half of a request, then silence: the connection is closed, and what it held is free again.
#[test]
fn a_request_that_never_ends_is_given_up() {
    let settings = Server::setup().property("connections.max.idle.ms", "1500");
    let server = need!(settings.property("medallion.request.read.timeout.ms", "1500").start());
    let mut stream = TcpStream::connect(server.bootstrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&1_000_000_i32.to_be_bytes()).unwrap();
    stream.write_all(&[0; 1000]).unwrap();
    let end = stream.read(&mut [0; 1]);
    assert!(
        matches!(&end, Ok(0)) || end.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionReset),
        "{end:?}"
    );
    assert!(server.connect().is_ready().unwrap());
}
