//! The text of a file, out of its descriptor.

use std::fmt::Write as _;

use prost_reflect::{
    DynamicMessage, EnumDescriptor, ExtensionDescriptor, FileDescriptor, Kind, MessageDescriptor,
    ServiceDescriptor,
};
use prost_types::FieldDescriptorProto;
use prost_types::field_descriptor_proto::{Label, Type};

use super::options::{entries, quoted};
use crate::Error;

/// The greatest number of a field, which texts call `max`.
const NUMBER_MAX: i32 = (1 << 29) - 1;

/// The text of a file in the language of Protobuf, with names in full. It defines what the descriptor defines, comments aside.
///
/// # Errors
/// Where the file has groups, or is of an edition: registries take neither.
pub fn schema_text(file: &FileDescriptor) -> Result<String, Error> {
    let proto = file.file_descriptor_proto();
    let is_proto3 = match proto.syntax() {
        "proto3" => true,
        "" | "proto2" => false,
        other => {
            return Err(Error::schema(
                file.name(),
                format!("{other} are not supported, only proto2 and proto3"),
            ));
        }
    };
    let mut text = Text { out: String::new(), indent: 0, is_proto3 };
    text.line(&format!("syntax = \"{}\";", if is_proto3 { "proto3" } else { "proto2" }));
    if !proto.package().is_empty() {
        text.line(&format!("package {};", proto.package()));
    }
    for (at, path) in proto.dependency.iter().enumerate() {
        let is_in = |list: &[i32]| list.iter().any(|index| usize::try_from(*index) == Ok(at));
        let kind = if is_in(&proto.public_dependency) { "public " } else { "" };
        text.line(&format!("import {kind}{};", quoted(path.as_bytes())));
    }
    text.options(&file.options());
    for message in file.messages() {
        text.message(&message)?;
    }
    for found in file.enums() {
        text.enumeration(&found);
    }
    text.extensions(file.extensions())?;
    for service in file.services() {
        text.service(&service);
    }
    Ok(text.out)
}

struct Text {
    out: String,
    indent: usize,
    is_proto3: bool,
}

impl Text {
    fn line(&mut self, line: &str) {
        let indent = 2 * self.indent;
        let _ = writeln!(self.out, "{:indent$}{line}", "");
    }

    fn block<R>(&mut self, head: &str, body: impl FnOnce(&mut Self) -> R) -> R {
        self.line(&format!("{head} {{"));
        self.indent += 1;
        let result = body(self);
        self.indent -= 1;
        self.line("}");
        result
    }

    fn options(&mut self, options: &DynamicMessage) {
        for entry in entries(options) {
            self.line(&format!("option {entry};"));
        }
    }

