//! The form of `normalize=true`: names in full, fields, ranges and options in order, maps as maps.

use super::model::{
    Constant, Enum, Extend, Extensions, Field, File, Group, Message, OneOf, OptionEntry, OptionValue,
    Reserved, Service, Syntax, TypeDef, is_scalar, map_types,
};
use super::options::OptionNormalizer;
use super::scope::{Scope, join};

/// The normalized form. Names that nothing defines stay as they are written.
pub(super) fn normalize(file: &File, scope: &Scope<'_>) -> File {
    let normalizer = Normalizer { scope, has_open_enums: file.syntax == Some(Syntax::Proto3) };
    let package = file.package.as_deref().unwrap_or_default();
    let sorted = |imports: &[String]| {
        let mut imports = imports.to_vec();
        imports.sort();
        imports.dedup();
        imports
    };
    File {
        syntax: file.syntax.filter(|syntax| *syntax == Syntax::Proto3),
        package: file.package.clone(),
        imports: sorted(&file.imports),
        public_imports: sorted(&file.public_imports),
        weak_imports: file.weak_imports.clone(),
        options: normalizer.options(&file.options, package),
        types: normalizer.types(&file.types, package),
        extends: normalizer.extends(&file.extends, package),
        services: file.services.iter().map(|service| normalizer.service(service, package)).collect(),
    }
}

struct Normalizer<'a> {
    scope: &'a Scope<'a>,
    /// Whether an enum must begin with its zero, as in proto3.
    has_open_enums: bool,
}

impl Normalizer<'_> {
    fn options(&self, options: &[OptionEntry], place: &str) -> Vec<OptionEntry> {
        OptionNormalizer { scope: self.scope, place }.normalize(options)
    }

    fn name(&self, name: &str, place: &str) -> String {
        self.scope.resolve(name, place).map_or_else(|| name.to_owned(), |full| format!(".{full}"))
    }

    fn types(&self, types: &[TypeDef], place: &str) -> Vec<TypeDef> {
        let normalized = types.iter().filter_map(|definition| match definition {
            TypeDef::Message(message) if message.as_map_entry().is_some() => None,
            TypeDef::Message(message) => Some(TypeDef::Message(self.message(message, place))),
            TypeDef::Enum(definition) => Some(TypeDef::Enum(self.enumeration(definition, place))),
        });
        normalized.collect()
    }

    fn message(&self, message: &Message, outer: &str) -> Message {
        let place = &join(outer, &message.name);
        let mut groups: Vec<Group> = message.groups.iter().map(|group| self.group(group, place)).collect();
        groups.sort_by_key(|group| group.tag);
        let oneofs = message.oneofs.iter().filter(|oneof| !oneof.fields.is_empty());
        let mut oneofs: Vec<OneOf> = oneofs.map(|oneof| self.oneof(oneof, place)).collect();
        oneofs.sort_by_key(|oneof| oneof.fields.first().map(|field| field.tag));
        let extensions = message.extensions.iter().flat_map(|extensions| {
            let options = self.options(&extensions.options, place);
            extensions
                .ranges
                .iter()
                .map(move |range| Extensions { ranges: vec![single(range)], options: options.clone() })
        });
        let mut extensions: Vec<Extensions> = extensions.collect();
        extensions.sort_by_key(|extensions| extensions.ranges.first().map(start));
        Message {
            name: message.name.clone(),
            options: self.options(&message.options, place),
            reserved: reserved(&message.reserved),
            fields: self.fields(&message.fields, place),
            oneofs,
            groups,
            extensions,
            extends: self.extends(&message.extends, place),
            types: self.types(&message.types, place),
        }
    }

    fn oneof(&self, oneof: &OneOf, place: &str) -> OneOf {
        let mut groups: Vec<Group> = oneof.groups.iter().map(|group| self.group(group, place)).collect();
        groups.sort_by_key(|group| group.tag);
        OneOf {
            name: oneof.name.clone(),
            options: self.options(&oneof.options, place),
            fields: self.fields(&oneof.fields, place),
            groups,
        }
    }

    fn group(&self, group: &Group, place: &str) -> Group {
        Group { fields: self.fields(&group.fields, place), ..group.clone() }
    }

    /// One block for each message that is extended.
    fn extends(&self, extends: &[Extend], place: &str) -> Vec<Extend> {
        let mut found: Vec<Extend> = Vec::new();
        for extend in extends {
            let name = self.name(&extend.name, place);
            let fields = extend.fields.iter().cloned();
            match found.iter_mut().find(|known| known.name == name) {
                Some(known) => known.fields.extend(fields),
                None => found.push(Extend { name, fields: fields.collect() }),
            }
        }
        for extend in &mut found {
            extend.fields = self.fields(&extend.fields, place);
        }
        found
    }

    fn fields(&self, fields: &[Field], place: &str) -> Vec<Field> {
        let mut fields: Vec<Field> = fields.iter().map(|field| self.field(field, place)).collect();
        fields.sort_by_key(|field| field.tag);
        fields
    }

    fn field(&self, field: &Field, place: &str) -> Field {
        let (field_type, is_map) = self.field_type(&field.field_type, place);
        // The two special options take their places among the others.
        let mut options = field.options.clone();
        options.extend(field.default.as_ref().map(|default| {
            let value = match field_type.as_str() {
                "string" | "bytes" => OptionValue::Text(default.clone()),
                scalar if is_scalar(scalar) && scalar != "bool" => OptionValue::Number(default.clone()),
                _ => OptionValue::Word(default.clone()),
            };
            OptionEntry::new("default", value)
        }));
        options.extend(
            field.json_name.iter().map(|name| OptionEntry::new("json_name", OptionValue::Text(name.clone()))),
        );
        Field {
            label: field.label.filter(|_| !is_map),
            field_type,
            name: field.name.clone(),
            tag: field.tag,
            options: self.options(&options, place),
            default: None,
            json_name: None,
        }
    }

    /// The type in full, and whether it is a map.
    fn field_type(&self, written: &str, place: &str) -> (String, bool) {
        let entry = self.scope.find_message(written, place).and_then(Message::as_map_entry);
        match map_types(written).or(entry) {
            Some((key, value)) if is_scalar(value) => (format!("map<{key}, {value}>"), true),
            Some((key, value)) => (format!("map<{key}, {}>", self.name(value, place)), true),
            None if is_scalar(written) => (written.to_owned(), false),
            None => (self.name(written, place), false),
        }
    }

    fn enumeration(&self, definition: &Enum, place: &str) -> Enum {
        let place = &join(place, &definition.name);
        let constants = definition.constants.iter().map(|constant| Constant {
            name: constant.name.clone(),
            tag: constant.tag,
            options: self.options(&constant.options, place),
        });
        let mut constants: Vec<Constant> = constants.collect();
        constants.sort_by(|a, b| (a.tag, &a.name).cmp(&(b.tag, &b.name)));
        if self.has_open_enums {
            constants.sort_by_key(|constant| constant.tag != 0);
        }
        Enum {
            name: definition.name.clone(),
            options: self.options(&definition.options, place),
            reserved: reserved(&definition.reserved),
            constants,
        }
    }

    fn service(&self, service: &Service, place: &str) -> Service {
        let mut normalized = service.clone();
        normalized.options = self.options(&service.options, place);
        for method in &mut normalized.methods {
            method.request = self.name(&method.request, place);
            method.response = self.name(&method.response, place);
            method.options = self.options(&method.options, place);
        }
        normalized
    }
}

