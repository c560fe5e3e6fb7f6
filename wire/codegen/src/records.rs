//! Structures with their decoders and encoders.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::names::snake;
use crate::schema::{Field, Message, Struct, Type, Versions};

/// The module of one message: its structures, decoders and encoders.
pub(crate) fn message_module(message: &Message) -> Result<String> {
    let mut code = String::new();
    writeln!(
        code,
        "/// [`{0}`] and its parts.\npub mod {1} {{\nuse crate::internal_records::generated::prelude::*;\n",
        message.name,
        snake(&message.name)
    )?;
    for structure in &message.structs {
        let mut emitter = Emitter { message, structure, code: &mut code };
        emitter.definition()?;
        emitter.default()?;
        emitter.implementation()?;
    }
    code.push_str("}\n\n");
    Ok(code)
}

struct Emitter<'a> {
    message: &'a Message,
    structure: &'a Struct,
    code: &'a mut String,
}

impl Emitter<'_> {
    fn is_message(&self) -> bool {
        self.structure.name == self.message.name
    }

    fn flexible_sometimes(&self) -> bool {
        !self.message.flexible.intersect(self.message.versions).is_empty()
    }

    fn definition(&mut self) -> Result<()> {
        let message = self.message;
        if self.is_message() {
            let (first, last) = (message.versions.first, message.versions.last);
            writeln!(self.code, "/// Kafka's `{}`, versions {first} to {last}.", message.name)?;
        } else {
            writeln!(self.code, "/// A part of [`{}`].", message.name)?;
        }
        writeln!(self.code, "#[derive(Debug, Clone, PartialEq)]\npub struct {} {{", self.structure.name)?;
        for field in &self.structure.fields {
            writeln!(self.code, "/// {}", description(field, message.versions))?;
            writeln!(self.code, "pub {}: {},", snake(&field.name), field_type(field))?;
        }
        if self.flexible_sometimes() {
            self.code.push_str("/// Tagged fields that this version of the schema does not know, written as they were read.\n");
            self.code.push_str("pub unknown_tagged_fields: UnknownTaggedFields,\n");
        }
        self.code.push_str("}\n\n");
        Ok(())
    }

    fn default(&mut self) -> Result<()> {
        writeln!(self.code, "impl Default for {} {{\nfn default() -> Self {{\nSelf {{", self.structure.name)?;
        for field in &self.structure.fields {
            writeln!(self.code, "{}: {},", snake(&field.name), default_value(field, self.message.versions)?)?;
        }
        if self.flexible_sometimes() {
            self.code.push_str("unknown_tagged_fields: UnknownTaggedFields::new(),\n");
        }
        self.code.push_str("}\n}\n}\n\n");
        Ok(())
    }

    fn implementation(&mut self) -> Result<()> {
        writeln!(self.code, "impl {} {{", self.structure.name)?;
        if self.is_message() {
            self.public_functions()?;
        }
        self.read()?;
        self.write()?;
        self.code.push_str("}\n\n");
        Ok(())
    }

    fn public_functions(&mut self) -> Result<()> {
        let message = self.message;
        if let Some(key) = message.key {
            writeln!(
                self.code,
                "/// The number that stands for this type in Kafka's files.\npub const KEY: i16 = {key};\n"
            )?;
        }
        writeln!(
            self.code,
            "/// The schema's name in Kafka.\npub const NAME: &str = \"{}\";\n\n\
             /// The versions of the schema, from the first to the last.\n\
             pub const VERSIONS: RangeInclusive<i16> = {}..={};\n\n\
             /// Reads a body of `version` and leaves what follows it in `buf`.\n///\n/// # Errors\n///\n\
             /// For a version outside [`Self::VERSIONS`] and for bytes that are none of this version's.\n\
             pub fn decode(version: i16, buf: &mut Bytes) -> Result<Self, DecodeError> {{\n\
             decode_with(Self::NAME, &Self::VERSIONS, version, buf, Self::read)\n}}\n\n\
             /// Appends the body in `version`.\n///\n/// # Errors\n///\n\
             /// For a version outside [`Self::VERSIONS`] and for values that this version cannot hold.\n\
             pub fn encode(&self, version: i16, buf: &mut BytesMut) -> Result<(), EncodeError> {{\n\
             encode_with(Self::NAME, &Self::VERSIONS, version, buf, |writer| self.write(writer, version))\n}}\n",
            message.name, message.versions.first, message.versions.last
        )?;
        Ok(())
    }

    fn path(&self, field: &Field) -> String {
        format!("\"{}.{}\"", self.structure.name, field.name)
    }

    fn flexible(&self) -> String {
        condition(self.message.flexible, self.message.versions)
    }

    fn read(&mut self) -> Result<()> {
        self.code.push_str(
            "pub(crate) fn read(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {\n\
             let mut value = Self::default();\n",
        );
        for field in &self.structure.fields {
            let plain = Self::plain_versions(field);
            if plain.is_empty() {
                continue;
            }
            let assign = format!("value.{} = {};", snake(&field.name), self.read_field(field)?);
            match condition(plain, self.message.versions).as_str() {
                "true" => writeln!(self.code, "{assign}")?,
                condition => writeln!(self.code, "if {condition} {{ {assign} }}")?,
            }
        }
        self.read_tagged()?;
        self.code.push_str("Ok(value)\n}\n\n");
        Ok(())
    }

    fn read_tagged(&mut self) -> Result<()> {
        if !self.flexible_sometimes() {
            return Ok(());
        }
        let flexible = self.flexible();
        let mut arms = String::new();
        for field in &self.structure.fields {
            let Some((tag, versions)) = field.tag else { continue };
            let guard = match condition(versions, self.message.versions).as_str() {
                "true" => String::new(),
                condition => format!(" if {condition}"),
            };
            let read = self.read_field(field)?;
            writeln!(arms, "{tag}{guard} => value.{} = {read},", snake(&field.name))?;
            if !guard.is_empty() {
                writeln!(arms, "{tag} => return Err(reader.misplaced_tag({}, version)),", self.path(field))?;
            }
        }
        let body = if arms.is_empty() {
            "|_, _| Ok(false)".to_owned()
        } else {
            format!("|tag, reader| {{ match tag {{ {arms} _ => return Ok(false), }} Ok(true) }}")
        };
        let read = format!(
            "value.unknown_tagged_fields = reader.tagged_fields(\"{}\", {body})?;",
            self.structure.name
        );
        match flexible.as_str() {
            "true" => writeln!(self.code, "{read}")?,
            _ => writeln!(self.code, "if {flexible} {{ {read} }}")?,
        }
        Ok(())
    }

    fn read_field(&self, field: &Field) -> Result<String> {
        let path = self.path(field);
        let nullable = condition(field.nullable, self.message.versions.intersect(field.versions));
        if nullable == "false" {
            return self.read_value(&field.kind, &path);
        }
        let flexible = self.flexible();
        Ok(match &field.kind {
            Type::String => format!("reader.nullable_string({flexible}, {nullable}, {path})?"),
            Type::Bytes => format!("reader.nullable_bytes({flexible}, {nullable}, {path})?"),
            Type::Struct(name) => {
                let function = nullable_struct_function(field);
                format!("reader.{function}({nullable}, {path}, |reader| {name}::read(reader, version))?")
            }
            Type::Array(element) => format!(
                "reader.nullable_array({flexible}, {nullable}, {}, {path}, |reader| Ok({}))?",
                self.least_size(element)?,
                self.read_value(element, &path)?
            ),
            _ => bail!("{path}: a nullable number"),
        })
    }

    fn read_value(&self, kind: &Type, path: &str) -> Result<String> {
        let flexible = self.flexible();
        Ok(match kind {
            Type::String => format!("reader.string({flexible}, {path})?"),
            Type::Bytes => format!("reader.bytes({flexible}, {path})?"),
            Type::Struct(name) => format!("{name}::read(reader, version)?"),
            Type::Array(element) => format!(
                "reader.array({flexible}, {}, {path}, |reader| Ok({}))?",
                self.least_size(element)?,
                self.read_value(element, path)?
            ),
            number => format!("reader.{}({path})?", number_function(number)),
        })
    }

    /// The least number of bytes that one element takes in any version.
    fn least_size(&self, kind: &Type) -> Result<usize> {
        if let Some(size) = kind.fixed_size() {
            return Ok(size);
        }
        let always_flexible = self.flexible() == "true";
        Ok(match kind {
            Type::Struct(name) => {
                let mut sum = usize::from(always_flexible);
                for field in &self.message.structure(name)?.fields {
                    let plain = Self::plain_versions(field);
                    if condition(plain, self.message.versions) == "true" {
                        sum += if matches!(field.kind, Type::Struct(_)) {
                            1
                        } else {
                            self.least_size(&field.kind)?
                        };
                    }
                }
                sum.max(1)
            }
            _ if self.flexible_sometimes() => 1,
            Type::String => 2,
            _ => 4,
        })
    }

    /// The versions in which the field stands among the untagged ones.
    fn plain_versions(field: &Field) -> Versions {
        match field.tag {
            None => field.versions,
            Some((_, tagged)) if tagged.first <= field.versions.first => Versions::NONE,
            Some((_, tagged)) => Versions { first: field.versions.first, last: tagged.first - 1 },
        }
    }

    fn write(&mut self) -> Result<()> {
        self.code.push_str(
            "pub(crate) fn write(&self, writer: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {\n",
        );
        for field in &self.structure.fields {
            self.write_plain(field)?;
            let present = condition(field.versions, self.message.versions);
            if present != "true" && !field.ignorable {
                let (is_set, path) = (is_set(field, self.message.versions)?, self.path(field));
                writeln!(
                    self.code,
                    "if !({present}) && {is_set} {{ return Err(writer.not_in_version({path}, version)); }}"
                )?;
            }
        }
        self.write_tagged()?;
        self.code.push_str("Ok(())\n}\n");
        Ok(())
    }

    fn write_plain(&mut self, field: &Field) -> Result<()> {
        let plain = Self::plain_versions(field);
        if plain.is_empty() {
            return Ok(());
        }
        let write = self.write_field(field)?;
        match condition(plain, self.message.versions).as_str() {
            "true" => writeln!(self.code, "{write};")?,
            condition => writeln!(self.code, "if {condition} {{ {write}; }}")?,
        }
        Ok(())
    }

    fn write_tagged(&mut self) -> Result<()> {
        if !self.flexible_sometimes() {
            return Ok(());
        }
        let mut tagged: Vec<_> = self.structure.fields.iter().filter(|field| field.tag.is_some()).collect();
        tagged.sort_by_key(|field| field.tag.map(|(tag, _)| tag));
        let mut body = String::new();
        for field in tagged {
            let Some((tag, versions)) = field.tag else { continue };
            let (is_set, write) = (is_set(field, self.message.versions)?, self.write_field(field)?);
            let condition = match condition(versions, self.message.versions).as_str() {
                "true" => is_set,
                condition => format!("{condition} && {is_set}"),
            };
            writeln!(body, "if {condition} {{ tagged.add({tag}, |writer| {{ {write}; Ok(()) }})?; }}")?;
        }
        let mutable = if body.is_empty() { "" } else { "mut " };
        let body = format!(
            "let {mutable}tagged = TaggedFields::new(&self.unknown_tagged_fields);\n{body}tagged.write(writer)?;\n"
        );
        match self.flexible().as_str() {
            "true" => self.code.push_str(&body),
            flexible => writeln!(
                self.code,
                "if {flexible} {{ {body} }} else if !self.unknown_tagged_fields.is_empty() {{\n\
                 return Err(writer.not_in_version(\"{}.unknown tagged fields\", version));\n}}",
                self.structure.name
            )?,
        }
        Ok(())
    }

    fn write_field(&self, field: &Field) -> Result<String> {
        let path = self.path(field);
        let place = format!("self.{}", snake(&field.name));
        let nullable = condition(field.nullable, self.message.versions.intersect(field.versions));
        if nullable == "false" {
            return self.write_value(&field.kind, &place, &path);
        }
        let flexible = self.flexible();
        Ok(match &field.kind {
            Type::String => {
                format!("writer.nullable_string({flexible}, {nullable}, {place}.as_deref(), {path})?")
            }
            Type::Bytes => {
                format!("writer.nullable_bytes({flexible}, {nullable}, {place}.as_deref(), {path})?")
            }
            Type::Struct(_) => format!(
                "writer.{}({nullable}, {place}.as_deref(), {path}, |writer, item| item.write(writer, version))?",
                nullable_struct_function(field)
            ),
            Type::Array(element) => format!(
                "writer.nullable_array({flexible}, {nullable}, {place}.as_deref(), {path}, |writer, item| {{ {}; Ok(()) }})?",
                self.write_value(element, "*item", &path)?
            ),
            _ => bail!("{path}: a nullable number"),
        })
    }

    fn write_value(&self, kind: &Type, place: &str, path: &str) -> Result<String> {
        let flexible = self.flexible();
        Ok(match kind {
            Type::String => format!("writer.string({flexible}, &{place}, {path})?"),
            Type::Bytes => format!("writer.bytes({flexible}, &{place}, {path})?"),
            Type::Struct(_) => format!("{}.write(writer, version)?", place.trim_start_matches('*')),
            Type::Array(element) => format!(
                "writer.array({flexible}, &{place}, {path}, |writer, item| {{ {}; Ok(()) }})?",
                self.write_value(element, "*item", path)?
            ),
            number => format!("writer.{}({place})", number_function(number)),
        })
    }
}