    fn message(&mut self, message: &MessageDescriptor) -> Result<(), Error> {
        self.block(&format!("message {}", message.name()), |text| {
            text.options(&message.options());
            text.reserved(message);
            for field in message.fields().filter(|field| real_oneof(field.field_descriptor_proto()).is_none())
            {
                let (proto, options) = (field.field_descriptor_proto(), entries(&field.options()));
                text.field(
                    proto,
                    &field_type(&field.kind(), field.is_map(), proto)?,
                    options,
                    field.is_map(),
                );
            }
            for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
                text.block(&format!("oneof {}", oneof.name()), |text| {
                    text.options(&oneof.options());
                    for field in oneof.fields() {
                        let (proto, options) = (field.field_descriptor_proto(), entries(&field.options()));
                        // It has no label.
                        text.field(proto, &field_type(&field.kind(), false, proto)?, options, true);
                    }
                    Ok::<_, Error>(())
                })?;
            }
            for child in message.child_messages().filter(|child| !child.is_map_entry()) {
                text.message(&child)?;
            }
            for child in message.child_enums() {
                text.enumeration(&child);
            }
            text.extensions(message.child_extensions())
        })
    }

    fn reserved(&mut self, message: &MessageDescriptor) {
        let proto = message.descriptor_proto();
        for range in &proto.reserved_range {
            self.line(&format!("reserved {};", range_text(range.start(), range.end() - 1, NUMBER_MAX)));
        }
        for name in &proto.reserved_name {
            self.line(&format!("reserved {};", quoted(name.as_bytes())));
        }
        for range in &proto.extension_range {
            self.line(&format!("extensions {};", range_text(range.start(), range.end() - 1, NUMBER_MAX)));
        }
    }

    fn field(&mut self, proto: &FieldDescriptorProto, type_name: &str, options: Vec<String>, is_bare: bool) {
        let label = match proto.label() {
            _ if is_bare => "",
            Label::Repeated => "repeated ",
            Label::Required => "required ",
            Label::Optional if self.is_proto3 && !proto.proto3_optional() => "",
            Label::Optional => "optional ",
        };
        let mut all = Vec::new();
        if proto.default_value.is_some() {
            let value = proto.default_value();
            all.push(match proto.r#type() {
                Type::String => format!("default = {}", quoted(value.as_bytes())),
                // A descriptor has them with escapes.
                Type::Bytes => format!("default = \"{value}\""),
                _ => format!("default = {value}"),
            });
        }
        if proto.json_name.as_deref().is_some_and(|name| name != json_name(proto.name())) {
            all.push(format!("json_name = {}", quoted(proto.json_name().as_bytes())));
        }
        all.extend(options);
        let options = if all.is_empty() { String::new() } else { format!(" [{}]", all.join(", ")) };
        self.line(&format!("{label}{type_name} {} = {}{options};", proto.name(), proto.number()));
    }

    fn enumeration(&mut self, found: &EnumDescriptor) {
        self.block(&format!("enum {}", found.name()), |text| {
            text.options(&found.options());
            let proto = found.enum_descriptor_proto();
            for range in &proto.reserved_range {
                text.line(&format!("reserved {};", range_text(range.start(), range.end(), i32::MAX)));
            }
            for name in &proto.reserved_name {
                text.line(&format!("reserved {};", quoted(name.as_bytes())));
            }
            // In the order of the file: the first one of proto2 is the default.
            for value in &proto.value {
                let options = found.get_value_by_name(value.name()).map(|value| entries(&value.options()));
                let options = options.unwrap_or_default();
                let options =
                    if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) };
                text.line(&format!("{} = {}{options};", value.name(), value.number()));
            }
        });
    }

    fn extensions(&mut self, extensions: impl Iterator<Item = ExtensionDescriptor>) -> Result<(), Error> {
        for extension in extensions {
            let proto = extension.field_descriptor_proto();
            let type_name = field_type(&extension.kind(), false, proto)?;
            self.block(&format!("extend {}", proto.extendee()), |text| {
                text.field(proto, &type_name, entries(&extension.options()), false);
            });
        }
        Ok(())
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.block(&format!("service {}", service.name()), |text| {
            text.options(&service.options());
            for method in service.methods() {
                let stream = |is_stream: bool| if is_stream { "stream " } else { "" };
                let head = format!(
                    "rpc {} ({}.{}) returns ({}.{})",
                    method.name(),
                    stream(method.is_client_streaming()),
                    method.input().full_name(),
                    stream(method.is_server_streaming()),
                    method.output().full_name()
                );
                let options = method.options();
                if entries(&options).is_empty() {
                    text.line(&format!("{head};"));
                } else {
                    text.block(&head, |text| text.options(&options));
                }
            }
        });
    }
}

/// The oneof that a field is in, unless the compiler made it for `optional`.
fn real_oneof(proto: &FieldDescriptorProto) -> Option<i32> {
    proto.oneof_index.filter(|_| !proto.proto3_optional())
}

fn field_type(kind: &Kind, is_map: bool, proto: &FieldDescriptorProto) -> Result<String, Error> {
    if proto.r#type() == Type::Group {
        return Err(Error::schema(proto.name(), "groups are not supported"));
    }
    Ok(match kind {
        Kind::Message(entry) if is_map => {
            let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            format!("map<{}, {}>", name_of(&key), name_of(&value))
        }
        kind => name_of(kind),
    })
}

fn name_of(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => format!(".{}", message.full_name()),
        Kind::Enum(found) => format!(".{}", found.full_name()),
        Kind::Double => "double".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Int32 => "int32".to_owned(),
        Kind::Int64 => "int64".to_owned(),
        Kind::Uint32 => "uint32".to_owned(),
        Kind::Uint64 => "uint64".to_owned(),
        Kind::Sint32 => "sint32".to_owned(),
        Kind::Sint64 => "sint64".to_owned(),
        Kind::Fixed32 => "fixed32".to_owned(),
        Kind::Fixed64 => "fixed64".to_owned(),
        Kind::Sfixed32 => "sfixed32".to_owned(),
        Kind::Sfixed64 => "sfixed64".to_owned(),
        Kind::Bool => "bool".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Bytes => "bytes".to_owned(),
    }
}

