//! The schema tables: what a line means, and the parsed form.

use anyhow::{Context, Result, bail, ensure};

/// A range of versions, inclusive. The empty range has `first > last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) first: i16,
    pub(crate) last: i16,
}

impl Versions {
    pub(crate) const NONE: Self = Self { first: 1, last: 0 };

    fn parse(text: &str) -> Result<Self> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        if let Some(first) = text.strip_suffix('+') {
            return Ok(Self { first: first.parse()?, last: i16::MAX });
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Ok(Self { first: first.parse()?, last: last.parse()? })
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        let both = Self { first: self.first.max(other.first), last: self.last.min(other.last) };
        if both.is_empty() { Self::NONE } else { both }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.first > self.last
    }

    pub(crate) fn contains(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    Uuid,
    String,
    /// `bytes` and `records`.
    Bytes,
    Struct(String),
    Array(Box<Type>),
}

impl Type {
    fn parse(text: &str) -> Self {
        if let Some(element) = text.strip_prefix("[]") {
            return Self::Array(Box::new(Self::parse(element)));
        }
        match text {
            "bool" => Self::Bool,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "uint16" => Self::Uint16,
            "int32" => Self::Int32,
            "uint32" => Self::Uint32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "uuid" => Self::Uuid,
            "string" => Self::String,
            "bytes" | "records" => Self::Bytes,
            name => Self::Struct(name.to_owned()),
        }
    }

    /// The structure that this type is or has as elements.
    fn structure(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.structure(),
            _ => None,
        }
    }

    /// The size in bytes of types that always have the same.
    pub(crate) fn fixed_size(&self) -> Option<usize> {
        match self {
            Self::Bool | Self::Int8 => Some(1),
            Self::Int16 | Self::Uint16 => Some(2),
            Self::Int32 | Self::Uint32 => Some(4),
            Self::Int64 | Self::Float64 => Some(8),
            Self::Uuid => Some(16),
            Self::String | Self::Bytes | Self::Struct(_) | Self::Array(_) => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// The type as the table has it, for documentation.
    pub(crate) type_text: String,
    pub(crate) kind: Type,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    pub(crate) tag: Option<(u32, Versions)>,
    pub(crate) default: Option<String>,
    pub(crate) ignorable: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

/// One message with its structures; the first one is the message itself.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) key: Option<i16>,
    pub(crate) versions: Versions,
    pub(crate) flexible: Versions,
    /// The listeners that take a request: `broker`, `controller`.
    pub(crate) listeners: Vec<String>,
    pub(crate) structs: Vec<Struct>,
}

impl Message {
    pub(crate) fn structure(&self, name: &str) -> Result<&Struct> {
        let found = self.structs.iter().find(|structure| structure.name == name);
        found.with_context(|| format!("{} has no structure {name}", self.name))
    }
}

/// Parses a table.
pub(crate) fn parse(table: &str) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    // The names of the structures that the levels of indentation belong to.
    let mut levels: Vec<String> = Vec::new();
    for (number, line) in table.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        parse_line(line, &mut messages, &mut levels)
            .with_context(|| format!("line {}: {line}", number + 1))?;
    }
    messages.iter().try_for_each(check)?;
    Ok(messages)
}

fn parse_line(line: &str, messages: &mut Vec<Message>, levels: &mut Vec<String>) -> Result<()> {
    let text = line.trim_start_matches(' ');
    let depth = (line.len() - text.len()) / 2;
    ensure!((line.len() - text.len()).is_multiple_of(2), "odd indentation");
    if depth == 0 {
        let message = parse_message(text)?;
        *levels = vec![message.name.clone()];
        messages.push(message);
        return Ok(());
    }
    ensure!(depth <= levels.len(), "indented under a field that has no structure");
    let message = messages.last_mut().context("a field before the first message")?;
    if let Some(name) = text.strip_prefix("struct ") {
        message.structs.push(Struct { name: name.to_owned(), fields: Vec::new() });
        levels.truncate(depth);
        levels.push(name.to_owned());
        return Ok(());
    }
    levels.truncate(depth);
    let owner = levels.last().context("no structure at this level")?.clone();
    let field = parse_field(text)?;
    if let Some(name) = field.kind.structure() {
        levels.push(name.to_owned());
    }
    match message.structs.iter_mut().find(|structure| structure.name == owner) {
        Some(structure) => structure.fields.push(field),
        None => message.structs.push(Struct { name: owner, fields: vec![field] }),
    }
    Ok(())
}

