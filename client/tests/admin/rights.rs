//! Quotas, passwords and access control lists.

use std::collections::BTreeMap;

use medallion_client::admin::{
    Acl, AclFilter, AclOperation, AclPattern, AclPatternFilter, AclResourceType, QuotaEntity, QuotaFilter,
    QuotaMatch, ScramChange, ScramMechanism,
};
use medallion_client::config::{SaslMechanism, SecurityProtocol};
use medallion_client::{Admin, Client, ClientSettings, NewTopic, Secret};
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::ResponseError;

use crate::eventually;

pub(crate) async fn quotas(admin: &Admin) {
    let (billing, others) = (
        QuotaEntity::default().named("user", "billing").named("client-id", "jobs"),
        QuotaEntity::default().default_of("user"),
    );
    let set = |rate: Option<f64>| BTreeMap::from([("producer_byte_rate".to_owned(), rate)]);
    let wrong = QuotaEntity::default().named("planet", "mars");
    let changes = BTreeMap::from([
        (billing.clone(), set(Some(1e6))),
        (others.clone(), set(Some(2e6))),
        (wrong.clone(), set(Some(3e6))),
    ]);
    let altered = admin.alter_client_quotas(&changes).await.unwrap();
    altered[&billing].as_ref().unwrap();
    altered[&others].as_ref().unwrap();
    assert_eq!(altered[&wrong].as_ref().unwrap_err().code(), Some(ResponseError::InvalidRequest));
    let user = |name| BTreeMap::from([("user".to_owned(), name)]);
    let any_user = QuotaFilter { components: user(QuotaMatch::Any), is_strict: false };
    eventually(async || admin.describe_client_quotas(&any_user).await.unwrap().len() == 2).await;
    let found = admin.describe_client_quotas(&any_user).await.unwrap();
    assert_eq!(found[&billing]["producer_byte_rate"].to_bits(), 1e6_f64.to_bits());
    let strictly = QuotaFilter { is_strict: true, ..any_user.clone() };
    assert_eq!(
        admin.describe_client_quotas(&strictly).await.unwrap().into_keys().collect::<Vec<_>>(),
        std::slice::from_ref(&others)
    );
    let named = QuotaFilter { components: user(QuotaMatch::Exact("billing".to_owned())), is_strict: false };
    assert_eq!(
        admin.describe_client_quotas(&named).await.unwrap().into_keys().collect::<Vec<_>>(),
        std::slice::from_ref(&billing)
    );
    let removed = BTreeMap::from([(billing, set(None)), (others, set(None))]);
    assert!(admin.alter_client_quotas(&removed).await.unwrap().values().all(Result::is_ok));
    eventually(async || admin.describe_client_quotas(&any_user).await.unwrap().is_empty()).await;
}

pub(crate) async fn scram(admin: &Admin) {
    let change = ScramChange::password(ScramMechanism::Sha512, "secret");
    let set = admin.alter_scram_credentials(&BTreeMap::from([("carol", vec![change])])).await;
    set.unwrap()["carol"].as_ref().unwrap();
    eventually(async || admin.describe_scram_credentials(None).await.unwrap().contains_key("carol")).await;
    let described = admin.describe_scram_credentials(Some(&["carol", "nobody"])).await.unwrap();
    let credentials = described["carol"].as_ref().unwrap();
    assert_eq!((credentials[0].mechanism, credentials[0].iterations), (ScramMechanism::Sha512, 4096));
    assert_eq!(described["nobody"].as_ref().unwrap_err().code(), Some(ResponseError::ResourceNotFound));
    let delete = |mechanism| BTreeMap::from([("carol", vec![ScramChange::Delete(mechanism)])]);
    let missing = admin.alter_scram_credentials(&delete(ScramMechanism::Sha256)).await.unwrap();
    assert_eq!(missing["carol"].as_ref().unwrap_err().code(), Some(ResponseError::ResourceNotFound));
    let deleted = admin.alter_scram_credentials(&delete(ScramMechanism::Sha512)).await.unwrap();
    deleted["carol"].as_ref().unwrap();
}

