//! The rules of the language beyond its grammar, and compiled files: both are the work of the compiler `protox`.

use std::collections::BTreeMap;

use protox::Compiler;
use protox::file::{File as ProtoxFile, FileResolver};

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
    Ok(only_file(&compiler.encode_file_descriptor_set()))
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
