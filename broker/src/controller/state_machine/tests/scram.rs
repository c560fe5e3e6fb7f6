//! SCRAM credentials.

use bytes::Bytes;
use m::alter_user_scram_credentials_request::{ScramCredentialDeletion, ScramCredentialUpsertion};
use medallion_wire::ResponseError as E;

use super::*;

fn deletion(user: &'static str, mechanism: i8) -> ScramCredentialDeletion {
    ScramCredentialDeletion::default().with_name(user.into()).with_mechanism(mechanism)
}

fn upsertion(user: &'static str, mechanism: i8, iterations: i32) -> ScramCredentialUpsertion {
    ScramCredentialUpsertion::default()
        .with_name(user.into())
        .with_mechanism(mechanism)
        .with_iterations(iterations)
        .with_salt(Bytes::from_static(b"salt"))
        .with_salted_password(Bytes::from_static(b"salted"))
}

/// What is said of each user, by name.
fn alter(
    cluster: &mut Cluster,
    deletions: Vec<ScramCredentialDeletion>,
    upsertions: Vec<ScramCredentialUpsertion>,
) -> Vec<(String, i16, Option<String>)> {
    let request =
        m::AlterUserScramCredentialsRequest::default().with_deletions(deletions).with_upsertions(upsertions);
    let reply = cluster.run(Command::AlterUserScramCredentials(request)).reply;
    let Reply::AlterUserScramCredentials(response) = reply else { panic!() };
    let told = response.results.into_iter().map(|result| {
        let message = result.error_message.as_ref().map(ToString::to_string);
        (result.user.to_string(), result.error_code, message)
    });
    told.collect()
}

fn refused(user: &str, error: E, message: &str) -> (String, i16, Option<String>) {
    (user.to_owned(), error.code(), Some(message.to_owned()))
}

fn done(user: &str) -> (String, i16, Option<String>) {
    (user.to_owned(), 0, None)
}

#[test]
fn credentials_come_change_and_go() {
    let mut cluster = Cluster::of_one_broker();
    let given = vec![upsertion("ann", 1, 4_096), upsertion("bob", 2, 16_384)];
    assert_eq!(alter(&mut cluster, vec![], given), [done("ann"), done("bob")]);
    let kept = |cluster: &Cluster, mechanism, user: &str| {
        let credential = cluster.image().scram_credentials.get(&(mechanism, user.into()))?;
        Some((credential.iterations, credential.stored_key.len(), credential.server_key.len()))
    };
    assert_eq!(kept(&cluster, 1, "ann"), Some((4_096, 32, 32)));
    assert_eq!(kept(&cluster, 2, "bob"), Some((16_384, 64, 64)));
    assert_eq!(alter(&mut cluster, vec![], vec![upsertion("ann", 1, 8_192)]), [done("ann")]);
    assert_eq!(kept(&cluster, 1, "ann"), Some((8_192, 32, 32)));

    let mut read_again = MetadataImage::default();
    let records: Vec<_> = cluster.image().snapshot_records().collect();
    crate::controller::records::apply_all(&mut read_again, &records);
    assert_eq!(read_again.scram_credentials, cluster.image().scram_credentials);

    assert_eq!(alter(&mut cluster, vec![deletion("ann", 1)], vec![]), [done("ann")]);
    assert_eq!(kept(&cluster, 1, "ann"), None);
    assert_eq!(cluster.image().scram_credentials.len(), 1);
}

#[test]
fn what_kafka_refuses_is_refused() {
    let mut cluster = Cluster::of_one_broker();
    let missing = "Attempt to delete a user credential that does not exist";
    let twice = "A user credential cannot be altered twice in the same request";
    let deletions = vec![deletion("a", 1), deletion("", 1), deletion("b", 0)];
    let upsertions = vec![
        upsertion("c", 1, 4_095),
        upsertion("d", 2, 16_385),
        upsertion("e", 3, 4_096),
        upsertion("f", 1, 4_096),
        upsertion("f", 2, 4_096),
        upsertion("g", 1, 4_096).with_salted_password(Bytes::new()),
        upsertion("h", 1, 4_096).with_salted_password(Bytes::new()),
        upsertion("h", 2, 4_096),
    ];
    assert_eq!(
        alter(&mut cluster, deletions, upsertions),
        [
            refused("", E::UnacceptableCredential, "Username must not be empty"),
            refused("a", E::ResourceNotFound, missing),
            refused("b", E::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"),
            refused("c", E::UnacceptableCredential, "Too few iterations"),
            refused("d", E::UnacceptableCredential, "Too many iterations"),
            refused("e", E::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"),
            refused("f", E::DuplicateResource, twice),
            ("g".to_owned(), E::UnknownServerError.code(), None),
            refused("h", E::DuplicateResource, twice),
        ]
    );
    assert!(cluster.image().scram_credentials.is_empty(), "who is named twice is not altered at all");
}
