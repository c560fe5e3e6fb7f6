//! Settings of TLS, SASL, delegation tokens and authorization.

use super::super::declaration::{
    Declaration, Validator, boolean, class, double, int, list, long, password, short, string,
};
use super::reasons::{DELEGATION_TOKENS, JVM, SASL, TLS};

pub(super) const SETTINGS: &[Declaration] = &[
    string("authorizer.class.name")
        .default("")
        .low()
        .refused(
            "access control lists are not enforced yet, and a cluster must not open up because of \
             that; leave it empty",
        )
        .doc("Class that decides who may do what."),
    int("connection.failed.authentication.delay.ms")
        .default("100")
        .at_least(0)
        .low()
        .without_effect(SASL)
        .doc("Delay before a connection that failed to authenticate is closed."),
    long("connections.max.reauth.ms")
        .default("0")
        .without_effect(SASL)
        .doc("Longest life of an authenticated session."),
    long("delegation.token.expiry.check.interval.ms")
        .default("3600000")
        .at_least(1)
        .low()
        .without_effect(DELEGATION_TOKENS)
        .doc("Time between two searches for expired delegation tokens."),
    long("delegation.token.expiry.time.ms")
        .default("86400000")
        .at_least(1)
        .without_effect(DELEGATION_TOKENS)
        .doc("Time after which a delegation token must be renewed."),
    long("delegation.token.max.lifetime.ms")
        .default("604800000")
        .at_least(1)
        .without_effect(DELEGATION_TOKENS)
        .doc("Time after which a delegation token cannot be renewed any more."),
    password("delegation.token.secret.key")
        .without_effect(DELEGATION_TOKENS)
        .doc("Secret from which delegation tokens are made."),
    list("early.start.listeners")
        .list_or_empty(&[])
        .high()
        .without_effect(JVM)
        .doc("Listeners that start before the authorizer is ready."),
    class("principal.builder.class")
        .default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder")
        .per_broker()
        .refused("clients would be known by another name than the class gives them; remove the setting")
        .doc("Java class that names the principal of a connection."),
    class("sasl.client.callback.handler.class")
        .without_effect(SASL)
        .doc("Java class of the SASL client's callbacks."),
    list("sasl.enabled.mechanisms")
        .default("GSSAPI")
        .list_or_empty(&[])
        .per_broker()
        .without_effect(SASL)
        .doc("SASL mechanisms that are served."),
    password("sasl.jaas.config")
        .per_broker()
        .without_effect(SASL)
        .doc("JAAS login of SASL, with its secrets."),
    string("sasl.kerberos.kinit.cmd")
        .default("/usr/bin/kinit")
        .per_broker()
        .without_effect(SASL)
        .doc("Path of kinit."),
    long("sasl.kerberos.min.time.before.relogin")
        .default("60000")
        .per_broker()
        .without_effect(SASL)
        .doc("Shortest time between two logins to Kerberos."),
    list("sasl.kerberos.principal.to.local.rules")
        .default("DEFAULT")
        .list_or_empty(&[])
        .per_broker()
        .without_effect(SASL)
        .doc("Rules that make short names from Kerberos principals."),
    string("sasl.kerberos.service.name")
        .per_broker()
        .without_effect(SASL)
        .doc("Kerberos name of the service."),
    double("sasl.kerberos.ticket.renew.jitter")
        .default("0.05")
        .per_broker()
        .without_effect(SASL)
        .doc("Random share of the time before a ticket is renewed."),
    double("sasl.kerberos.ticket.renew.window.factor")
        .default("0.8")
        .per_broker()
        .without_effect(SASL)
        .doc("Share of a ticket's life after which it is renewed."),
    class("sasl.login.callback.handler.class")
        .without_effect(SASL)
        .doc("Java class of the login's callbacks."),
    class("sasl.login.class").without_effect(SASL).doc("Java class of the login."),
    int("sasl.login.connect.timeout.ms")
        .low()
        .without_effect(SASL)
        .doc("Time to wait for a connection to an external provider of identities."),
    int("sasl.login.read.timeout.ms")
        .low()
        .without_effect(SASL)
        .doc("Time to wait for an answer of an external provider of identities."),
    short("sasl.login.refresh.buffer.seconds")
        .default("300")
        .per_broker()
        .without_effect(SASL)
        .doc("Time before a credential's end in which it is not refreshed."),
    short("sasl.login.refresh.min.period.seconds")
        .default("60")
        .per_broker()
        .without_effect(SASL)
        .doc("Shortest time between two refreshes of a credential."),
    double("sasl.login.refresh.window.factor")
        .default("0.8")
        .per_broker()
        .without_effect(SASL)
        .doc("Share of a credential's life after which it is refreshed."),
    double("sasl.login.refresh.window.jitter")
        .default("0.05")
        .per_broker()
        .without_effect(SASL)
        .doc("Random share of the time before a credential is refreshed."),
    long("sasl.login.retry.backoff.max.ms")
        .default("10000")
        .low()
        .without_effect(SASL)
        .doc("Longest wait before a login is repeated."),
    long("sasl.login.retry.backoff.ms")
        .default("100")
        .low()
        .without_effect(SASL)
        .doc("First wait before a login is repeated."),
    string("sasl.mechanism.controller.protocol")
        .default("GSSAPI")
        .high()
        .without_effect(SASL)
        .doc("SASL mechanism towards controllers."),
    string("sasl.mechanism.inter.broker.protocol")
        .default("GSSAPI")
        .per_broker()
        .without_effect(SASL)
        .doc("SASL mechanism among brokers."),
    string("sasl.oauthbearer.assertion.algorithm")
        .default("RS256")
        .takes(Validator::OneOfIgnoringCase(&["ES256", "RS256"]))
        .without_effect(SASL)
        .doc("Algorithm that signs an assertion."),
    string("sasl.oauthbearer.assertion.claim.aud")
        .without_effect(SASL)
        .doc("Audience claim of an assertion."),
    int("sasl.oauthbearer.assertion.claim.exp.seconds")
        .default("300")
        .between(0, 86400)
        .low()
        .without_effect(SASL)
        .doc("Seconds after which an assertion ends."),
    string("sasl.oauthbearer.assertion.claim.iss").without_effect(SASL).doc("Issuer claim of an assertion."),
    boolean("sasl.oauthbearer.assertion.claim.jti.include")
        .default("false")
        .without_effect(SASL)
        .doc("Whether an assertion has an id of its own."),
    int("sasl.oauthbearer.assertion.claim.nbf.seconds")
        .default("60")
        .between(0, 3600)
        .low()
        .without_effect(SASL)
        .doc("Seconds by which an assertion is valid before it was made."),
    string("sasl.oauthbearer.assertion.claim.sub").without_effect(SASL).doc("Subject claim of an assertion."),
    string("sasl.oauthbearer.assertion.file").without_effect(SASL).doc("File with an assertion."),
    string("sasl.oauthbearer.assertion.private.key.file")
        .without_effect(SASL)
        .doc("File with the key that signs assertions."),
    password("sasl.oauthbearer.assertion.private.key.passphrase")
        .without_effect(SASL)
        .doc("Passphrase of the key that signs assertions."),
    string("sasl.oauthbearer.assertion.template.file")
        .without_effect(SASL)
        .doc("File with more headers and claims of assertions."),
    string("sasl.oauthbearer.client.credentials.client.id")
        .without_effect(SASL)
        .doc("Client id of the client credentials grant."),
    password("sasl.oauthbearer.client.credentials.client.secret")
        .without_effect(SASL)
        .doc("Client secret of the client credentials grant."),
    int("sasl.oauthbearer.clock.skew.seconds")
        .default("30")
        .low()
        .without_effect(SASL)
        .doc("Difference of clocks that a token check allows."),
    list("sasl.oauthbearer.expected.audience")
        .default("")
        .list_or_empty(&[])
        .high()
        .without_effect(SASL)
        .doc("Audiences of which a token must name one."),
    string("sasl.oauthbearer.expected.issuer")
        .high()
        .without_effect(SASL)
        .doc("Issuer that a token must name."),
    long("sasl.oauthbearer.jwks.endpoint.refresh.ms")
        .default("3600000")
        .low()
        .without_effect(SASL)
        .doc("Time after which the keys of the token issuer are read again."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms")
        .default("10000")
        .low()
        .without_effect(SASL)
        .doc("Longest wait before reading the keys is repeated."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms")
        .default("100")
        .low()
        .without_effect(SASL)
        .doc("First wait before reading the keys is repeated."),
    string("sasl.oauthbearer.jwks.endpoint.url")
        .without_effect(SASL)
        .doc("Address of the keys of the token issuer."),
    class("sasl.oauthbearer.jwt.retriever.class")
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")
        .without_effect(SASL)
        .doc("Java class that gets tokens."),
    class("sasl.oauthbearer.jwt.validator.class")
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .without_effect(SASL)
        .doc("Java class that checks tokens."),
    string("sasl.oauthbearer.scope").without_effect(SASL).doc("Scope to ask for."),
    string("sasl.oauthbearer.scope.claim.name")
        .default("scope")
        .low()
        .without_effect(SASL)
        .doc("Name of the scope claim."),
    string("sasl.oauthbearer.sub.claim.name")
        .default("sub")
        .low()
        .without_effect(SASL)
        .doc("Name of the subject claim."),
    string("sasl.oauthbearer.token.endpoint.url")
        .without_effect(SASL)
        .doc("Address from which tokens are got."),
    class("sasl.server.callback.handler.class")
        .without_effect(SASL)
        .doc("Java class of the SASL server's callbacks."),
    int("sasl.server.max.receive.size")
        .default("524288")
        .without_effect(SASL)
        .doc("Most bytes of a message before authentication is done."),
    string("security.inter.broker.protocol")
        .default("PLAINTEXT")
        .one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
        .doc("Security protocol among brokers, where `inter.broker.listener.name` is not set."),
    string("security.providers").low().without_effect(JVM).doc("Java security providers."),
    boolean("ssl.allow.dn.changes")
        .default("false")
        .low()
        .without_effect(TLS)
        .doc("Whether a new certificate may have another distinguished name."),
    boolean("ssl.allow.san.changes")
        .default("false")
        .low()
        .without_effect(TLS)
        .doc("Whether a new certificate may have other alternative names."),
    list("ssl.cipher.suites")
        .default("")
        .list_or_empty(&[])
        .per_broker()
        .without_effect(TLS)
        .doc("Cipher suites; those of the provider where empty."),
    string("ssl.client.auth")
        .default("none")
        .one_of(&["required", "requested", "none"])
        .per_broker()
        .without_effect(TLS)
        .doc("Whether clients must show a certificate."),
    list("ssl.enabled.protocols")
        .default("TLSv1.2,TLSv1.3")
        .list_or_empty(&[])
        .per_broker()
        .without_effect(TLS)
        .doc("Versions of TLS that are served."),
    string("ssl.endpoint.identification.algorithm")
        .default("https")
        .low()
        .per_broker()
        .without_effect(TLS)
        .doc("How the name of the other side is checked."),
    class("ssl.engine.factory.class")
        .low()
        .per_broker()
        .without_effect(TLS)
        .doc("Java class that makes TLS engines."),
    password("ssl.key.password").per_broker().without_effect(TLS).doc("Password of the private key."),
    string("ssl.keymanager.algorithm")
        .default("SunX509")
        .per_broker()
        .without_effect(TLS)
        .doc("Java's algorithm for keys."),
    password("ssl.keystore.certificate.chain")
        .per_broker()
        .without_effect(TLS)
        .doc("Certificate chain as PEM."),
    password("ssl.keystore.key").per_broker().without_effect(TLS).doc("Private key as PEM."),
    string("ssl.keystore.location").per_broker().without_effect(TLS).doc("File of the key store."),
    password("ssl.keystore.password").per_broker().without_effect(TLS).doc("Password of the key store."),
    string("ssl.keystore.type")
        .default("JKS")
        .per_broker()
        .without_effect(TLS)
        .doc("Format of the key store."),
    string("ssl.principal.mapping.rules")
        .default("DEFAULT")
        .low()
        .without_effect(TLS)
        .doc("Rules that make short names from distinguished names."),
    string("ssl.protocol")
        .default("TLSv1.3")
        .per_broker()
        .without_effect(TLS)
        .doc("Version of TLS for new contexts."),
    string("ssl.provider").per_broker().without_effect(TLS).doc("Java's security provider."),
    string("ssl.secure.random.implementation")
        .low()
        .per_broker()
        .without_effect(TLS)
        .doc("Java's random generator."),
    string("ssl.trustmanager.algorithm")
        .default("PKIX")
        .per_broker()
        .without_effect(TLS)
        .doc("Java's algorithm for trust."),
    password("ssl.truststore.certificates")
        .per_broker()
        .without_effect(TLS)
        .doc("Trusted certificates as PEM."),
    string("ssl.truststore.location").per_broker().without_effect(TLS).doc("File of the trust store."),
    password("ssl.truststore.password").per_broker().without_effect(TLS).doc("Password of the trust store."),
    string("ssl.truststore.type")
        .default("JKS")
        .per_broker()
        .without_effect(TLS)
        .doc("Format of the trust store."),
];
