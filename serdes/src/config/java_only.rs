//! Settings of Confluent's serializers that are not supported here.

use medallion_settings::Foreign;

/// What Confluent's serializers have and these do not. No value asks for what is done anyway.
pub(super) const FOREIGN: Foreign = Foreign { without_effect: &[], refused: REFUSED };

const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        "context.name.strategy",
        &[],
        "put the context into schema.registry.url: http://host:8081/contexts/.name",
    ),
    ("rule.executors", &[], "rules are not run"),
    ("rule.executors.", &[], "rules are not run"),
    ("rule.actions", &[], "rules are not run"),
    ("rule.actions.", &[], "rules are not run"),
    ("rule.service.loader.enable", &[], "rules are not run"),
    ("propagate.schema.tags", &[], "tags of fields are not supported"),
    ("schema.format", &[], "schemas are sent as they are given"),
    ("schema.reflection", &[], "values are typed: give the schema, or derive it"),
    ("specific.avro.reader", &[], "give the type to deserialize, and a reader's schema where it is needed"),
    ("specific.avro.value.type", &[], "give the type to deserialize"),
    ("specific.avro.key.type", &[], "give the type to deserialize"),
    ("avro.reflection.allow.null", &[], "use Option and a union with null"),
    ("avro.remove.java.properties", &[], "schemas are sent as they are given"),
    ("avro.use.logical.type.converters", &[], "the Rust type decides"),
    ("json.value.type", &[], "give the type to deserialize"),
    ("json.key.type", &[], "give the type to deserialize"),
    ("json.schema.spec.version", &[], "give the schema; none is made of types"),
    ("json.oneof.for.nullables", &[], "give the schema; none is made of types"),
    ("json.default.property.inclusion", &[], "use serde's skip_serializing_if"),
    ("json.write.dates.iso8601", &[], "the Rust type decides"),
    ("json.fail.unknown.properties", &[], "use serde's deny_unknown_fields"),
    ("specific.protobuf.value.type", &[], "give the type to deserialize"),
    ("specific.protobuf.key.type", &[], "give the type to deserialize"),
    ("derive.type", &[], "give the type to deserialize, or read a dynamic message"),
    (
        "reference.lookup.only",
        &[],
        "references are registered with auto.register.schemas, and looked up without",
    ),
    ("reference.subject.name.strategy", &[], "a reference is registered under the path of its import"),
    ("skip.known.types", &[], "well-known files are never registered"),
    ("proxy.host", &[], "proxies are not supported"),
    ("proxy.port", &[], "proxies are not supported"),
    ("request.header.", &[], "only credentials are sent, by basic.auth.* and bearer.auth.token"),
    ("bearer.auth.", &[], "only bearer.auth.token is supported"),
    (
        "schema.registry.ssl.",
        &[],
        "only PEM files and texts are supported: truststore.location or .certificates, keystore.location or .key",
    ),
    ("schema.registry.basic.auth.user.info", &[], "use basic.auth.user.info"),
    ("missing.id.cache.ttl.sec", &[], "misses are not cached"),
    ("missing.version.cache.ttl.sec", &[], "misses are not cached"),
    ("missing.schema.cache.ttl.sec", &[], "misses are not cached"),
    ("missing.cache.size", &[], "misses are not cached"),
];
