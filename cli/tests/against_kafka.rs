//! The commands against Apache Kafka, with a password.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};

fn medallion(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medallion"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn commands_log_in_with_what_a_file_and_options_say() {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule required user_alice=\"secret\";";
    let setup = Server::setup()
        .program(Program::Kafka(KAFKA))
        .property("sasl.enabled.mechanisms", "PLAIN")
        .property("listener.name.users.plain.sasl.jaas.config", module)
        .listener("USERS", "SASL_PLAINTEXT");
    let server = need!(setup.start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.properties");
    let address = server.listener("USERS");
    let lines = format!(
        "bootstrap.servers={address}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=alice\n"
    );
    fs::write(&file, lines).unwrap();
    let config = ["--client-config", file.to_str().unwrap()];
    let run = |arguments: &[&str], password: &str, input: &[u8]| {
        let password = format!("sasl.password={password}");
        medallion(&[arguments, &config, &["--client-set", &password]].concat(), input)
    };
    let made = run(&["topic", "create", "trips", "--partitions", "2"], "secret", b"");
    assert!(made.status.success(), "{:?}", text(&made));
    let produced = run(&["produce", "trips", "-K", ":"], "secret", b"a:1\nb:2\nc:3\n");
    assert!(produced.status.success(), "{:?}", text(&produced));
    let consumed = run(&["consume", "trips", "--until-end"], "secret", b"");
    assert_eq!(text(&consumed).0.lines().count(), 3, "{:?}", text(&consumed));
    let listed = run(&["group", "list", "--json"], "secret", b"");
    assert_eq!(text(&listed).0.trim(), "[]", "{:?}", text(&listed));
    let set = run(&["config", "set", "topic/trips", "retention.ms=60000"], "secret", b"");
    assert!(set.status.success(), "{:?}", text(&set));

    let refused = run(&["topic", "list"], "guess", b"");
    let (_, error) = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(
        error.contains("does not authenticate us by PLAIN") && error.contains("--client-config"),
        "{error}"
    );
    // Without any of it the broker hangs up.
    let plain = medallion(&["topic", "list", "--bootstrap-server", &address], b"");
    assert_eq!(plain.status.code(), Some(3), "{:?}", text(&plain));
    assert!(text(&plain).1.contains("security.protocol"), "{:?}", text(&plain));
    let wrong = medallion(&["topic", "list", "--client-set", "sasl.user=x"], b"");
    assert_eq!(wrong.status.code(), Some(2), "{:?}", text(&wrong));
    assert!(text(&wrong).1.contains("sasl.user"), "{:?}", text(&wrong));
}
