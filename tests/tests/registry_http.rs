//! The registry's API as HTTP: status codes, media types, contexts, lists, and bodies that are no good.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use medallion_tests::memory::resident;
use medallion_tests::need;
use medallion_tests::registry::RegistryServer;
use medallion_tests::server::Server;
use serde_json::{Value, json};

const V1: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"fare","type":"double","default":0}]}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn code(
    registry: &RegistryServer,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, i64) {
    let answer = registry.try_ask(method, path, headers, body).expect("the registry answers");
    let json: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{path}: {answer:?}"));
    assert!(!json["message"].as_str().unwrap_or_default().is_empty(), "{path}: {json}");
    assert!(answer.head.contains("content-type: application/vnd.schemaregistry.v1+json"), "{}", answer.head);
    (answer.status, json["error_code"].as_i64().expect("a code"))
}

#[test]
fn what_is_no_request_is_refused_as_confluent_does() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[("medallion.request.max.bytes", "200000")]);
    let registered = format!("{{\"schema\":{}}}", json!(V1));
    for (method, path, headers, body, status, expected) in [
        ("GET", "/nothing", &[][..], "", 404, 404),
        ("GET", "/exporters", &[], "", 404, 404),
        ("GET", "/dek-registry/v1/keks", &[], "", 404, 404),
        ("GET", "/schemas/ids/one", &[], "", 404, 404),
        ("GET", "/schemas/ids/99999999999", &[], "", 404, 404),
        ("GET", "/schemas/ids/7", &[], "", 404, 40_403),
        ("GET", "/schemas/ids/7/versions", &[], "", 404, 40_403),
        ("GET", "/schemas/guids/no-guid", &[], "", 404, 40_403),
        ("PATCH", "/subjects", &[], "", 405, 405),
        ("DELETE", "/subjects", &[], "", 405, 405),
        ("GET", "/subjects?limit=few", &[], "", 404, 404),
        ("GET", "/subjects", &[("Accept", "text/html")], "", 406, 406),
        ("POST", "/subjects/a/versions", &[("Content-Type", "text/plain")], &registered, 415, 415),
        ("POST", "/subjects/a/versions", &[JSON, ("Content-Encoding", "gzip")], &registered, 415, 415),
        ("POST", "/subjects/a/versions", &[JSON], "", 422, 422),
        // The mark at the beginning of a text is none of it.
        ("POST", "/subjects/a/versions", &[JSON], "\u{feff}null", 422, 422),
        ("POST", "/subjects/a/versions", &[JSON], "null", 422, 422),
        ("POST", "/subjects/a/versions", &[JSON], "{\"schema\":", 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], "[]", 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], "{\"schema\":{}}", 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], "{}", 422, 42_201),
        ("POST", "/subjects/a/versions", &[JSON], r#"{"schema":"{\"type\":\"what\"}"}"#, 422, 42_201),
        ("POST", "/subjects/a/versions", &[JSON], r#"{"schema":"x","schemaType":"XML"}"#, 422, 42_201),
        ("POST", "/subjects/__GLOBAL/versions", &[JSON], &registered, 422, 42_208),
        ("POST", "/subjects/a", &[JSON], &registered, 404, 40_401),
        ("GET", "/subjects/a/versions", &[], "", 404, 40_401),
        ("GET", "/subjects/a/versions/0", &[], "", 422, 42_202),
        ("GET", "/subjects/a/versions/x", &[], "", 422, 42_202),
        ("DELETE", "/subjects/a", &[], "", 404, 40_401),
        ("GET", "/config/a", &[], "", 404, 40_408),
        ("GET", "/mode/a", &[], "", 404, 40_409),
        ("PUT", "/config", &[JSON], r#"{"compatibility":"SIDEWAYS"}"#, 422, 42_203),
        ("PUT", "/mode", &[JSON], r#"{"mode":"SIDEWAYS"}"#, 422, 42_204),
        ("DELETE", "/config/a", &[], "", 404, 40_401),
        ("GET", "/contexts/a:b/subjects", &[], "", 400, 400),
        ("GET", "/schemas?resourceType=topic", &[], "", 422, 422),
        ("POST", "/subjects/%ff/versions", &[JSON], &registered, 400, 400),
        ("POST", "/subjects/%c0%80/versions", &[JSON], &registered, 400, 400),
        ("POST", "/subjects/a%00b/versions", &[JSON], &registered, 422, 42_208),
        ("GET", "/schemas/ids/1.5", &[], "", 404, 404),
        ("GET", "/subjects?offset=-1", &[], "", 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], r#"{"schema":"1","id":99999999999}"#, 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], r#"{"schema":"1","version":1.5}"#, 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], r#"{"schema":"\ud800"}"#, 400, 400),
        ("POST", "/subjects/a/versions", &[JSON], "{\"schema\":\"\0\"}", 400, 400),
    ] {
        assert_eq!(
            code(&registry, method, path, headers, body),
            (status, expected),
            "{method} {path} {body}"
        );
    }
    let giant = format!("{{\"schema\":\"{}\"}}", "x".repeat(300_000));
    assert_eq!(code(&registry, "POST", "/subjects/a/versions", &[JSON], &giant), (413, 413));
    let deep = "[".repeat(50_000) + &"]".repeat(50_000);
    assert_eq!(code(&registry, "POST", "/subjects/a/versions", &[JSON], &deep), (400, 400));
    let deep =
        (0..2000).fold("\"int\"".to_owned(), |inner, _| format!("{{\"type\":\"array\",\"items\":{inner}}}"));
    let deep = json!({ "schema": deep }).to_string();
    assert_eq!(code(&registry, "POST", "/subjects/a/versions", &[JSON], &deep), (422, 42_201));
    assert_eq!(registry.get("/subjects"), json!([]));
}

#[test]
fn replies_have_confluents_fields_in_its_order() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let body = json!({ "schema": V1 }).to_string();
    let answer = registry.try_ask("POST", "/subjects/a/versions", &[JSON], &body).expect("an answer");
    let guid = registry.get("/subjects/a/versions/1")["guid"].as_str().expect("a GUID").to_owned();
    let text = json!(V1).to_string();
    assert_eq!(answer.body, format!(r#"{{"id":1,"version":1,"guid":"{guid}","schema":{text}}}"#));
    let get =
        |path: &str| registry.try_ask("GET", path, &[("Accept", "application/json")], "").expect("an answer");
    let version = get("/subjects/a/versions/latest");
    assert!(version.head.contains("content-type: application/json"), "{}", version.head);
    assert!(version.body.starts_with(r#"{"subject":"a","version":1,"id":1,"guid":""#), "{}", version.body);
    assert!(registry.get("/subjects/a/versions/1")["ts"].as_i64().expect("a time") > 1_700_000_000_000);
    let by_id = registry.get("/schemas/ids/1");
    assert_eq!((&by_id["schema"], by_id.get("subject")), (&json!(V1), None));
    assert_eq!(registry.get("/schemas/ids/1?subject=a&fetchMaxId=true")["maxId"], 1);
    assert_eq!(get("/schemas/ids/1/schema").body, V1);
    assert_eq!(get("/subjects/a/versions/1/schema").body, V1);
    assert_eq!(registry.get(&format!("/schemas/guids/{guid}"))["schema"], V1);
    assert_eq!(registry.get(&format!("/schemas/guids/{guid}/ids")), json!([{ "context": ".", "id": 1 }]));
    assert_eq!(registry.get("/schemas/ids/1/versions"), json!([{ "subject": "a", "version": 1 }]));
    assert_eq!(registry.get("/schemas/types"), json!(["JSON", "PROTOBUF", "AVRO"]));
    assert_eq!(registry.get("/master_available"), json!({ "master_available": true }));
    assert_eq!(
        registry.get("/v1/metadata/id")["scope"]["clusters"]["schema-registry-cluster"],
        "schema-registry"
    );
    assert_eq!(registry.get("/"), json!({}));
    let compatible =
        registry.ask("POST", "/compatibility/subjects/a/versions/latest", &json!({ "schema": V2 }));
    assert_eq!(compatible, (200, json!({ "is_compatible": true })));
    let compatible = registry.ask(
        "POST",
        "/compatibility/subjects/a/versions/latest?verbose=true",
        &json!({ "schema": V2 }),
    );
    assert_eq!(compatible, (200, json!({ "is_compatible": true, "messages": [] })));
    let broken = V2.replace(",\"default\":0", "");
    let path = "/compatibility/subjects/a/versions?verbose=true";
    let (_, verbose) = registry.ask("POST", path, &json!({ "schema": broken }));
    assert_eq!(verbose["is_compatible"], false);
    assert!(
        verbose["messages"][0].as_str().expect("a text").contains("READER_FIELD_MISSING_DEFAULT_VALUE"),
        "{verbose}"
    );
}

#[test]
fn an_incompatible_schema_can_have_the_newer_code() {
    let kafka = need!(Server::start_default());
    let registry =
        RegistryServer::start(&kafka.bootstrap(), &[("medallion.incompatible.error.code", "40901")]);
    registry.register("a", V1);
    let broken = V2.replace(",\"default\":0", "");
    let (status, body) = registry.ask("POST", "/subjects/a/versions", &json!({ "schema": broken }));
    assert_eq!((status, body["error_code"].as_i64()), (409, Some(40_901)));
    assert!(
        body["message"].as_str().expect("a text").starts_with("Schema being registered is incompatible"),
        "{body}"
    );
}

#[test]
fn contexts_lists_and_deletions() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    for subject in ["a", "b", "c"] {
        registry.register(subject, &V1.replace("Trip", subject));
    }
    let (status, body) =
        registry.ask("POST", "/contexts/.other/subjects/a/versions", &json!({ "schema": V1 }));
    assert_eq!((status, &body["id"]), (200, &json!(1)));
    assert_eq!(registry.get("/contexts"), json!([".", ".other"]));
    assert_eq!(registry.get("/subjects"), json!(["a", "b", "c", ":.other:a"]));
    assert_eq!(registry.get("/contexts/.other/subjects"), json!([":.other:a"]));
    assert_eq!(registry.get("/subjects?subjectPrefix=:.other:"), json!([":.other:a"]));
    assert_eq!(registry.get("/contexts/other/schemas/ids/1")["schema"], V1);
    assert_eq!(registry.get("/subjects/:.other:a/versions/1/schema")["name"], "Trip");
    assert_eq!(registry.get("/subjects?offset=1&limit=2&subjectPrefix="), json!(["b", "c"]));
    assert_eq!(registry.get("/schemas?limit=1&offset=1")[0]["subject"], "b");
    let delete = |path: &str| registry.ask("DELETE", path, &Value::Null);
    assert_eq!(delete("/subjects/a/versions/1?permanent=true").0, 404);
    assert_eq!(delete("/subjects/a/versions/1"), (200, json!(1)));
    assert_eq!(registry.get("/subjects?deletedOnly=true"), json!(["a"]));
    assert_eq!(registry.get("/subjects/a/versions?deleted=true"), json!([1]));
    assert_eq!(registry.get("/subjects/a/versions?deletedAsNegative=true"), json!([-1]));
    assert_eq!(registry.get("/subjects/a/versions/1?deleted=true")["deleted"], true);
    assert_eq!(delete("/subjects/a/versions/1?permanent=true"), (200, json!(1)));
    assert_eq!(delete("/contexts/.other").1["error_code"], 42_211);
    assert_eq!(delete("/contexts/.other/subjects/a"), (200, json!([1])));
    assert_eq!(delete("/contexts/.other/subjects/a?permanent=true"), (200, json!([1])));
    assert_eq!(delete("/contexts/.other").0, 204);
    assert_eq!(registry.get("/contexts"), json!(["."]));
}

#[test]
fn settings_and_modes() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[("schema.compatibility.level", "full")]);
    let put = |path: &str, body: Value| registry.ask("PUT", path, &body);
    assert_eq!(registry.get("/config"), json!({ "compatibilityLevel": "FULL" }));
    assert_eq!(
        put("/config", json!({ "compatibility": "forward" })),
        (200, json!({ "compatibility": "FORWARD" }))
    );
    assert_eq!(put("/config/a", json!({ "normalize": true })).0, 200);
    assert_eq!(registry.get("/config/a")["normalize"], true);
    assert_eq!(registry.get("/config/b?defaultToGlobal=true")["compatibilityLevel"], "FORWARD");
    registry.register("meant", V1);
    assert_eq!(put("/config/other-name", json!({ "alias": "meant" })).0, 200);
    assert_eq!(registry.get("/subjects/other-name/versions"), json!([1]));
    let listed = registry.get("/schemas?aliases=true&subjectPrefix=other");
    assert_eq!((&listed[0]["subject"], &listed[0]["aliases"]), (&json!("meant"), &json!(["other-name"])));
    let deleted = registry.ask("DELETE", "/config/a", &Value::Null);
    assert_eq!((deleted.0, &deleted.1["normalize"]), (200, &json!(true)));
    assert_eq!(registry.get("/mode"), json!({ "mode": "READWRITE" }));
    assert_eq!(put("/mode/a", json!({ "mode": "IMPORT" })), (200, json!({ "mode": "IMPORT" })));
    let imported =
        registry.ask("POST", "/subjects/a/versions", &json!({ "schema": V1, "id": 77, "version": 5 }));
    assert_eq!((imported.0, &imported.1["id"], &imported.1["version"]), (200, &json!(77), &json!(5)));
    assert_eq!(registry.ask("DELETE", "/mode/a", &Value::Null), (200, json!({ "mode": "IMPORT" })));
    assert_eq!(put("/mode", json!({ "mode": "READONLY" })).0, 200);
    let (status, body) = registry.ask("POST", "/subjects/a/versions", &json!({ "schema": V2 }));
    assert_eq!((status, &body["error_code"]), (422, &json!(42_205)), "{body}");
    assert_eq!(registry.get("/mode/zzz?defaultToGlobal=true")["mode"], "READONLY");
}

/// The statuses of all that comes for these bytes until the connection ends. Once nothing comes any more nothing more is sent.
fn statuses(registry: &RegistryServer, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(registry.address()).expect("a connection");
    // A server that refuses early may close before all is sent.
    drop(stream.write_all(bytes));
    let mut answers = Vec::new();
    for patience in [Duration::from_millis(700), Duration::from_secs(20)] {
        stream.set_read_timeout(Some(patience)).expect("a timeout");
        match stream.read_to_end(&mut answers) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(stream.shutdown(Shutdown::Write)),
            _ => break,
        }
    }
    let answers = String::from_utf8_lossy(&answers).into_owned();
    let heads = answers.split("HTTP/1.").skip(1);
    heads.map(|head| head[2..5].parse().expect("a status")).collect()
}

#[test]
fn what_is_hardly_http_is_answered_or_closed() {
    let kafka = need!(Server::start_default());
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let body = json!({ "schema": V1 }).to_string();
    let length = body.len();
    let post = |more: &str, body: &str| {
        format!(
            "POST /subjects/a/versions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{more}\r\n{body}"
        )
    };
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let get = "GET /subjects HTTP/1.1\r\nHost: a\r\n\r\n";
    let long = "x".repeat(70_000);
    for (bytes, expected) in [
        (post(&format!("Content-Length: {length}\r\n"), &body), &[200][..]),
        (post(&format!("Content-Length: {length}\r\nContent-Length: 3\r\n"), &body), &[400]),
        (post("Content-Length: -5\r\n", &body), &[400]),
        (post("Content-Length: 999999999999999999999999\r\n", &body), &[400]),
        (post(&format!("Content-Length: {}\r\n", length + 1), &body), &[400]),
        (chunked(&format!("{length:x}\r\n{body}\r\n0\r\n\r\n")), &[200]),
        (chunked(&format!("{length:x}\r\n{body}\r\n")), &[400]),
        (chunked(&format!("zz\r\n{body}\r\n0\r\n\r\n")), &[400]),
        (chunked(&format!("ffffffffffffffffff\r\n{body}")), &[400]),
        (chunked(&format!("{length:x}\r\n{body}0\r\n\r\n")), &[400]),
        (chunked(&format!("{length:x};{long}\r\n{body}\r\n0\r\n\r\n")), &[400]),
        ("GET /subjects HTTP/1.0\r\n\r\n".to_owned(), &[200]),
        ("GET /subjects\r\n\r\n".to_owned(), &[400]),
        (get.repeat(50), &[200; 50]),
        (format!("GET /subjects?{long} HTTP/1.1\r\nHost: a\r\n\r\n"), &[431]),
        (format!("GET /subjects HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(200)), &[431]),
        ("GET /subjects HTTP/1.1\r\nX: \0\r\n\r\n".to_owned(), &[400]),
        ("GET /subjects/\u{0}/versions HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("\u{16}\u{3}\u{1}".to_owned() + &long, &[400]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
    ] {
        assert_eq!(statuses(&registry, bytes.as_bytes()), expected, "{}", &bytes[..bytes.len().min(300)]);
    }
    // Who says at once that nothing more comes (as `nc -N` does) is answered.
    let mut stream = TcpStream::connect(registry.address()).expect("a connection");
    stream.write_all(post(&format!("Content-Length: {length}\r\n"), &body).as_bytes()).expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("the end is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    assert_eq!(registry.get("/subjects"), json!(["a"]));
    assert!(!registry.log().contains("panicked"));
    registry.stop();
}

/// A body of numbers takes a hundred times its size, and a second, until it is known to be of no use.
#[test]
fn large_bodies_keep_nobody_waiting_and_take_no_more_memory_together() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let giant = format!("{{\"schema\":\"\\\"int\\\"\",\"x\":[{}0]}}", "1,".repeat(3 << 20));
    let begun = Instant::now();
    let slowest = thread::scope(|scope| {
        let one = || {
            let answer = registry.try_ask("POST", "/subjects/a/versions", &[JSON], &giant);
            assert_eq!(answer.expect("an answer").status, 200);
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        let mut slowest = Duration::ZERO;
        while !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
            let asked = Instant::now();
            registry.get("/subjects");
            slowest = slowest.max(asked.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
        slowest
    });
    let (_, peak) = resident(registry.process_id());
    assert!(peak < 1_200_000_000, "{peak} bytes");
    let all = begun.elapsed();
    assert!(slowest < all / 3, "{slowest:?} of {all:?}");
}

#[test]
fn a_method_that_is_not_there_is_told_those_that_are() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    for (method, path, allowed) in [
        ("DELETE", "/subjects", "GET, HEAD"),
        ("PUT", "/subjects/a/versions", "GET, POST, HEAD"),
        ("GET", "/subjects/a", "POST, DELETE"),
        ("OPTIONS", "/config", "GET, PUT, DELETE, HEAD"),
    ] {
        let answer = registry.try_ask(method, path, &[], "").expect("the registry answers");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(header(&answer.head, "allow"), Some(allowed), "{method} {path}");
    }
    let answer = registry.try_ask("GET", "/nothing", &[], "").expect("the registry answers");
    assert_eq!((answer.status, header(&answer.head, "allow")), (404, None));
}

/// The value of a header in a head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[test]
fn long_answers_are_packed_where_clients_ask_for_it() {
    let kafka = need!(Server::start_default());
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let fields: Vec<Value> =
        (0..2_000).map(|index| json!({ "name": format!("field_{index}"), "type": "string" })).collect();
    let schema = json!({ "type": "record", "name": "Wide", "fields": fields }).to_string();
    let body = json!({ "schema": schema }).to_string();
    let registered = registry.try_ask("POST", "/subjects/wide/versions", &[JSON], &body);
    assert_eq!(registered.expect("the registry answers").status, 200);
    let (path, gzip) = ("/subjects/wide/versions/1", ("Accept-Encoding", "gzip, deflate"));
    let plain = registry.ask_bytes("GET", path, &[]);
    assert_eq!(header(&plain.0, "content-encoding"), None);
    let packed = registry.ask_bytes("GET", path, &[gzip]);
    assert_eq!(header(&packed.0, "content-encoding"), Some("gzip"), "{}", packed.0);
    assert!(header(&packed.0, "vary").is_some_and(|vary| vary.eq_ignore_ascii_case("accept-encoding")));
    assert!(packed.1.len() * 4 < plain.1.len(), "{} of {} bytes", packed.1.len(), plain.1.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.1[..]).read_to_end(&mut unpacked).expect("it is gzip");
    assert!(unpacked == plain.1, "the unpacked answer is another one");
    // A short one is not worth it, and who does not want gzip gets none.
    for (path, headers) in [("/subjects", &[gzip][..]), (path, &[("Accept-Encoding", "gzip;q=0")])] {
        assert_eq!(header(&registry.ask_bytes("GET", path, headers).0, "content-encoding"), None);
    }
    registry.stop();
    let registry = RegistryServer::start(&kafka.bootstrap(), &[("compression.enable", "false")]);
    assert_eq!(header(&registry.ask_bytes("GET", path, &[gzip]).0, "content-encoding"), None);
}

#[test]
fn pages_of_other_origins_ask_where_they_may() {
    let kafka = need!(Server::start_default());
    let settings = [
        ("access.control.allow.origin", "https://a.example,https://*.b.example"),
        ("access.control.allow.methods", "GET,POST,PUT"),
        ("access.control.allow.headers", "Content-Type,Authorization"),
    ];
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &settings);
    let asks = [("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "content-type")];
    let preflight = |registry: &RegistryServer, origin: &str| {
        let headers = [asks[0], asks[1], ("Origin", origin)];
        registry.try_ask("OPTIONS", "/config", &headers, "").expect("the registry answers")
    };
    let allowed = "access-control-allow-origin";
    for origin in ["https://a.example", "https://x.b.example"] {
        let answer = preflight(&registry, origin);
        assert_eq!((answer.status, header(&answer.head, allowed)), (200, Some(origin)), "{}", answer.head);
        assert_eq!(header(&answer.head, "access-control-allow-methods"), Some("GET,POST,PUT"));
        assert_eq!(header(&answer.head, "access-control-allow-headers"), Some("content-type,authorization"));
        let answer = registry.try_ask("GET", "/subjects/none/versions", &[("Origin", origin)], "");
        let answer = answer.expect("the registry answers");
        assert_eq!((answer.status, header(&answer.head, allowed)), (404, Some(origin)));
    }
    assert_eq!(header(&preflight(&registry, "https://evil.example").head, allowed), None);
    // Who is no browser is told the methods.
    for headers in [&[][..], &[("Origin", "https://a.example")], &asks[..1]] {
        let answer = registry.try_ask("OPTIONS", "/config", headers, "").expect("the registry answers");
        let methods = Some("GET, PUT, DELETE, HEAD");
        assert_eq!((answer.status, header(&answer.head, "allow")), (405, methods), "{headers:?}");
    }
    registry.stop();
    let settings = [("access.control.allow.origin", "*")];
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &settings);
    assert_eq!(header(&preflight(&registry, "https://c.example").head, allowed), Some("*"));
    registry.stop();
    // Without the setting no page of another origin may ask.
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let answer = preflight(&registry, "https://a.example");
    assert_eq!((answer.status, header(&answer.head, allowed)), (405, None));
}
