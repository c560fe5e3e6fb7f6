//! The rules of the language beyond its grammar, and compiled files: both are the work of the compiler `protox`.

use std::collections::BTreeMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use protox::Compiler;
use protox::file::{File as ProtoxFile, FileResolver};
use protox::prost::Message as _;

use super::model::{File, ProtobufError};
use super::well_known;

/// The name of the file itself, as Confluent's registry gives it.
const MAIN: &str = "default";

/// Files by the path that imports name, beside those that are well known.
#[derive(Default)]
pub(super) struct Files(BTreeMap<String, String>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<ProtoxFile, protox::Error> {
        match self.0.get(name) {
            Some(text) => ProtoxFile::from_source(name, text),
            None => well_known::for_compiler(name),
        }
    }
}

/// The file as a `FileDescriptorProto`, in bytes, with all names resolved and without places in the text.
///
/// # Errors
/// Where the file, or one that it imports, breaks a rule of the language, or an import is missing.
pub(super) fn compile(file: &File, dependencies: &[(String, File)]) -> Result<Vec<u8>, ProtobufError> {
    compile_text(&file.compiler_string(), file, dependencies)
}

/// The same from the text that the file was read from, so that places in it can be told.
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_text(
    text: &str,
    file: &File,
    dependencies: &[(String, File)],
) -> Result<Vec<u8>, ProtobufError> {
    let texts = dependencies.iter().map(|(path, file)| (path.clone(), file.compiler_string()));
    let mut texts: BTreeMap<String, String> = texts.collect();
    let imports = file.imports.iter().chain(&file.public_imports).chain(&file.weak_imports);
    for import in imports {
        if !texts.contains_key(import) && !well_known::files().contains_key(import.as_str()) {
            return Err(ProtobufError::Import(import.clone()));
        }
    }
    texts.insert(MAIN.to_owned(), text.to_owned());
    let mut compiler = Compiler::with_file_resolver(Files(texts));
    compiler.include_source_info(false).include_imports(false);
    compiler.open_file(MAIN).map_err(|error| to_error(&error))?;
    let compiled = only_file(&compiler.encode_file_descriptor_set());
    check_packed(&compiled)?;
    Ok(compiled)
}

/// The one rule of `protoc` that `protox` leaves out: `packed` belongs to numbers and enums that are repeated.
fn check_packed(compiled: &[u8]) -> Result<(), ProtobufError> {
    let file =
        FileDescriptorProto::decode(compiled).map_err(|error| ProtobufError::Rule(error.to_string()))?;
    match file.extension.iter().find(|field| is_packed_wrongly(field)) {
        Some(field) => Err(packed_wrongly(field)),
        None => file.message_type.iter().try_for_each(check_packed_fields),
    }
}

fn check_packed_fields(message: &DescriptorProto) -> Result<(), ProtobufError> {
    match message.field.iter().chain(&message.extension).find(|field| is_packed_wrongly(field)) {
        Some(field) => Err(packed_wrongly(field)),
        None => message.nested_type.iter().try_for_each(check_packed_fields),
    }
}

fn is_packed_wrongly(field: &FieldDescriptorProto) -> bool {
    let has_length = matches!(field.r#type(), Type::String | Type::Bytes | Type::Message | Type::Group);
    field.options.as_ref().is_some_and(|options| options.packed())
        && (has_length || field.label() != Label::Repeated)
}

fn packed_wrongly(field: &FieldDescriptorProto) -> ProtobufError {
    ProtobufError::Rule(format!(
        "field '{}': only repeated numbers, booleans and enums can be packed",
        field.name()
    ))
}

/// The compiler tells the place only in its debug form: `file:line:column: problem`.
fn to_error(error: &protox::Error) -> ProtobufError {
    let shown = format!("{error:?}");
    let place = shown.strip_prefix(MAIN).and_then(|rest| rest.strip_prefix(':')).and_then(|rest| {
        let (line, rest) = rest.split_once(':')?;
        let (column, problem) = rest.split_once(": ")?;
        Some((line.parse().ok()?, column.parse().ok()?, problem))
    });
    match place {
        Some((line, column, problem)) => ProtobufError::Syntax { line, column, problem: problem.to_owned() },
        None => ProtobufError::Rule(error.to_string()),
    }
}

/// The one file of a `FileDescriptorSet`: what follows its key and its length.
fn only_file(set: &[u8]) -> Vec<u8> {
    let length_bytes = set.iter().skip(1).take_while(|byte| **byte >= 0x80).count() + 1;
    set.get(1 + length_bytes..).unwrap_or_default().to_vec()
}

impl File {
    /// The text for the compiler: maps are maps again, not messages.
    fn compiler_string(&self) -> String {
        let mut file = self.with_maps();
        file.imports.append(&mut file.weak_imports);
        file.canonical_string()
    }
}
