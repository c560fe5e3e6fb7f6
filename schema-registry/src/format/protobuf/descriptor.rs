//! From a compiled file (`FileDescriptorProto`), as some clients send it in Base64, to the model. The order is Confluent's;
//! names are full ones with a dot, and maps are messages with entries, as in the descriptor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_types::field_descriptor_proto::{Label as ProtoLabel, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileOptions,
    MethodDescriptorProto, ServiceDescriptorProto, field_options, file_options, method_options,
};
use protox::prost::Message as _;

use super::meta;
use super::model::{
    Constant, Enum, Extend, Extensions, Field, File, Label, Message, Method, OneOf, OptionEntry, OptionValue,
    ProtobufError, Reserved, Service, Syntax, TypeDef,
};

/// Reads a descriptor in Base64; nothing where the text is none.
pub(super) fn decode(text: &str) -> Option<Result<File, ProtobufError>> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    let file = FileDescriptorProto::decode(bytes.as_slice()).ok()?;
    let problem = if file.syntax() == "editions" {
        "editions are not supported, only proto2 and proto3"
    } else if file.message_type.iter().any(has_groups) || file.extension.iter().any(is_group) {
        "groups are not supported in descriptors"
    } else {
        let mut model = to_file(&file);
        meta::add(&mut model, &bytes);
        return Some(Ok(model));
    };
    Some(Err(ProtobufError::Descriptor(problem.to_owned())))
}

fn has_groups(message: &DescriptorProto) -> bool {
    message.field.iter().chain(&message.extension).any(is_group) || message.nested_type.iter().any(has_groups)
}

fn is_group(field: &FieldDescriptorProto) -> bool {
    field.r#type() == Type::Group
}

pub(super) fn to_file(file: &FileDescriptorProto) -> File {
    let syntax = match file.syntax() {
        "proto2" => Some(Syntax::Proto2),
        "proto3" => Some(Syntax::Proto3),
        _ => None,
    };
    let is_proto3 = syntax == Some(Syntax::Proto3);
    let is_listed = |list: &[i32], at: usize| list.iter().any(|listed| usize::try_from(*listed) == Ok(at));
    let mut model = File {
        syntax,
        package: Some(file.package().to_owned()).filter(|package| !package.is_empty()),
        options: file.options.as_ref().map(file_options).unwrap_or_default(),
        extends: extends(&file.extension, is_proto3),
        services: file.service.iter().map(service).collect(),
        ..File::default()
    };
    for (at, import) in file.dependency.iter().enumerate() {
        let imports = if is_listed(&file.public_dependency, at) {
            &mut model.public_imports
        } else if is_listed(&file.weak_dependency, at) {
            &mut model.weak_imports
        } else {
            &mut model.imports
        };
        imports.push(import.clone());
    }
    let messages = file.message_type.iter().map(|found| TypeDef::Message(message(found, is_proto3)));
    let enums = file.enum_type.iter().map(|found| TypeDef::Enum(enumeration(found)));
    model.types = messages.chain(enums).collect();
    model
}

fn flag(name: &str, value: Option<bool>) -> Option<OptionEntry> {
    value.map(|value| OptionEntry::new(name, OptionValue::Word(value.to_string())))
}

fn text(name: &str, value: Option<&String>) -> Option<OptionEntry> {
    value.map(|value| OptionEntry::new(name, OptionValue::Text(value.clone())))
}

fn word(name: &str, value: Option<&str>) -> Option<OptionEntry> {
    value.map(|value| OptionEntry::new(name, OptionValue::Word(value.to_owned())))
}

#[expect(deprecated, reason = "files that have the option keep it")]
fn file_options(options: &FileOptions) -> Vec<OptionEntry> {
    let optimize_for = options.optimize_for.map(|_| options.optimize_for());
    let found = [
        text("java_package", options.java_package.as_ref()),
        text("java_outer_classname", options.java_outer_classname.as_ref()),
        flag("java_multiple_files", options.java_multiple_files),
        flag("java_generate_equals_and_hash", options.java_generate_equals_and_hash),
        flag("java_string_check_utf8", options.java_string_check_utf8),
        word("optimize_for", optimize_for.as_ref().map(file_options::OptimizeMode::as_str_name)),
        text("go_package", options.go_package.as_ref()),
        flag("cc_generic_services", options.cc_generic_services),
        flag("java_generic_services", options.java_generic_services),
        flag("py_generic_services", options.py_generic_services),
        flag("deprecated", options.deprecated),
        flag("cc_enable_arenas", options.cc_enable_arenas),
        text("objc_class_prefix", options.objc_class_prefix.as_ref()),
        text("csharp_namespace", options.csharp_namespace.as_ref()),
        text("swift_prefix", options.swift_prefix.as_ref()),
        text("php_class_prefix", options.php_class_prefix.as_ref()),
        text("php_namespace", options.php_namespace.as_ref()),
        text("php_metadata_namespace", options.php_metadata_namespace.as_ref()),
        text("ruby_package", options.ruby_package.as_ref()),
    ];
    found.into_iter().flatten().collect()
}

fn extends(fields: &[FieldDescriptorProto], is_proto3: bool) -> Vec<Extend> {
    let mut found: Vec<Extend> = Vec::new();
    for descriptor in fields {
        let field = field(descriptor, false, is_proto3);
        match found.iter_mut().find(|extend| extend.name == descriptor.extendee()) {
            Some(extend) => extend.fields.push(field),
            None => found.push(Extend { name: descriptor.extendee().to_owned(), fields: vec![field] }),
        }
    }
    found
}

