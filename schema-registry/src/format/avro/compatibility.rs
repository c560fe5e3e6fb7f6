//! Whether a reader's schema can read what a writer's schema wrote (`SchemaCompatibility` of Java's library).

use std::collections::{BTreeSet, HashMap, HashSet};

use super::model::{AvroSchema, Field, Kind, Named, NodeId, Primitive};

/// What keeps a reader from reading what a writer wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncompatibilityKind {
    /// A record, enum or fixed type has another name, and the reader has no alias for it.
    NameMismatch,
    /// A fixed type has another size.
    FixedSizeMismatch,
    /// The reader lacks symbols of the writer's enum, and has no default.
    MissingEnumSymbols,
    /// The reader has a field without default that the writer lacks.
    ReaderFieldMissingDefaultValue,
    /// The types differ, and the writer's cannot be promoted.
    TypeMismatch,
    /// The reader's union has no branch for what the writer may write.
    MissingUnionBranch,
}

impl IncompatibilityKind {
    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameMismatch => "NAME_MISMATCH",
            Self::FixedSizeMismatch => "FIXED_SIZE_MISMATCH",
            Self::MissingEnumSymbols => "MISSING_ENUM_SYMBOLS",
            Self::ReaderFieldMissingDefaultValue => "READER_FIELD_MISSING_DEFAULT_VALUE",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::MissingUnionBranch => "MISSING_UNION_BRANCH",
        }
    }
}

/// One reason for which a reader cannot read what a writer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility {
    /// What kind of reason it is.
    pub kind: IncompatibilityKind,
    /// A JSON pointer into the reader's schema.
    pub location: String,
    /// What exactly differs.
    pub message: String,
}

impl Incompatibility {
    /// The description, with the words for the two schemas in it.
    pub fn description(&self, reader: &str, writer: &str) -> String {
        let (path, message) = (&self.location, &self.message);
        match self.kind {
            IncompatibilityKind::FixedSizeMismatch => {
                format!(
                    "The size of FIXED type field at path '{path}' in the {reader} schema does not match with the {writer} schema"
                )
            }
            IncompatibilityKind::TypeMismatch => {
                format!(
                    "The type (path '{path}') of a field in the {reader} schema does not match with the {writer} schema"
                )
            }
            IncompatibilityKind::NameMismatch => {
                format!("The name of the schema has changed (path '{path}')")
            }
            IncompatibilityKind::MissingEnumSymbols => {
                format!(
                    "The {reader} schema is missing enum symbols '{message}' at path '{path}' in the {writer} schema"
                )
            }
            IncompatibilityKind::MissingUnionBranch => {
                format!(
                    "The {reader} schema is missing a type inside a union field at path '{path}' in the {writer} schema"
                )
            }
            IncompatibilityKind::ReaderFieldMissingDefaultValue => format!(
                "The field '{message}' at path '{path}' in the {reader} schema has no default value and is missing in the {writer} schema"
            ),
        }
    }
}

/// How many types may lie in each other: two circles of types of different lengths go round as often as the product of both.
const DEPTH_MAX: usize = 1_000;

/// How many reasons are kept: types that use others twice, and those others again, find one reason at the bottom in 2^depth
/// places. Behind this many only one of each pair is kept, so that it is still known to be incompatible.
const FOUND_MAX: usize = 10_000;

impl AvroSchema {
    /// Why this schema, as a reader, cannot read what `writer` wrote; empty where it can.
    ///
    /// # Errors
    /// With a text, where a reader's field means several of the writer's, or the types lie too deep in each other.
    pub fn incompatibilities(&self, writer: &Self) -> Result<Vec<Incompatibility>, String> {
        let mut checker = Checker { reader: self, writer, memo: HashMap::new(), depth: 0, left: FOUND_MAX };
        checker.check("", self.root, writer.root, &mut Vec::new())
    }
}

type Found = Result<Vec<Incompatibility>, String>;

struct Checker<'a> {
    reader: &'a AvroSchema,
    writer: &'a AvroSchema,
    /// What is known of a pair; nothing while it is being looked at: compatible unless proven otherwise.
    memo: HashMap<(NodeId, NodeId), Option<Vec<Incompatibility>>>,
    depth: usize,
    /// How many more reasons may be kept, of [`FOUND_MAX`].
    left: usize,
}

