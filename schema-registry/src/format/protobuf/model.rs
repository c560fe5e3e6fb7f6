//! The model of a `.proto` file: what its text says, in its order, without comments. Names are as they are written.

use thiserror::Error;

/// Why a text is not a Protobuf schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtobufError {
    /// The text is not in the language, or breaks one of its rules.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A name is used that nothing defines.
    #[error("the type {0:?} is not defined")]
    Undefined(String),
    /// A file is imported that no reference brings, and that is none of the well-known ones.
    #[error("the import {0:?} is neither a reference nor a well-known file")]
    Import(String),
    /// A descriptor (in Base64) cannot be taken.
    #[error("the file descriptor cannot be read: {0}")]
    Descriptor(String),
    /// The file breaks a rule of the language.
    #[error("{0}")]
    Rule(String),
}

/// The version of the language; a file that names none is in `proto2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Proto2,
    Proto3,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) syntax: Option<Syntax>,
    pub(super) package: Option<String>,
    pub(super) imports: Vec<String>,
    pub(super) public_imports: Vec<String>,
    pub(super) weak_imports: Vec<String>,
    pub(super) options: Vec<OptionEntry>,
    pub(super) types: Vec<TypeDef>,
    pub(super) extends: Vec<Extend>,
    pub(super) services: Vec<Service>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TypeDef {
    Message(Message),
    Enum(Enum),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) options: Vec<OptionEntry>,
    /// One list for each statement.
    pub(super) reserved: Vec<Vec<Reserved>>,
    /// Those outside of oneofs and groups.
    pub(super) fields: Vec<Field>,
    pub(super) oneofs: Vec<OneOf>,
    pub(super) groups: Vec<Group>,
    pub(super) extensions: Vec<Extensions>,
    pub(super) extends: Vec<Extend>,
    pub(super) types: Vec<TypeDef>,
}

/// The highest number of a field, which is written `max`.
pub(super) const TAG_MAX: i32 = 536_870_911;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reserved {
    Number(i32),
    /// Both ends are included.
    Range(i32, i32),
    Name(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) ranges: Vec<Reserved>,
    pub(super) options: Vec<OptionEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Optional,
    Required,
    Repeated,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) label: Option<Label>,
    /// As it is written; `map<key, value>` for maps.
    pub(super) field_type: String,
    pub(super) name: String,
    pub(super) tag: i32,
    /// Without `default` and `json_name`.
    pub(super) options: Vec<OptionEntry>,
    pub(super) default: Option<String>,
    pub(super) json_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OneOf {
    pub(super) name: String,
    pub(super) options: Vec<OptionEntry>,
    pub(super) fields: Vec<Field>,
    pub(super) groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) label: Option<Label>,
    pub(super) name: String,
    pub(super) tag: i32,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extend {
    /// The message that is extended.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Enum {
    pub(super) name: String,
    pub(super) options: Vec<OptionEntry>,
    pub(super) reserved: Vec<Vec<Reserved>>,
    pub(super) constants: Vec<Constant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) tag: i32,
    pub(super) options: Vec<OptionEntry>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) options: Vec<OptionEntry>,
    pub(super) methods: Vec<Method>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) request: String,
    pub(super) response: String,
    pub(super) streams_request: bool,
    pub(super) streams_response: bool,
    pub(super) options: Vec<OptionEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OptionEntry {
    pub(super) name: String,
    /// Whether the name stands in parentheses: it is that of an extension.
    pub(super) is_custom: bool,
    pub(super) value: OptionValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OptionValue {
    Text(String),
    /// `true`, `false`, or an enum's constant.
    Word(String),
    /// In the digits of the text.
    Number(String),
    /// One field of a message: `(option).field = value`.
    Nested(Box<OptionEntry>),
    Map(Vec<(String, OptionValue)>),
    List(Vec<OptionValue>),
}

/// The types that need no definition.
const SCALARS: [&str; 15] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
    "sfixed32", "sfixed64", "bool", "string", "bytes",
];

pub(super) fn is_scalar(field_type: &str) -> bool {
    SCALARS.contains(&field_type)
}

/// A number without a fraction: decimal, hexadecimal or octal.
pub(super) fn parse_whole_number(word: &str) -> Option<i128> {
    let (is_negative, digits) = word.strip_prefix('-').map_or((false, word), |digits| (true, digits));
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if is_negative { -number } else { number })
}

/// The types of a map's keys and values.
pub(super) fn map_types(field_type: &str) -> Option<(&str, &str)> {
    let (key, value) = field_type.strip_prefix("map<")?.strip_suffix('>')?.split_once(',')?;
    Some((key.trim(), value.trim()))
}

impl OptionEntry {
    pub(super) fn new(name: &str, value: OptionValue) -> Self {
        Self { name: name.to_owned(), is_custom: false, value }
    }
}

impl TypeDef {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Message(message) => &message.name,
            Self::Enum(definition) => &definition.name,
        }
    }

    pub(super) fn as_message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Enum(_) => None,
        }
    }

    /// The types that are defined in it.
    pub(super) fn nested(&self) -> &[TypeDef] {
        self.as_message().map_or(&[], |message| message.types.as_slice())
    }
}

impl Message {
    /// The types of key and value, where this is what a map's entries look like in a descriptor.
    pub(super) fn as_map_entry(&self) -> Option<(&str, &str)> {
        let is_entry = |option: &OptionEntry| {
            !option.is_custom
                && option.name == "map_entry"
                && option.value == OptionValue::Word("true".to_owned())
        };
        if !self.options.iter().any(is_entry) {
            return None;
        }
        let of = |name: &str| self.fields.iter().find(|field| field.name == name);
        Some((of("key")?.field_type.as_str(), of("value")?.field_type.as_str()))
    }

    /// All fields, with the oneof that each is in.
    pub(super) fn all_fields(&self) -> impl Iterator<Item = (&Field, Option<&OneOf>)> {
        let inner =
            self.oneofs.iter().flat_map(|oneof| oneof.fields.iter().map(move |field| (field, Some(oneof))));
        self.fields.iter().map(|field| (field, None)).chain(inner)
    }
}

impl Label {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Repeated => "repeated",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Optional, Self::Required, Self::Repeated].into_iter().find(|label| label.as_str() == word)
    }
}