/// `first to last`, both included.
fn range_text(first: i32, last: i32, max: i32) -> String {
    match last {
        last if last == first => first.to_string(),
        last if last == max => format!("{first} to max"),
        last => format!("{first} to {last}"),
    }
}

/// What a field is called in JSON unless told: without underscores, with the letters behind them in upper case.
fn json_name(name: &str) -> String {
    let mut out = String::new();
    let mut is_next_upper = false;
    for character in name.chars() {
        match character {
            '_' => is_next_upper = true,
            character if std::mem::take(&mut is_next_upper) => out.push(character.to_ascii_uppercase()),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::compile::compile;
    use crate::registry::{Schema, SchemaType};

    fn file(text: &str) -> FileDescriptor {
        compile("test", &Schema::new(SchemaType::Protobuf, text), &[]).unwrap()
    }

    const PROTO3: &str = r#"syntax = "proto3";
package rides.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/descriptor.proto";
option java_package = "org.\"rides\"\n";
message Trip {
  option deprecated = true;
  reserved 5;
  reserved 8 to 10;
  reserved 1000 to max;
  reserved "old";
  string zone_name = 1 [json_name = "zone"];
  optional int32 seats = 2;
  repeated .rides.v1.Trip.Stop stops = 3 [deprecated = true];
  map<string, .rides.v1.City> cities = 4;
  .google.protobuf.Timestamp at = 6;
  repeated int64 ids = 7 [packed = false, (rides.v1.rule) = { name: "n" codes: [1, 2] inner: { name: "é" } }, (rides.v1.tags) = "a", (rides.v1.tags) = "b"];
  oneof pay {
    double cash = 11;
    string card = 12;
  }
  message Stop {
    bytes place = 1;
    message Deep {
    }
  }
  enum Kind {
    NONE = 0;
    MINUS = -1;
  }
}
message Rule {
  string name = 1;
  repeated int32 codes = 2;
  .rides.v1.Rule inner = 3;
}
enum City {
  option allow_alias = true;
  reserved 7;
  reserved 100 to max;
  reserved "X";
  UNKNOWN = 0;
  BERLIN = 1 [deprecated = true];
  B = 1;
}
extend .google.protobuf.FieldOptions {
  optional .rides.v1.Rule rule = 50000;
}
extend .google.protobuf.FieldOptions {
  repeated string tags = 50001;
}
service Rides {
  rpc Find (stream .rides.v1.Trip) returns (.rides.v1.Trip);
  rpc List (.rides.v1.Trip) returns (stream .rides.v1.Trip) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
"#;

    const PROTO2: &str = r#"syntax = "proto2";
message A {
  extensions 100 to 199;
  extensions 300;
  required string a = 1 [default = "x\"\n"];
  optional int32 b = 2 [default = -1];
  optional .E c = 3 [default = SECOND];
  optional double d = 4 [default = inf];
  optional bytes e = 5 [default = "\001\377x"];
  optional bool f = 6 [default = true];
  extend .A {
    optional string more = 100;
  }
}
enum E {
  SECOND = 2;
  FIRST = 1;
}
"#;

    #[test]
    fn a_text_becomes_itself() {
        for text in [PROTO3, PROTO2] {
            // Proto3 extends options only with `optional` spelled out or not; the compiler keeps which.
            let written = schema_text(&file(text)).unwrap();
            let again = schema_text(&file(&written)).unwrap();
            assert_eq!(again, written);
            let (one, other) = (file(text), file(&written));
            assert_eq!(one.file_descriptor_proto(), other.file_descriptor_proto(), "{written}");
            assert_eq!(written, text);
        }
    }

    #[test]
    fn groups_are_refused() {
        let error =
            schema_text(&file("message A { optional group G = 1 { optional int32 a = 2; } }")).unwrap_err();
        assert!(error.to_string().contains("groups are not supported"), "{error}");
    }
}