pub(crate) async fn acls_are_off(admin: &Admin) {
    let error = admin.describe_acls(&AclFilter::default()).await.unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::SecurityDisabled), "{error}");
    let rule = Acl::allow("User:alice", AclOperation::Read, AclResourceType::Topic, "trips");
    let created = admin.create_acls(std::slice::from_ref(&rule)).await.unwrap();
    assert_eq!(created[&rule].as_ref().unwrap_err().code(), Some(ResponseError::SecurityDisabled));
}

/// Rules against a Kafka that enforces them, with a user whose password is set here.
pub(crate) async fn acls() {
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let setup = Server::setup()
        .program(Program::Kafka(KAFKA))
        .property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
        .property("super.users", "User:ANONYMOUS")
        .property("sasl.enabled.mechanisms", "SCRAM-SHA-256")
        .property("listener.name.users.scram-sha-256.sasl.jaas.config", module)
        .listener("USERS", "SASL_PLAINTEXT");
    let server = need!(setup.start());
    let admin = Admin::new(&Client::new(ClientSettings::new(&server.bootstrap())).unwrap());
    admin.create_topics(&[NewTopic::new("trips", 1)]).await.unwrap()["trips"].as_ref().unwrap();
    let change = ScramChange::password(ScramMechanism::Sha256, "pass,word=ü");
    let set = admin.alter_scram_credentials(&BTreeMap::from([("alice", vec![change])])).await.unwrap();
    set["alice"].as_ref().unwrap();
    let settings = ClientSettings::new(&server.listener("USERS"))
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl_mechanism(SaslMechanism::ScramSha256)
        .sasl_username("alice".to_owned())
        .sasl_password(Secret::from("pass,word=ü"));
    let sees = async |wanted: bool| {
        let alice = Admin::new(&Client::new(settings.clone()).unwrap());
        alice.list_topics().await.is_ok_and(|topics| topics.contains_key("trips") == wanted)
    };
    eventually(async || sees(false).await).await;

    let read = Acl::allow("User:alice", AclOperation::Describe, AclResourceType::Topic, "trips");
    let prefixed = Acl {
        pattern: AclPattern::Prefixed,
        ..Acl::allow("User:bob", AclOperation::Write, AclResourceType::Topic, "tri")
    };
    let wrong = Acl::allow("nobody", AclOperation::Read, AclResourceType::Topic, "trips");
    let created = admin.create_acls(&[read.clone(), prefixed.clone(), wrong.clone()]).await.unwrap();
    created[&read].as_ref().unwrap();
    created[&prefixed].as_ref().unwrap();
    assert_eq!(created[&wrong].as_ref().unwrap_err().code(), Some(ResponseError::InvalidRequest));
    eventually(async || sees(true).await).await;

    eventually(async || admin.describe_acls(&AclFilter::default()).await.unwrap().len() == 2).await;
    let concerning = AclFilter {
        resource_type: Some(AclResourceType::Topic),
        resource: Some("trips".to_owned()),
        pattern: AclPatternFilter::Concerning,
        ..AclFilter::default()
    };
    assert_eq!(admin.describe_acls(&concerning).await.unwrap(), [prefixed.clone(), read.clone()]);
    let literal = AclFilter { pattern: AclPatternFilter::Only(AclPattern::Literal), ..concerning.clone() };
    assert_eq!(admin.describe_acls(&literal).await.unwrap(), std::slice::from_ref(&read));
    let of_nobody = AclFilter { principal: Some("User:carol".to_owned()), ..AclFilter::default() };
    let removed = admin.delete_acls(&[literal.clone(), of_nobody.clone()]).await.unwrap();
    let first = removed[&literal].as_ref().unwrap();
    assert!(first.len() == 1 && first[&read].is_ok(), "{first:?}");
    assert!(removed[&of_nobody].as_ref().unwrap().is_empty());
    eventually(async || sees(false).await).await;
}
