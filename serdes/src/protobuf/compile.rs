//! From the text of a registered schema to descriptors.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{File, FileResolver};

use super::known;
use crate::Error;
use crate::registry::{ResolvedReference, Schema};

/// The name of the file itself: none that an import can have.
const MAIN: &str = "schema of the registry";

struct Files(HashMap<String, String>);

impl FileResolver for Files {
    fn open_file(&self, path: &str) -> Result<File, protox::Error> {
        match self.0.get(path) {
            Some(text) => File::from_source(path, text),
            None => known::open(path),
        }
    }
}

/// Compiles a schema with the files that it uses; `name` is for errors.
pub(super) fn compile(
    name: &str,
    schema: &Schema,
    references: &[ResolvedReference],
) -> Result<FileDescriptor, Error> {
    let failed = |error: protox::Error| Error::schema(name, format!("{error:?}"));
    let texts = references.iter().map(|used| (used.name.to_string(), used.schema.schema.text.to_string()));
    let mut texts: HashMap<String, String> = texts.collect();
    texts.insert(MAIN.to_owned(), schema.text.to_string());
    let mut compiler = Compiler::with_file_resolver(Files(texts));
    compiler.include_imports(true).open_file(MAIN).map_err(failed)?;
    let pool: DescriptorPool = compiler.descriptor_pool();
    pool.get_file_by_name(MAIN).ok_or_else(|| Error::schema(name, "the compiler lost it"))
}

/// The message that indexes lead to. Entries of maps count as messages, as in descriptors, and are never meant.
pub(super) fn message_at(file: &FileDescriptor, indexes: &[i32]) -> Option<MessageDescriptor> {
    let (first, inner) = indexes.split_first()?;
    let mut message = file.messages().nth(usize::try_from(*first).ok()?)?;
    for index in inner {
        let child = message.child_messages().nth(usize::try_from(*index).ok()?)?;
        message = child;
    }
    Some(message).filter(|message| !message.is_map_entry())
}

/// The indexes that lead to a message: in its path each stands behind the number of the field `message_type` or `nested_type`.
pub(super) fn indexes_of(message: &MessageDescriptor) -> Vec<i32> {
    message.path().iter().skip(1).step_by(2).copied().collect()
}