fn message(descriptor: &DescriptorProto, is_proto3: bool) -> Message {
    let oneof = |name: &str| OneOf { name: name.to_owned(), ..OneOf::default() };
    let mut oneofs: Vec<OneOf> =
        descriptor.oneof_decl.iter().map(|declared| oneof(declared.name())).collect();
    let mut fields = Vec::new();
    for found in &descriptor.field {
        let index = found.oneof_index.filter(|_| !found.proto3_optional());
        let index = index.and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| oneofs.get_mut(index)) {
            Some(oneof) => oneof.fields.push(field(found, true, is_proto3)),
            None => fields.push(field(found, false, is_proto3)),
        }
    }
    oneofs.retain(|oneof| !oneof.fields.is_empty());
    let messages = descriptor.nested_type.iter().map(|found| TypeDef::Message(message(found, is_proto3)));
    let enums = descriptor.enum_type.iter().map(|found| TypeDef::Enum(enumeration(found)));
    let ranges =
        descriptor.reserved_range.iter().map(|found| range(found.start(), found.end().saturating_sub(1)));
    let names = descriptor.reserved_name.iter().map(|name| Reserved::Name(name.clone()));
    let extensions = descriptor.extension_range.iter().map(|found| Extensions {
        ranges: vec![range(found.start(), found.end().saturating_sub(1))],
        options: Vec::new(),
    });
    let options = descriptor.options.as_ref().map(|options| {
        let found = [
            flag("no_standard_descriptor_accessor", options.no_standard_descriptor_accessor),
            flag("deprecated", options.deprecated),
            flag("map_entry", options.map_entry),
        ];
        found.into_iter().flatten().collect()
    });
    Message {
        name: descriptor.name().to_owned(),
        options: options.unwrap_or_default(),
        reserved: ranges.chain(names).map(|reserved| vec![reserved]).collect(),
        fields,
        oneofs,
        groups: Vec::new(),
        extensions: extensions.collect(),
        extends: extends(&descriptor.extension, is_proto3),
        types: messages.chain(enums).collect(),
    }
}

/// Both ends are included.
fn range(first: i32, last: i32) -> Reserved {
    if first == last { Reserved::Number(first) } else { Reserved::Range(first, last) }
}

fn enumeration(descriptor: &EnumDescriptorProto) -> Enum {
    let ranges = descriptor.reserved_range.iter().map(|found| range(found.start(), found.end()));
    let names = descriptor.reserved_name.iter().map(|name| Reserved::Name(name.clone()));
    let options = descriptor.options.as_ref().map(|options| {
        let found = [flag("allow_alias", options.allow_alias), flag("deprecated", options.deprecated)];
        found.into_iter().flatten().collect()
    });
    let constants = descriptor.value.iter().map(|value| Constant {
        name: value.name().to_owned(),
        tag: value.number(),
        options: value
            .options
            .as_ref()
            .and_then(|options| flag("deprecated", options.deprecated))
            .into_iter()
            .collect(),
    });
    Enum {
        name: descriptor.name().to_owned(),
        options: options.unwrap_or_default(),
        reserved: ranges.chain(names).map(|reserved| vec![reserved]).collect(),
        constants: constants.collect(),
    }
}

fn service(descriptor: &ServiceDescriptorProto) -> Service {
    let options = descriptor.options.as_ref().and_then(|options| flag("deprecated", options.deprecated));
    Service {
        name: descriptor.name().to_owned(),
        options: options.into_iter().collect(),
        methods: descriptor.method.iter().map(method).collect(),
    }
}

fn method(descriptor: &MethodDescriptorProto) -> Method {
    let options = descriptor.options.as_ref().map(|options| {
        let level = options.idempotency_level.map(|_| options.idempotency_level());
        let level = level.as_ref().map(method_options::IdempotencyLevel::as_str_name);
        [flag("deprecated", options.deprecated), word("idempotency_level", level)]
    });
    Method {
        name: descriptor.name().to_owned(),
        request: descriptor.input_type().to_owned(),
        response: descriptor.output_type().to_owned(),
        streams_request: descriptor.client_streaming(),
        streams_response: descriptor.server_streaming(),
        options: options.into_iter().flatten().flatten().collect(),
    }
}

fn field(descriptor: &FieldDescriptorProto, is_in_oneof: bool, is_proto3: bool) -> Field {
    let label = match descriptor.label() {
        _ if is_in_oneof => None,
        _ if descriptor.proto3_optional() => Some(Label::Optional),
        ProtoLabel::Repeated => Some(Label::Repeated),
        ProtoLabel::Optional | ProtoLabel::Required if is_proto3 => None,
        ProtoLabel::Optional => Some(Label::Optional),
        ProtoLabel::Required => Some(Label::Required),
    };
    let options = descriptor.options.as_ref().map(|options| {
        let ctype = options.ctype.map(|_| options.ctype());
        let jstype = options.jstype.map(|_| options.jstype());
        [
            word("ctype", ctype.as_ref().map(field_options::CType::as_str_name)),
            flag("packed", options.packed),
            word("jstype", jstype.as_ref().map(field_options::JsType::as_str_name)),
            flag("deprecated", options.deprecated),
        ]
    });
    Field {
        label,
        field_type: match &descriptor.type_name {
            Some(name) => name.clone(),
            None => scalar_name(descriptor.r#type()),
        },
        name: descriptor.name().to_owned(),
        tag: descriptor.number(),
        options: options.into_iter().flatten().flatten().collect(),
        default: descriptor.default_value.clone().filter(|_| !is_proto3),
        json_name: descriptor.json_name.clone(),
    }
}

/// `TYPE_SFIXED32` is `sfixed32`.
fn scalar_name(scalar: Type) -> String {
    scalar.as_str_name().trim_start_matches("TYPE_").to_ascii_lowercase()
}
