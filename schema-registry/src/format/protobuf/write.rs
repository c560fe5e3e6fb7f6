//! The canonical text of a file, as Confluent's registry prints it: messages before enums, two spaces for each level, blank
//! lines between groups of statements (within blocks with the level's spaces), no comments.

use super::model::{
    Constant, Enum, Extend, Extensions, Field, File, Group, Message, Method, OneOf, OptionEntry, OptionValue,
    Reserved, Service, Syntax, TAG_MAX, TypeDef,
};

/// Custom options of this package stay where extensions are left out.
const OWN_PREFIX: &str = "confluent";

impl File {
    /// The text by which the file is found again.
    pub(super) fn canonical_string(&self) -> String {
        Writer { out: String::new(), depth: 0, ignores_extensions: false }.file(self)
    }

    /// The same without custom options and extensions (`format=ignore_extensions`).
    pub(super) fn string_without_extensions(&self) -> String {
        Writer { out: String::new(), depth: 0, ignores_extensions: true }.file(self)
    }
}

struct Writer {
    out: String,
    depth: usize,
    ignores_extensions: bool,
}

/// The statements of a block in groups; a blank line comes between two groups.
struct Block {
    header: String,
    is_open: bool,
}

impl Writer {
    fn file(mut self, file: &File) -> String {
        if let Some(syntax) = file.syntax {
            let name = if syntax == Syntax::Proto2 { "proto2" } else { "proto3" };
            self.line(&format!("syntax = \"{name}\";"));
        }
        if let Some(package) = &file.package {
            self.line(&format!("package {package};"));
        }
        if !file.imports.is_empty() || !file.public_imports.is_empty() {
            self.line("");
        }
        for import in &file.imports {
            self.line(&format!("import \"{}\";", escape(import)));
        }
        for import in &file.public_imports {
            self.line(&format!("import public \"{}\";", escape(import)));
        }
        let options = self.kept(&file.options);
        if !options.is_empty() {
            self.line("");
            self.option_statements(&options);
        }
        if !file.types.is_empty() {
            self.line("");
            self.types(&file.types);
        }
        if !self.ignores_extensions && !file.extends.is_empty() {
            self.line("");
            file.extends.iter().for_each(|extend| self.extend(extend));
        }
        if !file.services.is_empty() {
            self.line("");
            file.services.iter().for_each(|service| self.service(service));
        }
        self.out
    }

    /// Writes lines at this level.
    fn line(&mut self, text: &str) {
        for line in text.split('\n') {
            self.out.extend(std::iter::repeat_n("  ", self.depth));
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    fn begin(header: String) -> Block {
        Block { header: format!("{header} {{"), is_open: false }
    }

    /// The next group of statements; nothing where there is none.
    fn group<T>(&mut self, block: &mut Block, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        if block.is_open {
            self.line("");
        } else {
            self.line(&block.header);
            self.depth += 1;
            block.is_open = true;
        }
        for item in items {
            write(self, item);
        }
    }

    fn end(&mut self, block: &Block) {
        if block.is_open {
            self.depth -= 1;
            self.line("}");
        } else {
            self.line(&format!("{}}}", block.header));
        }
    }

    fn kept<'a>(&self, options: &'a [OptionEntry]) -> Vec<&'a OptionEntry> {
        let is_kept = |option: &&OptionEntry| {
            !self.ignores_extensions || !option.is_custom || option.name.starts_with(OWN_PREFIX)
        };
        options.iter().filter(is_kept).collect()
    }

    fn option_statements(&mut self, options: &[&OptionEntry]) {
        for option in options {
            self.line(&format!("option {};", option_text(option)));
        }
    }

    fn options_group(&mut self, block: &mut Block, options: &[OptionEntry]) {
        let options = self.kept(options);
        self.group(block, &options, |writer, option| writer.option_statements(&[*option]));
    }

    fn types(&mut self, types: &[TypeDef]) {
        for definition in types {
            if let TypeDef::Message(message) = definition {
                self.message(message);
            }
        }
        for definition in types {
            if let TypeDef::Enum(definition) = definition {
                self.enumeration(definition);
            }
        }
    }

    fn message(&mut self, message: &Message) {
        let mut block = Self::begin(format!("message {}", message.name));
        self.group(&mut block, &message.reserved, |writer, reserved| writer.reserved(reserved));
        self.options_group(&mut block, &message.options);
        self.group(&mut block, &message.fields, Self::field);
        self.group(&mut block, &message.oneofs, Self::oneof);
        self.group(&mut block, &message.groups, Self::group_field);
        if !self.ignores_extensions {
            self.group(&mut block, &message.extensions, Self::extensions);
            self.group(&mut block, &message.extends, Self::extend);
        }
        // All types are one group, with messages first.
        let types: &[&[TypeDef]] = if message.types.is_empty() { &[] } else { &[&message.types] };
        self.group(&mut block, types, |writer, types| writer.types(types));
        self.end(&block);
    }

    fn reserved(&mut self, reserved: &[Reserved]) {
        self.line(&format!("reserved {};", ranges_text(reserved)));
    }

    fn extensions(&mut self, extensions: &Extensions) {
        let ranges = ranges_text(&extensions.ranges);
        let options = self.bracketed(&extensions.options);
        self.line(&format!("extensions {ranges}{options};"));
    }

    fn oneof(&mut self, oneof: &OneOf) {
        let mut block = Self::begin(format!("oneof {}", oneof.name));
        self.options_group(&mut block, &oneof.options);
        self.group(&mut block, &oneof.fields, Self::field);
        self.group(&mut block, &oneof.groups, Self::group_field);
        self.end(&block);
    }

