//! Protobuf: proto2 and proto3.
//!
//! ```text
//! text, or a descriptor in Base64 ─ parse, descriptor ─> File ── write: the canonical string
//! File + those it refers to ─ scope ─> what names stand for ──── normalize; diff: what changed, and what of it breaks readers
//!                           └ compile ─> the rules of the language, the descriptor of `format=serialized`
//! ```
//!
//! The canonical string is printed from a model of our own: it keeps names, numbers and the order of statements as they are
//! written, which a compiled descriptor does not. The rules of the language beyond the grammar are checked by `protox`.

mod compile;
mod descriptor;
mod diff;
mod difference;
mod field_diff;
mod indexes;
mod meta;
mod model;
mod normalize;
mod options;
mod parse;
mod reader;
mod remedy;
mod scope;
mod well_known;
mod write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::model::File;
use self::scope::Scope;
use super::{ResolvedReference, Validation};

pub use difference::{ProtobufDifference, ProtobufDifferenceKind};
pub use model::ProtobufError;

/// A Protobuf schema: a file, and those that it refers to.
#[derive(Debug, Clone)]
pub struct ProtobufSchema {
    file: File,
    /// By the path that imports name.
    dependencies: Vec<(String, File)>,
}

impl ProtobufSchema {
    /// Reads a file: its text, or a `FileDescriptorProto` in Base64. `references` are all files that it imports, directly or
    /// not, beyond those that every schema may import.
    ///
    /// # Errors
    /// Where a text is not in the language; with [`Validation::Strict`] also where the file breaks a rule beyond the grammar.
    pub fn parse(
        text: &str,
        references: &[ResolvedReference<'_>],
        validation: Validation,
    ) -> Result<Self, ProtobufError> {
        let dependencies = references
            .iter()
            .map(|reference| Ok((reference.name.to_owned(), read(reference.text)?.0)))
            .collect::<Result<Vec<_>, ProtobufError>>()?;
        let (file, is_text) = read(text)?;
        if validation == Validation::Strict {
            // Neither a descriptor nor the text that is printed from one is what the compiler reads.
            if is_text && file.with_maps() == file {
                compile::compile_text(text, &file, &dependencies)?;
            } else {
                compile::compile(&file, &dependencies)?;
            }
        }
        Ok(Self { file, dependencies })
    }

    /// The text under which the schema is stored.
    pub fn canonical_string(&self) -> String {
        self.file.canonical_string()
    }

    /// The text without custom options and extensions.
    pub fn string_without_extensions(&self) -> String {
        self.file.string_without_extensions()
    }

    /// The compiled file, a `FileDescriptorProto` in Base64.
    ///
    /// # Errors
    /// Where the file breaks a rule of the language.
    pub fn serialized(&self) -> Result<String, ProtobufError> {
        Ok(STANDARD.encode(compile::compile(&self.file, &self.dependencies)?))
    }

    /// The form of `normalize=true`.
    #[must_use]
    pub fn normalized(&self) -> Self {
        Self {
            file: normalize::normalize(&self.file, &self.scope()),
            dependencies: self.dependencies.clone(),
        }
    }

    /// Whether both files say the same, whatever their spaces and comments.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.canonical_string() == other.canonical_string()
    }

    /// Whether a message at the top of the file has this field.
    pub fn has_top_level_field(&self, name: &str) -> bool {
        let mut messages = self.file.types.iter().filter_map(model::TypeDef::as_message);
        messages.any(|message| message.all_fields().any(|(field, _)| field.name == name))
    }

    /// The indexes that serializers write for a message, by its name within the package.
    pub fn message_indexes(&self, name: &str) -> Option<Vec<usize>> {
        indexes::of_message(&self.file, name)
    }

    /// The full name of the message with these indexes; none are the first message.
    pub fn message_name(&self, indexes: &[usize]) -> Option<String> {
        indexes::to_message(&self.file, indexes)
    }

    /// All that changed from `original` to this schema, what is compatible as well as what is not.
    pub fn changes_from(&self, original: &Self) -> Vec<ProtobufDifference> {
        diff::changes((&original.file, &original.scope()), (&self.file, &self.scope()))
    }

    /// What keeps this schema from reading what was written with `writer`.
    pub fn incompatibilities(&self, writer: &Self) -> Vec<ProtobufDifference> {
        let mut changes = self.changes_from(writer);
        changes.retain(|change| !change.kind.is_compatible());
        changes
    }

    fn scope(&self) -> Scope<'_> {
        let paths: Vec<&str> = self.dependencies.iter().map(|(path, _)| path.as_str()).collect();
        let well_known = well_known::files().iter().filter(|(path, _)| !paths.contains(*path));
        let dependencies = self.dependencies.iter().map(|(_, file)| file);
        Scope::of(&self.file, well_known.map(|(_, file)| file).chain(dependencies))
    }
}

/// The file, and whether it is a text. What is wrong with the text is said where it is no descriptor, either.
fn read(text: &str) -> Result<(File, bool), ProtobufError> {
    parse::parse(text).map(|file| (file, true)).or_else(|error| {
        let decoded = descriptor::decode(text).unwrap_or(Err(error))?;
        Ok((decoded, false))
    })
}