fn description(field: &Field, message: Versions) -> String {
    let range = |versions: Versions| {
        let both = versions.intersect(message);
        if both.first == both.last {
            format!("version {}", both.first)
        } else {
            format!("versions {} to {}", both.first, both.last)
        }
    };
    let mut text = format!("`{}` ({}), {}", field.name, field.type_text, range(field.versions));
    if let Some((tag, versions)) = field.tag {
        let _ = write!(text, ", tag {tag} in {}", range(versions));
    }
    text.push('.');
    text
}

fn number_function(kind: &Type) -> &'static str {
    match kind {
        Type::Bool => "bool",
        Type::Int8 => "int8",
        Type::Int16 => "int16",
        Type::Uint16 => "uint16",
        Type::Int32 => "int32",
        Type::Uint32 => "uint32",
        Type::Int64 => "int64",
        Type::Float64 => "float64",
        _ => "uuid",
    }
}

fn rust_type(kind: &Type) -> String {
    match kind {
        Type::Bool => "bool".to_owned(),
        Type::Int8 => "i8".to_owned(),
        Type::Int16 => "i16".to_owned(),
        Type::Uint16 => "u16".to_owned(),
        Type::Int32 => "i32".to_owned(),
        Type::Uint32 => "u32".to_owned(),
        Type::Int64 => "i64".to_owned(),
        Type::Float64 => "f64".to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::String => "String".to_owned(),
        Type::Bytes => "Bytes".to_owned(),
        Type::Struct(name) => name.clone(),
        Type::Array(element) => format!("Vec<{}>", rust_type(element)),
    }
}

