//! Confluent's own options (`confluent.field_meta` and its like) of descriptors. Other custom options of a descriptor cannot be
//! named without the file that defines them, and are left out, as by Confluent's registry.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use protox::Compiler;
use protox::prost_reflect::{DescriptorPool, DynamicMessage, MapKey, Value};

use super::compile::Files;
use super::model::{Enum, File, Message, OptionEntry, OptionValue, TypeDef};

/// The file that defines them.
const PATH: &str = "confluent/meta.proto";

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut compiler = Compiler::with_file_resolver(Files::default());
    compiler.include_imports(true).open_file(PATH).expect("a bundled file is valid");
    compiler.descriptor_pool()
});

/// Adds them to the model of a `FileDescriptorProto` in bytes.
pub(super) fn add(file: &mut File, bytes: &[u8]) {
    let kind = POOL.get_message_by_name("google.protobuf.FileDescriptorProto");
    let kind = kind.expect("the file imports descriptor.proto");
    // The bytes were read as this before.
    let Ok(descriptor) = DynamicMessage::decode(kind, bytes) else { return };
    file.options.extend(meta(&descriptor, "file_meta"));
    add_to_types(&mut file.types, &descriptor, "message_type");
}

/// `messages` names the list of messages in the descriptor.
fn add_to_types(types: &mut [TypeDef], descriptor: &DynamicMessage, messages: &str) {
    let (mut messages, mut enums) = (list(descriptor, messages), list(descriptor, "enum_type"));
    // Both lists have the order of the model.
    for definition in types {
        match definition {
            TypeDef::Message(message) if !messages.is_empty() => add_to_message(message, &messages.remove(0)),
            TypeDef::Enum(definition) if !enums.is_empty() => add_to_enum(definition, &enums.remove(0)),
            TypeDef::Message(_) | TypeDef::Enum(_) => {}
        }
    }
}

fn add_to_message(message: &mut Message, descriptor: &DynamicMessage) {
    message.options.extend(meta(descriptor, "message_meta"));
    let fields = list(descriptor, "field");
    let mut metas: BTreeMap<i32, OptionEntry> =
        fields.iter().filter_map(|field| Some((number(field)?, meta(field, "field_meta")?))).collect();
    let members = message.oneofs.iter_mut().flat_map(|oneof| &mut oneof.fields);
    for field in message.fields.iter_mut().chain(members) {
        field.options.extend(metas.remove(&field.tag));
    }
    add_to_types(&mut message.types, descriptor, "nested_type");
}

fn add_to_enum(definition: &mut Enum, descriptor: &DynamicMessage) {
    definition.options.extend(meta(descriptor, "enum_meta"));
    for (constant, value) in definition.constants.iter_mut().zip(list(descriptor, "value")) {
        constant.options.extend(meta(&value, "enum_value_meta"));
    }
}

fn list(message: &DynamicMessage, field: &str) -> Vec<DynamicMessage> {
    let value = message.get_field_by_name(field);
    let values = value.as_deref().and_then(Value::as_list).unwrap_or_default();
    values.iter().filter_map(Value::as_message).cloned().collect()
}

fn number(field: &DynamicMessage) -> Option<i32> {
    field.get_field_by_name("number").as_deref().and_then(Value::as_i32)
}

/// The option of what has `options`, as Confluent's registry writes it: only what is set.
fn meta(owner: &DynamicMessage, name: &str) -> Option<OptionEntry> {
    let name = format!("confluent.{name}");
    let extension = POOL.get_extension_by_name(&name)?;
    let options = owner.get_field_by_name("options")?;
    let options = options.as_message().filter(|options| options.has_extension(&extension))?;
    let meta = options.get_extension(&extension);
    let meta = meta.as_message()?;
    let mut entries: Vec<(String, OptionValue)> = texts(meta, &["doc"]);
    let lists = [("params", params(meta)), ("tags", tags(meta)), ("rules", rules(meta))];
    let lists = lists.into_iter().filter(|(_, values)| !values.is_empty());
    entries.extend(lists.map(|(name, values)| (name.to_owned(), OptionValue::List(values))));
    (!entries.is_empty()).then_some(OptionEntry { name, is_custom: true, value: OptionValue::Map(entries) })
}

/// The fields that have a text, in this order.
fn texts(message: &DynamicMessage, names: &[&str]) -> Vec<(String, OptionValue)> {
    let text = |name: &&str| {
        let value = message.get_field_by_name(name)?;
        let text = value.as_str().filter(|text| !text.is_empty())?;
        Some(((*name).to_owned(), OptionValue::Text(text.to_owned())))
    };
    names.iter().filter_map(text).collect()
}

/// Keys and values, sorted. The two of decimals have their value first.
fn params(meta: &DynamicMessage) -> Vec<OptionValue> {
    let value = meta.get_field_by_name("params");
    let entries = value.as_deref().and_then(Value::as_map).into_iter().flatten();
    let texts = entries.filter_map(|(key, value)| match key {
        MapKey::String(key) => Some((key.clone(), value.as_str()?.to_owned())),
        _ => None,
    });
    let sorted: BTreeMap<String, String> = texts.collect();
    let entry = |(key, value): (String, String)| {
        let is_decimal = ["precision", "scale"].contains(&key.as_str());
        let mut entry =
            vec![("key".to_owned(), OptionValue::Text(key)), ("value".to_owned(), OptionValue::Text(value))];
        if is_decimal {
            entry.reverse();
        }
        OptionValue::Map(entry)
    };
    sorted.into_iter().map(entry).collect()
}

fn tags(meta: &DynamicMessage) -> Vec<OptionValue> {
    let value = meta.get_field_by_name("tags");
    let values = value.as_deref().and_then(Value::as_list).unwrap_or_default();
    values.iter().filter_map(Value::as_str).map(|tag| OptionValue::Text(tag.to_owned())).collect()
}

fn rules(meta: &DynamicMessage) -> Vec<OptionValue> {
    let rules = list(meta, "rules");
    let rules = rules.iter().map(|rule| texts(rule, &["name", "doc", "expr", "sql"]));
    rules.filter(|rule| !rule.is_empty()).map(OptionValue::Map).collect()
}