impl Checker<'_> {
    fn check(&mut self, token: &str, reader: NodeId, writer: NodeId, location: &mut Vec<String>) -> Found {
        if let Some(known) = self.memo.get(&(reader, writer)) {
            let known = known.as_deref().unwrap_or_default();
            let kept = known[..known.len().min(self.left.max(1))].to_vec();
            self.left = self.left.saturating_sub(kept.len());
            return Ok(kept);
        }
        if self.depth == DEPTH_MAX {
            return Err(format!("types lie deeper than {DEPTH_MAX} in each other"));
        }
        location.push(token.to_owned());
        self.memo.insert((reader, writer), None);
        self.depth += 1;
        let mut found = self.compare(reader, writer, location)?;
        self.depth -= 1;
        found.truncate(self.left.max(1));
        self.left = self.left.saturating_sub(found.len());
        self.memo.insert((reader, writer), Some(found.clone()));
        location.pop();
        Ok(found)
    }

    fn compare(&mut self, reader: NodeId, writer: NodeId, location: &mut Vec<String>) -> Found {
        let (reader_schema, writer_schema) = (self.reader, self.writer);
        match (reader_schema.kind(reader), writer_schema.kind(writer)) {
            (Kind::Primitive(to), Kind::Primitive(from)) if is_promotable(*from, *to) => Ok(Vec::new()),
            (Kind::Array(reader), Kind::Array(writer)) => self.check("items", *reader, *writer, location),
            (Kind::Map(reader), Kind::Map(writer)) => self.check("values", *reader, *writer, location),
            (Kind::Fixed { named, size }, Kind::Fixed { named: writer_named, size: writer_size }) => {
                let mut found = check_names(named, writer_named, location);
                if size != writer_size {
                    let message = format!("expected: {writer_size}, found: {size}");
                    found.push(incompatibility(
                        IncompatibilityKind::FixedSizeMismatch,
                        message,
                        location,
                        "size",
                    ));
                }
                Ok(found)
            }
            (
                Kind::Enum { named, symbols, default },
                Kind::Enum { named: writer_named, symbols: writer_symbols, .. },
            ) => {
                let mut found = check_names(named, writer_named, location);
                let known: HashSet<&String> = symbols.iter().collect();
                let missing: BTreeSet<&String> =
                    writer_symbols.iter().filter(|symbol| !known.contains(symbol)).collect();
                if !missing.is_empty() && default.is_none() {
                    let missing: Vec<&str> = missing.into_iter().map(String::as_str).collect();
                    let message = format!("[{}]", missing.join(", "));
                    found.push(incompatibility(
                        IncompatibilityKind::MissingEnumSymbols,
                        message,
                        location,
                        "symbols",
                    ));
                }
                Ok(found)
            }
            (
                Kind::Record { named, fields, .. },
                Kind::Record { named: writer_named, fields: writer_fields, .. },
            ) => {
                let mut found = check_names(named, writer_named, location);
                found.extend(self.check_fields(fields, writer, writer_fields, location)?);
                Ok(found)
            }
            (Kind::Union(_), Kind::Union(branches)) => self.check_writer_branches(reader, branches, location),
            (_, Kind::Union(branches)) => {
                let mut found = Vec::new();
                for (index, branch) in branches.iter().enumerate() {
                    found.extend(self.check(&index.to_string(), reader, *branch, location)?);
                }
                Ok(found)
            }
            (Kind::Union(branches), _) => self.check_reader_branches(branches, writer, location),
            (reader, writer) => {
                let message = format!(
                    "reader type: {} not compatible with writer type: {}",
                    reader.type_constant(),
                    writer.type_constant()
                );
                Ok(vec![at(IncompatibilityKind::TypeMismatch, message, location)])
            }
        }
    }

    /// Each branch that the writer may choose must be readable.
    fn check_writer_branches(
        &mut self,
        reader: NodeId,
        branches: &[NodeId],
        location: &mut Vec<String>,
    ) -> Found {
        let mut found = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            location.push(index.to_string());
            if !self.check("", reader, *branch, &mut Vec::new())?.is_empty() {
                let message = format!(
                    "reader union lacking writer type: {}",
                    self.writer.kind(*branch).type_constant()
                );
                found.push(at(IncompatibilityKind::MissingUnionBranch, message, location));
            }
            location.pop();
        }
        Ok(found)
    }

    /// One branch of the reader must take what the writer writes.
    fn check_reader_branches(&mut self, branches: &[NodeId], writer: NodeId, location: &[String]) -> Found {
        for branch in branches {
            if self.may_read(*branch, writer) && self.check("", *branch, writer, &mut Vec::new())?.is_empty()
            {
                return Ok(Vec::new());
            }
        }
        let message =
            format!("reader union lacking writer type: {}", self.writer.kind(writer).type_constant());
        Ok(vec![at(IncompatibilityKind::MissingUnionBranch, message, location)])
    }

    /// Whether it is worth a look: types of different kinds or names are told apart at once, as unions may have thousands.
    fn may_read(&self, reader: NodeId, writer: NodeId) -> bool {
        match (self.reader.kind(reader), self.writer.kind(writer)) {
            (Kind::Record { named, .. }, Kind::Record { named: writer, .. })
            | (Kind::Enum { named, .. }, Kind::Enum { named: writer, .. })
            | (Kind::Fixed { named, .. }, Kind::Fixed { named: writer, .. }) => is_named_alike(named, writer),
            (Kind::Primitive(to), Kind::Primitive(from)) => is_promotable(*from, *to),
            (reader, writer) => std::mem::discriminant(reader) == std::mem::discriminant(writer),
        }
    }

    fn check_fields(
        &mut self,
        fields: &[Field],
        writer: NodeId,
        writer_fields: &[Field],
        location: &mut Vec<String>,
    ) -> Found {
        let mut found = Vec::new();
        let by_name: HashMap<&str, &Field> =
            writer_fields.iter().map(|field| (field.name.as_str(), field)).collect();
        location.push("fields".to_owned());
        for (index, field) in fields.iter().enumerate() {
            location.push(index.to_string());
            match self.find_writer_field(index, field, writer, &by_name)? {
                Some(writer_field) => {
                    found.extend(self.check("type", field.node, writer_field.node, location)?);
                }
                None if field.default.is_some() => {}
                // Java compares the enum with the whole record here, so a default of the enum does not help.
                None if matches!(self.reader.kind(field.node), Kind::Enum { default: Some(_), .. }) => {
                    found.extend(self.check("type", field.node, writer, location)?);
                }
                None => {
                    found.push(at(
                        IncompatibilityKind::ReaderFieldMissingDefaultValue,
                        field.name.clone(),
                        location,
                    ));
                }
            }
            location.pop();
        }
        location.pop();
        Ok(found)
    }

    /// The writer's field of the same name, or of one of the reader's aliases.
    fn find_writer_field<'f>(
        &self,
        position: usize,
        field: &Field,
        writer: NodeId,
        writer_fields: &HashMap<&str, &'f Field>,
    ) -> Result<Option<&'f Field>, String> {
        let names = std::iter::once(&field.name).chain(&field.aliases);
        let mut matches = names.filter_map(|name| writer_fields.get(name.as_str()).copied());
        let first = matches.next();
        if matches.next().is_none() {
            return Ok(first);
        }
        Err(format!(
            "Reader record field {} type:{} pos:{position} matches multiple fields in writer record schema {}",
            field.name,
            self.reader.kind(field.node).type_constant(),
            self.writer.text_of(writer)
        ))
    }
}

