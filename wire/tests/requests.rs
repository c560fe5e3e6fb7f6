//! Requests: those of Apache Kafka 4.3.1's own classes pass, hostile ones are refused, and none brings a decoder down.

#![allow(clippy::unwrap_used, reason = "a test")]

mod series;

use bytes::{Bytes, BytesMut};
use medallion_wire::api::Api;
use medallion_wire::fuzz::{
    decode_request, fuzz_frame, fuzz_guard_then_decode, fuzz_header, fuzz_internal_records,
};
use medallion_wire::guard::{self, Problem};
use medallion_wire::newer_messages::{describe_log_dirs, list_offsets, offset_commit, offset_fetch};
use series::series;

/// One line of the fixture.
#[derive(Debug)]
struct Line {
    kind: &'static str,
    schema: &'static str,
    api_key: i16,
    version: i16,
    body: Bytes,
}

fn lines(kind: &'static str) -> impl Iterator<Item = Line> {
    let fixture = include_str!("fixtures/requests.txt");
    let lines = fixture.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let words: Vec<&'static str> = line.split(' ').collect();
        let &[kind, schema, api_key, version, hex] = &words[..] else { panic!("{line}") };
        let hex = hex.trim_start_matches('-');
        let body =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        Line { kind, schema, api_key: api_key.parse().unwrap(), version: version.parse().unwrap(), body }
    });
    lines.filter(move |line| line.kind == kind)
}

fn find(schema: &str, version: i16) -> Line {
    let mut all = lines("request").chain(lines("response"));
    all.find(|line| line.schema == schema && line.version == version).unwrap()
}

#[test]
fn kafkas_requests_pass_the_guard_and_are_decoded() {
    let (mut decoded, mut without_decoder) = (0, Vec::new());
    for line in lines("request") {
        let name = format!("{} {}", line.schema, line.version);
        guard::check(line.api_key, line.version, &line.body).unwrap_or_else(|error| panic!("{error}"));
        match decode_request(line.api_key, line.version, &line.body) {
            Some(outcome) => {
                let request = outcome.unwrap_or_else(|reason| panic!("{name}: {reason}"));
                assert_eq!(request.left_bytes, 0, "{name}");
                assert!(
                    request.encoded.is_none_or(|encoded| encoded == line.body),
                    "{name} is encoded differently"
                );
                decoded += 1;
            }
            None => without_decoder.push(name),
        }
    }
    // The rest is what later issues need.
    assert!(decoded > 280, "only {decoded} requests were decoded, not {without_decoder:?}");
}

#[test]
fn every_version_of_every_api_is_in_the_fixture() {
    let found: Vec<_> = lines("request").map(|line| (line.api_key, line.version)).collect();
    for api in Api::all() {
        for version in api.first_version()..=api.last_version() {
            assert!(found.contains(&(api.key(), version)), "{} {version}", api.name());
        }
    }
}

#[test]
fn cut_requests_are_refused() {
    for line in lines("request") {
        for end in 0..line.body.len() {
            let cut = guard::check(line.api_key, line.version, &line.body.slice(..end));
            assert!(cut.is_err(), "{} {} cut at {end}", line.schema, line.version);
        }
    }
}

#[test]
fn claims_at_every_position_take_nothing_down() {
    let (wide, compact) = ([0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0x0f]);
    for line in lines("request") {
        for start in 0..=line.body.len() {
            for claim in [&wide[..], &compact, &[0xff, 0xff, 0xff, 0xfe], &[0x80; 6]] {
                let mut body = BytesMut::from(&line.body[..start]);
                body.extend_from_slice(claim);
                let body = body.freeze();
                if guard::check(line.api_key, line.version, &body).is_ok() {
                    let _ = decode_request(line.api_key, line.version, &body);
                }
            }
        }
    }
}

#[test]
fn a_body_of_one_claim_takes_nothing_down() {
    for api in Api::all() {
        for version in api.first_version()..=api.last_version() {
            for claim in
                [&[0x7f, 0xff, 0xff, 0xff][..], &[0xff, 0xff, 0xff, 0xff], &[0xff, 0xff, 0xff, 0xff, 0x0f]]
            {
                let body = Bytes::copy_from_slice(claim);
                if guard::check(api.key(), version, &body).is_ok() {
                    let _ = decode_request(api.key(), version, &body);
                }
            }
        }
    }
}

#[test]
fn tagged_fields_are_limited_in_number() {
    let body = |count: u16| {
        let mut body = b"\x02a\x02b".to_vec();
        body.extend([u8::try_from(count & 0x7f).unwrap() | 0x80, u8::try_from(count >> 7).unwrap()]);
        for tag in 0..count {
            body.extend([u8::try_from(tag & 0x7f).unwrap() | 0x80, u8::try_from(tag >> 7).unwrap(), 0]);
        }
        Bytes::from(body)
    };
    assert_eq!(guard::check(18, 3, &body(10_000)), Ok(()));
    let error = guard::check(18, 3, &body(10_001)).unwrap_err();
    assert!(matches!(error.problem(), Problem::TooManyTaggedFields { count: 10_001, .. }), "{error}");
}

#[test]
fn arrays_are_limited_in_elements() {
    // DescribeTransactions 0: an array of texts, empty ones here.
    let body = |count: u32| {
        let mut body = Vec::new();
        let claim = count + 1;
        body.extend([0, 7, 14].map(|shift| u8::try_from((claim >> shift) & 0x7f).unwrap() | 0x80));
        *body.last_mut().unwrap() &= 0x7f;
        body.extend(std::iter::repeat_n(1, usize::try_from(count).unwrap() + 1));
        *body.last_mut().unwrap() = 0;
        Bytes::from(body)
    };
    let usage = guard::inspect(65, 0, &body(1_000_000)).unwrap();
    assert_eq!(usage.texts, 1_000_000);
    let error = guard::check(65, 0, &body(1_000_001)).unwrap_err();
    assert!(matches!(error.problem(), Problem::TooManyElements { count: 1_000_001, .. }), "{error}");
}

