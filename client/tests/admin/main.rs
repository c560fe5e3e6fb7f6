//! The admin client against Medallion and Apache Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod groups;
mod replicas;
mod rights;
mod topics;

use std::time::Duration;

use medallion_client::{Admin, Client, ClientSettings};
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_settings_and_offsets() {
    for program in [Program::Medallion, Program::Kafka(KAFKA)] {
        let server = need!(Server::setup().program(program).start());
        let settings = ClientSettings::new(&server.bootstrap());
        let client = Client::new(settings.clone()).unwrap();
        let admin = Admin::new(&client);
        topics::topics(&admin).await;
        topics::configs(&admin).await;
        topics::offsets(&admin, &client).await;
        topics::no_such_partition(settings).await;
        groups::groups(&admin, &server).await;
        replicas::replicas(&admin, program).await;
        rights::quotas(&admin).await;
        rights::scram(&admin).await;
        rights::acls_are_off(&admin).await;
        topics::remove(&admin).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_control_lists() {
    rights::acls().await;
}

/// Waits until `holds`, ten seconds at most.
async fn eventually(holds: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to hold");
}
