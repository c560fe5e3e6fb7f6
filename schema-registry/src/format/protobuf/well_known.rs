//! The files that can be imported without a reference, as Confluent's registry brings them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use protox::file::{File as ProtoxFile, FileResolver, GoogleFileResolver};

use super::descriptor;
use super::model::File;
use super::parse::parse;

/// Files with their texts. Those of `google/protobuf` come with the compiler.
const TEXTS: [(&str, &str); 19] = include!("../../../protos/texts.rs");

const COMPILERS: [&str; 11] = [
    "google/protobuf/any.proto",
    "google/protobuf/api.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/source_context.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/type.proto",
    "google/protobuf/wrappers.proto",
];

static FILES: LazyLock<BTreeMap<&'static str, File>> = LazyLock::new(|| {
    let texts = TEXTS.into_iter().map(|(path, text)| (path, parse(text).expect("a bundled file is valid")));
    let compilers = COMPILERS.into_iter().map(|path| {
        let file = GoogleFileResolver::new().open_file(path).expect("the compiler brings its own files");
        (path, descriptor::to_file(file.file_descriptor_proto()))
    });
    texts.chain(compilers).collect()
});

/// All of them, by the path that imports name.
pub(super) fn files() -> &'static BTreeMap<&'static str, File> {
    &FILES
}

/// One of them, for the compiler.
pub(super) fn for_compiler(path: &str) -> Result<ProtoxFile, protox::Error> {
    match TEXTS.into_iter().find(|(known, _)| *known == path) {
        Some((path, text)) => ProtoxFile::from_source(path, text),
        None => GoogleFileResolver::new().open_file(path),
    }
}