/// Kafka marks a structure that is there, or is not, in another way where it is a tagged field.
fn nullable_struct_function(field: &Field) -> &'static str {
    if field.tag.is_some() { "nullable_tagged_struct" } else { "nullable_struct" }
}

fn field_type(field: &Field) -> String {
    match (&field.kind, field.nullable.is_empty()) {
        (kind, true) => rust_type(kind),
        // Boxed, since such structures are rare and large.
        (Type::Struct(name), false) => format!("Option<Box<{name}>>"),
        (kind, false) => format!("Option<{}>", rust_type(kind)),
    }
}

/// Whether a nullable field starts as `None`: where the schema says so, and also where it says nothing and null can be
/// written in every version (Kafka starts those with an empty value, which nobody means).
fn starts_null(field: &Field, message: Versions) -> bool {
    let everywhere = condition(field.nullable, field.versions.intersect(message)) == "true";
    !field.nullable.is_empty()
        && (field.default.as_deref() == Some("null")
            || (field.default.is_none() && field.tag.is_none() && everywhere))
}

fn default_value(field: &Field, message: Versions) -> Result<String> {
    if starts_null(field, message) {
        return Ok("None".to_owned());
    }
    let value = match (&field.kind, field.default.as_deref()) {
        (Type::Bool, default) => default.unwrap_or("false").to_owned(),
        (Type::Float64, default) => default.unwrap_or("0.0").to_owned(),
        (Type::Int32, Some("-2147483648")) => "i32::MIN".to_owned(),
        (kind, default) if number_function(kind) != "uuid" => default.unwrap_or("0").to_owned(),
        (Type::Uuid, None) => "Uuid::nil()".to_owned(),
        (Type::String, None) => "String::new()".to_owned(),
        (Type::Bytes, None) => "Bytes::new()".to_owned(),
        (Type::Array(_), None) => "Vec::new()".to_owned(),
        (Type::Struct(name), None) => format!("{name}::default()"),
        (_, Some(default)) => bail!("{}: default {default} is not understood", field.name),
        _ => bail!("{}: no default", field.name),
    };
    let nullable = !field.nullable.is_empty();
    Ok(match &field.kind {
        Type::Struct(_) if nullable => format!("Some(Box::new({value}))"),
        _ if nullable => format!("Some({value})"),
        _ => value,
    })
}

