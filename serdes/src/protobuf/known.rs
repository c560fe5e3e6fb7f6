//! Files that need no reference, as for Confluent's serializers and registries.

use protox::file::{File, FileResolver, GoogleFileResolver};

macro_rules! texts {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../schema-registry/protos/", $path)))),*]
    };
}

/// Files with their texts. Those of `google/protobuf` come with the compiler.
const TEXTS: [(&str, &str); 19] = texts![
    "confluent/meta.proto",
    "confluent/type/decimal.proto",
    "confluent/type/variant.proto",
    "google/type/calendar_period.proto",
    "google/type/color.proto",
    "google/type/date.proto",
    "google/type/datetime.proto",
    "google/type/dayofweek.proto",
    "google/type/decimal.proto",
    "google/type/expr.proto",
    "google/type/fraction.proto",
    "google/type/interval.proto",
    "google/type/latlng.proto",
    "google/type/money.proto",
    "google/type/month.proto",
    "google/type/phone_number.proto",
    "google/type/postal_address.proto",
    "google/type/quaternion.proto",
    "google/type/timeofday.proto",
];

pub(super) fn is_known(path: &str) -> bool {
    open(path).is_ok()
}

pub(super) fn open(path: &str) -> Result<File, protox::Error> {
    match TEXTS.into_iter().find(|(known, _)| *known == path) {
        Some((path, text)) => File::from_source(path, text),
        None => GoogleFileResolver::new().open_file(path),
    }
}