/// Whether a value of one primitive type can be read as another.
fn is_promotable(from: Primitive, to: Primitive) -> bool {
    use Primitive::{Bytes, Double, Float, Int, Long, String};
    from == to
        || matches!(
            (from, to),
            (Int, Long | Float | Double)
                | (Long, Float | Double)
                | (Float, Double)
                | (String, Bytes)
                | (Bytes, String)
        )
}

fn is_named_alike(reader: &Named, writer: &Named) -> bool {
    reader.name.name == writer.name.name || reader.full_aliases().contains(&writer.name.full())
}

fn check_names(reader: &Named, writer: &Named, location: &mut Vec<String>) -> Vec<Incompatibility> {
    if is_named_alike(reader, writer) {
        return Vec::new();
    }
    let message = format!("expected: {}", writer.name.full());
    vec![incompatibility(IncompatibilityKind::NameMismatch, message, location, "name")]
}

fn incompatibility(
    kind: IncompatibilityKind,
    message: String,
    location: &mut Vec<String>,
    token: &str,
) -> Incompatibility {
    location.push(token.to_owned());
    let found = at(kind, message, location);
    location.pop();
    found
}

/// The first token stands for the whole schema.
fn at(kind: IncompatibilityKind, message: String, location: &[String]) -> Incompatibility {
    let tokens = location.iter().skip(1).map(|token| token.replace('~', "~0").replace('/', "~1"));
    let location = format!("/{}", tokens.collect::<Vec<_>>().join("/"));
    Incompatibility { kind, location, message }
}