/// An expression that tells whether the field differs from its default.
fn is_set(field: &Field, message: Versions) -> Result<String> {
    let place = format!("self.{}", snake(&field.name));
    if starts_null(field, message) {
        return Ok(format!("{place}.is_some()"));
    }
    let nullable = !field.nullable.is_empty();
    Ok(match &field.kind {
        Type::Array(_) | Type::String | Type::Bytes if nullable => {
            format!("{place}.as_ref().is_none_or(|value| !value.is_empty())")
        }
        Type::Array(_) | Type::String | Type::Bytes => format!("!{place}.is_empty()"),
        Type::Uuid => format!("!{place}.is_nil()"),
        Type::Bool if field.default.as_deref() == Some("true") => format!("!{place}"),
        Type::Bool => place,
        _ => format!("{place} != {}", default_value(field, message)?),
    })
}

/// The condition on `version` under which it is among `versions`, when it is known to be among `all`.
pub(crate) fn condition(versions: Versions, all: Versions) -> String {
    let both = versions.intersect(all);
    match (both.is_empty(), both.first <= all.first, both.last >= all.last) {
        (true, _, _) => "false".to_owned(),
        (_, true, true) => "true".to_owned(),
        (_, true, false) => format!("version <= {}", both.last),
        (_, false, true) => format!("version >= {}", both.first),
        (_, false, false) => format!("({}..={}).contains(&version)", both.first, both.last),
    }
}