fn parse_message(text: &str) -> Result<Message> {
    let mut words = text.split(' ');
    ensure!(words.next() == Some("message"), "expected `message`");
    let name = words.next().context("no name")?.to_owned();
    let (mut key, mut versions, mut flexible, mut listeners) = (None, None, None, Vec::new());
    for word in words {
        match word.split_once('=').context("expected KEY=VALUE")? {
            ("key", value) => key = Some(value.parse()?),
            ("versions", value) => versions = Some(Versions::parse(value)?),
            ("flexible", value) => flexible = Some(Versions::parse(value)?),
            ("on", value) => listeners = value.split(',').map(str::to_owned).collect(),
            (other, _) => bail!("unknown property {other}"),
        }
    }
    let structs = vec![Struct { name: name.clone(), fields: Vec::new() }];
    let versions = versions.context("no versions")?;
    Ok(Message {
        name,
        key,
        versions,
        flexible: flexible.context("no flexible versions")?,
        listeners,
        structs,
    })
}

fn parse_field(text: &str) -> Result<Field> {
    let mut words = text.split(' ');
    let name = words.next().context("no name")?.to_owned();
    let type_text = words.next().context("no type")?.to_owned();
    let versions = Versions::parse(words.next().context("no versions")?)?;
    let kind = Type::parse(&type_text);
    let nullable = Versions::NONE;
    let mut field =
        Field { name, type_text, kind, versions, nullable, tag: None, default: None, ignorable: false };
    for word in words {
        match word.split_once('=') {
            Some(("nullable", value)) => field.nullable = Versions::parse(value)?,
            Some(("default", value)) => field.default = Some(value.to_owned()),
            Some(("tag", value)) => {
                let (tag, versions) = value.split_once(':').context("expected tag=TAG:RANGE")?;
                field.tag = Some((tag.parse()?, Versions::parse(versions)?));
            }
            None if word == "ignorable" => field.ignorable = true,
            _ => bail!("unknown property {word}"),
        }
    }
    Ok(field)
}

/// Checks that every structure exists and that tags are only where versions are flexible.
fn check(message: &Message) -> Result<()> {
    for structure in &message.structs {
        for field in &structure.fields {
            if let Some(name) = field.kind.structure() {
                message.structure(name)?;
            }
            if let Some((_, tagged)) = field.tag {
                let first = tagged.intersect(message.versions).first;
                let flexible = message.flexible.contains(first);
                ensure!(
                    flexible,
                    "{}.{}: tagged in versions that are not flexible",
                    message.name,
                    field.name
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_parsed_with_its_structures() {
        let table = "# comment\nmessage Foo key=3 versions=0-2 flexible=1+\n  Id int32 0+ default=-1\n  \
                     Rows []Row 0+ nullable=1+\n    Name string 0\n  Extra uuid 1+ tag=0:1+ ignorable\n";
        let messages = parse(table).unwrap();
        assert_eq!(messages.len(), 1);
        let message = &messages[0];
        assert_eq!((message.key, message.versions), (Some(3), Versions { first: 0, last: 2 }));
        let names: Vec<_> = message.structs[0].fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["Id", "Rows", "Extra"]);
        assert_eq!(message.structure("Row").unwrap().fields[0].versions, Versions { first: 0, last: 0 });
        assert_eq!(message.structs[0].fields[2].tag, Some((0, Versions { first: 1, last: i16::MAX })));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (table, line) in [
            ("message Foo versions=0 flexible=none\n  Id int32", "line 2"),
            ("message Foo versions=0 flexible=none\n  Id int32 0+ odd", "line 2"),
            ("  Id int32 0+", "line 1"),
            ("message Foo versions=0 flexible=none\n  Id int32 0+\n    Deeper int32 0+", "line 3"),
        ] {
            let error = format!("{:#}", parse(table).unwrap_err());
            assert!(error.contains(line), "{error}");
        }
        assert!(parse("message Foo versions=0 flexible=none\n  Rows []Row 0+").is_err());
    }
}
