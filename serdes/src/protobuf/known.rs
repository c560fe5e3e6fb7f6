//! Files that need no reference, as for Confluent's serializers and registries.

use protox::file::{File, FileResolver, GoogleFileResolver};

/// Files with their texts, those that the registry knows. Those of `google/protobuf` come with the compiler.
const TEXTS: [(&str, &str); 19] = include!("../../../schema-registry/protos/texts.rs");

pub(super) fn is_known(path: &str) -> bool {
    open(path).is_ok()
}

pub(super) fn open(path: &str) -> Result<File, protox::Error> {
    match TEXTS.into_iter().find(|(known, _)| *known == path) {
        Some((path, text)) => File::from_source(path, text),
        None => GoogleFileResolver::new().open_file(path),
    }
}