    fn group_field(&mut self, group: &Group) {
        let label = group.label.map_or(String::new(), |label| format!("{} ", label.as_str()));
        let mut block = Self::begin(format!("{label}group {} = {}", group.name, group.tag));
        self.group(&mut block, &group.fields, Self::field);
        self.end(&block);
    }

    fn extend(&mut self, extend: &Extend) {
        let mut block = Self::begin(format!("extend {}", extend.name));
        self.group(&mut block, &extend.fields, Self::field);
        self.end(&block);
    }

    fn field(&mut self, field: &Field) {
        let label = field.label.map_or(String::new(), |label| format!("{} ", label.as_str()));
        let mut options: Vec<String> = self.kept(&field.options).into_iter().map(option_text).collect();
        if let Some(default) = &field.default {
            let is_text = matches!(field.field_type.as_str(), "string" | "bytes") || !is_word(default);
            let default = if is_text { format!("\"{}\"", escape(default)) } else { default.clone() };
            options.push(format!("default = {default}"));
        }
        options.extend(field.json_name.iter().map(|name| format!("json_name = \"{}\"", escape(name))));
        let options = bracketed(&options);
        self.line(&format!("{label}{} {} = {}{options};", field.field_type, field.name, field.tag));
    }

    fn bracketed(&self, options: &[OptionEntry]) -> String {
        bracketed(&self.kept(options).into_iter().map(option_text).collect::<Vec<_>>())
    }

    fn enumeration(&mut self, definition: &Enum) {
        let options = self.kept(&definition.options);
        let is_empty = definition.reserved.is_empty()
            && definition.options.is_empty()
            && definition.constants.is_empty();
        let mut block = Self::begin(format!("enum {}", definition.name));
        // All statements are one group.
        let once: &[()] = if is_empty { &[] } else { &[()] };
        self.group(&mut block, once, |writer, ()| {
            definition.reserved.iter().for_each(|reserved| writer.reserved(reserved));
            writer.option_statements(&options);
            definition.constants.iter().for_each(|constant| writer.constant(constant));
        });
        self.end(&block);
    }

    fn constant(&mut self, constant: &Constant) {
        let options = self.bracketed(&constant.options);
        self.line(&format!("{} = {}{options};", constant.name, constant.tag));
    }

    fn service(&mut self, service: &Service) {
        let mut block = Self::begin(format!("service {}", service.name));
        self.options_group(&mut block, &service.options);
        self.group(&mut block, &service.methods, Self::method);
        self.end(&block);
    }

    fn method(&mut self, method: &Method) {
        let stream = |streams| if streams { "stream " } else { "" };
        let head = format!(
            "rpc {} ({}{}) returns ({}{})",
            method.name,
            stream(method.streams_request),
            method.request,
            stream(method.streams_response),
            method.response
        );
        let options = self.kept(&method.options);
        if options.is_empty() {
            return self.line(&format!("{head};"));
        }
        self.line(&format!("{head} {{"));
        self.depth += 1;
        self.option_statements(&options);
        self.depth -= 1;
        self.line("};");
    }
}

fn ranges_text(ranges: &[Reserved]) -> String {
    let text = |range: &Reserved| match range {
        Reserved::Name(name) => format!("\"{}\"", escape(name)),
        Reserved::Number(number) => number.to_string(),
        Reserved::Range(first, last) if *last < TAG_MAX => format!("{first} to {last}"),
        Reserved::Range(first, _) => format!("{first} to max"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Nothing, or a space and the options in brackets.
fn bracketed(options: &[String]) -> String {
    if options.is_empty() { String::new() } else { format!(" {}", list_text(options)) }
}

/// One item in brackets, or several on lines of their own.
fn list_text(items: &[String]) -> String {
    match items {
        [item] => format!("[{item}]"),
        items => format!("[\n{}]", lines(items)),
    }
}

/// Items on lines of their own, one level deeper, with commas between them.
fn lines(items: &[String]) -> String {
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        let comma = if at + 1 < items.len() { "," } else { "" };
        for line in format!("{item}{comma}").split('\n') {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn option_text(option: &OptionEntry) -> String {
    let name = if option.is_custom { format!("({})", option.name) } else { option.name.clone() };
    match &option.value {
        OptionValue::Nested(inner) => format!("{name}.{}", option_text(inner)),
        OptionValue::List(values) => {
            format!("{name} = {}", list_text(&values.iter().map(value_text).collect::<Vec<_>>()))
        }
        value => format!("{name} = {}", value_text(value)),
    }
}

/// A value within another one.
fn value_text(value: &OptionValue) -> String {
    match value {
        OptionValue::Text(text) => format!("\"{}\"", escape(text)),
        OptionValue::Word(word) | OptionValue::Number(word) => word.clone(),
        OptionValue::Nested(option) => option_text(option),
        OptionValue::Map(entries) => {
            let entry = |(name, value): &(String, OptionValue)| format!("{name}: {}", value_text(value));
            format!("{{\n{}}}", lines(&entries.iter().map(entry).collect::<Vec<_>>()))
        }
        OptionValue::List(values) => {
            format!("[\n{}]", lines(&values.iter().map(value_text).collect::<Vec<_>>()))
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.'))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\u{7}' => escaped.push_str("\\a"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{b}' => escaped.push_str("\\v"),
            '\\' | '\'' | '"' => {
                escaped.push('\\');
                escaped.push(sign);
            }
            _ => escaped.push(sign),
        }
    }
    escaped
}