#[test]
fn what_the_guard_lets_through_is_decoded_unless_it_is_no_text() {
    let all: Vec<_> = lines("request").collect();
    let mut passed = 0;
    let rounds = series(3, 150_000, |random| {
        let line = &all[random.below(all.len())];
        let mut body = line.body.to_vec();
        for _ in 0..=random.below(3) {
            if !body.is_empty() {
                let at = random.below(body.len());
                body[at] = random.byte();
            }
        }
        let body = Bytes::from(body);
        if guard::check(line.api_key, line.version, &body).is_ok() {
            passed += 1;
            match decode_request(line.api_key, line.version, &body) {
                None => {}
                Some(Ok(request)) => {
                    // Both take the same bytes for the request: not one less would do.
                    let name = format!("{} {} for {body:?}", line.schema, line.version);
                    let taken = body.len() - request.left_bytes;
                    let is_whole = |end| guard::check(line.api_key, line.version, &body.slice(..end)).is_ok();
                    assert!(is_whole(taken) && (taken == 0 || !is_whole(taken - 1)), "{name}");
                    let encoded = request.encoded.unwrap_or(body);
                    guard::check(line.api_key, line.version, &encoded)
                        .unwrap_or_else(|error| panic!("{error}"));
                }
                Some(Err(reason)) if reason.to_lowercase().contains("utf-8") => {}
                Some(Err(reason)) => panic!("{} {}: {reason} for {body:?}", line.schema, line.version),
            }
        }
    });
    assert!(passed > rounds / 15, "only {passed} of {rounds} mutations passed the guard");
}

#[test]
fn random_bytes_bring_nothing_down() {
    series(5, 150_000, |random| {
        let data: Vec<u8> = (0..random.below(64)).map(|_| random.byte() >> random.below(8)).collect();
        fuzz_header(&data);
        fuzz_guard_then_decode(&data);
        fuzz_internal_records(&data);
        if random.below(8) == 0 {
            fuzz_frame(&data.repeat(8));
        }
    });
}

#[test]
fn mutated_records_bring_nothing_down() {
    let fixture = include_str!("fixtures/internal_records.txt");
    let records: Vec<Vec<u8>> = fixture
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(' ').next())
        .map(|hex| {
            (1..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at - 1..=at], 16).unwrap()).collect()
        })
        .collect();
    series(9, 40_000, |random| {
        let mut record = records[random.below(records.len())].clone();
        for _ in 0..=random.below(3) {
            if !record.is_empty() {
                let at = random.below(record.len());
                record[at] = random.byte();
            }
        }
        fuzz_internal_records(&record);
    });
}

#[test]
fn offset_requests_of_version_10_hold_topic_ids() {
    let mut body = find("OffsetCommitRequest", 10).body;
    let request = offset_commit::decode_request(10, &mut body).unwrap();
    assert!(request.topics.iter().all(|topic| topic.name.is_empty() && !topic.topic_id.is_nil()));
    assert!(request.topics.iter().any(|topic| !topic.partitions.is_empty()));
    let mut body = find("OffsetFetchRequest", 10).body;
    let request = offset_fetch::decode_request(10, &mut body).unwrap();
    assert!(!request.groups.is_empty());
    assert!(
        request
            .groups
            .iter()
            .flat_map(|group| group.topics.iter().flatten())
            .all(|topic| !topic.topic_id.is_nil())
    );
}

#[test]
fn list_offsets_11_survives_a_round_trip() {
    let line = find("ListOffsetsRequest", 11);
    let request = list_offsets::decode_request(11, &mut line.body.clone()).unwrap();
    let mut written = BytesMut::new();
    list_offsets::encode_request(11, &request, &mut written).unwrap();
    assert_eq!(written, line.body);
    let line = find("ListOffsetsResponse", 11);
    let response = list_offsets::decode_response(11, &mut line.body.clone()).unwrap();
    let mut written = BytesMut::new();
    list_offsets::encode_response(11, &response, &mut written).unwrap();
    assert_eq!(written, line.body);
}

#[test]
fn describe_log_dirs_5_tells_cordoned_directories() {
    use medallion_wire::kafka_protocol::protocol::StrBytes;
    use medallion_wire::messages::DescribeLogDirsResponse;
    use medallion_wire::messages::describe_log_dirs_response::DescribeLogDirsResult;

    let result = |path: &'static str| {
        DescribeLogDirsResult::default().with_log_dir(StrBytes::from_static_str(path)).with_total_bytes(1)
    };
    let response = DescribeLogDirsResponse::default().with_results(vec![result("a"), result("b")]);
    let mut written = BytesMut::new();
    describe_log_dirs::encode_response(5, &response, |result| &*result.log_dir == "b", &mut written).unwrap();
    let entry = |name: u8, cordoned: u8| {
        let mut entry = vec![0, 0, 2, name, 1];
        entry.extend(1_i64.to_be_bytes());
        entry.extend((-1_i64).to_be_bytes());
        entry.extend([cordoned, 0]);
        entry
    };
    let expected = [&[0, 0, 0, 0, 0, 0, 3][..], &entry(b'a', 0), &entry(b'b', 1), &[0]].concat();
    assert_eq!(written, expected);
}