/// One statement for each range and name, in order.
fn reserved(statements: &[Vec<Reserved>]) -> Vec<Vec<Reserved>> {
    let mut all: Vec<Reserved> = statements.iter().flatten().map(single).collect();
    all.sort_by(|a, b| start(a).cmp(&start(b)).then_with(|| a.cmp(b)));
    all.into_iter().map(|reserved| vec![reserved]).collect()
}

/// A range of one number is that number.
fn single(range: &Reserved) -> Reserved {
    match range {
        Reserved::Range(first, last) if first == last => Reserved::Number(*first),
        other => other.clone(),
    }
}

/// Names come after numbers.
fn start(reserved: &Reserved) -> i32 {
    match reserved {
        Reserved::Number(number) | Reserved::Range(number, _) => *number,
        Reserved::Name(_) => i32::MAX,
    }
}

impl File {
    /// The same with maps in the place of messages that stand for their entries; nothing else changes.
    pub(super) fn with_maps(&self) -> File {
        let scope = Scope::of(self, []);
        let mut file = self.clone();
        fold_maps(&mut file.types, self.package.as_deref().unwrap_or_default(), &scope);
        file
    }
}

fn fold_maps(types: &mut Vec<TypeDef>, place: &str, scope: &Scope<'_>) {
    types.retain(|definition| definition.as_message().is_none_or(|message| message.as_map_entry().is_none()));
    for definition in types {
        let TypeDef::Message(message) = definition else { continue };
        let place = join(place, &message.name);
        for field in &mut message.fields {
            let entry = scope.find_message(&field.field_type, &place).and_then(Message::as_map_entry);
            if let Some((key, value)) = entry {
                field.field_type = format!("map<{key}, {value}>");
                field.label = None;
            }
        }
        fold_maps(&mut message.types, &place, scope);
    }
}
