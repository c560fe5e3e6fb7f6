//! From the text of a `.proto` file to the model (what Square's `ProtoParser` takes, on which Confluent's registry stands).

use super::model::{
    Constant, Enum, Extend, Extensions, Field, File, Group, Label, Message, Method, OneOf, OptionEntry,
    OptionValue, ProtobufError, Reserved, Service, Syntax, TypeDef,
};
use super::reader::Reader;

/// How deep messages may lie in each other.
const DEPTH_MAX: usize = 100;

/// Reads a file.
///
/// # Errors
/// Where the text is not in the language. Names are not looked up.
pub(super) fn parse(text: &str) -> Result<File, ProtobufError> {
    let mut parser = Parser { reader: Reader::new(text), depth: 0 };
    let mut file = File::default();
    while parser.reader.peek()?.is_some() {
        if !parser.reader.take(';')? {
            parser.file_statement(&mut file)?;
        }
    }
    Ok(file)
}

struct Parser<'a> {
    reader: Reader<'a>,
    depth: usize,
}

/// What stands in a message, a oneof or an `extend` as a field.
enum FieldLike {
    Field(Field),
    Group(Group),
}

impl Parser<'_> {
    fn file_statement(&mut self, file: &mut File) -> Result<(), ProtobufError> {
        let place = self.reader.place();
        match self.reader.word()? {
            "syntax" => file.syntax = Some(self.syntax()?),
            "package" => {
                file.package = Some(self.reader.word()?.to_owned());
                self.reader.expect(';')?;
            }
            "import" => self.import(file)?,
            "option" => file.options.push(self.option_statement()?),
            "message" => file.types.push(TypeDef::Message(self.message()?)),
            "enum" => file.types.push(TypeDef::Enum(self.enumeration()?)),
            "service" => file.services.push(self.service()?),
            "extend" => file.extends.push(self.extend()?),
            "edition" => {
                self.reader.go_back(place);
                return Err(self.reader.fail("editions are not supported, only proto2 and proto3"));
            }
            word => {
                let problem = format!("{word:?} begins no statement");
                self.reader.go_back(place);
                return Err(self.reader.fail(problem));
            }
        }
        Ok(())
    }

    fn syntax(&mut self) -> Result<Syntax, ProtobufError> {
        self.reader.expect('=')?;
        let name = self.reader.string()?;
        let syntax = match name.as_str() {
            "proto2" => Syntax::Proto2,
            "proto3" => Syntax::Proto3,
            _ => return Err(self.reader.fail(format!("the syntax {name:?} is neither proto2 nor proto3"))),
        };
        self.reader.expect(';')?;
        Ok(syntax)
    }

    fn import(&mut self, file: &mut File) -> Result<(), ProtobufError> {
        let imports = if self.reader.take_word("public")? {
            &mut file.public_imports
        } else if self.reader.take_word("weak")? {
            &mut file.weak_imports
        } else {
            &mut file.imports
        };
        imports.push(self.reader.string()?);
        self.reader.expect(';')
    }

    /// The statements of a block in braces, one after another.
    fn block(
        &mut self,
        mut statement: impl FnMut(&mut Self) -> Result<(), ProtobufError>,
    ) -> Result<(), ProtobufError> {
        self.reader.expect('{')?;
        if self.depth == DEPTH_MAX {
            return Err(self.reader.fail(format!("more than {DEPTH_MAX} blocks lie in each other")));
        }
        self.depth += 1;
        while !self.reader.take('}')? {
            if !self.reader.take(';')? {
                statement(self)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn message(&mut self) -> Result<Message, ProtobufError> {
        let mut message = Message { name: self.reader.word()?.to_owned(), ..Message::default() };
        self.block(|parser| {
            let place = parser.reader.place();
            match parser.reader.word()? {
                "message" => message.types.push(TypeDef::Message(parser.message()?)),
                "enum" => message.types.push(TypeDef::Enum(parser.enumeration()?)),
                "option" => message.options.push(parser.option_statement()?),
                "oneof" => message.oneofs.push(parser.oneof()?),
                "extend" => message.extends.push(parser.extend()?),
                "reserved" => message.reserved.push(parser.reserved()?),
                "extensions" => message.extensions.push(parser.extensions()?),
                _ => {
                    parser.reader.go_back(place);
                    match parser.field_like()? {
                        FieldLike::Field(field) => message.fields.push(field),
                        FieldLike::Group(group) => message.groups.push(group),
                    }
                }
            }
            Ok(())
        })?;
        Ok(message)
    }

    fn oneof(&mut self) -> Result<OneOf, ProtobufError> {
        let mut oneof = OneOf { name: self.reader.word()?.to_owned(), ..OneOf::default() };
        self.block(|parser| {
            if parser.reader.take_word("option")? {
                oneof.options.push(parser.option_statement()?);
                return Ok(());
            }
            match parser.field_like()? {
                FieldLike::Field(field) => oneof.fields.push(field),
                FieldLike::Group(group) => oneof.groups.push(group),
            }
            Ok(())
        })?;
        Ok(oneof)
    }

    fn extend(&mut self) -> Result<Extend, ProtobufError> {
        let mut extend = Extend { name: self.reader.word()?.to_owned(), ..Extend::default() };
        self.block(|parser| match parser.field_like()? {
            FieldLike::Field(field) => {
                extend.fields.push(field);
                Ok(())
            }
            FieldLike::Group(_) => Err(parser.reader.fail("groups in extensions are not supported")),
        })?;
        Ok(extend)
    }

    fn field_like(&mut self) -> Result<FieldLike, ProtobufError> {
        let mut word = self.reader.word()?.to_owned();
        let label = Label::from_word(&word);
        if label.is_some() {
            self.reader.word()?.clone_into(&mut word);
        }
        if word == "group" {
            return Ok(FieldLike::Group(self.group(label)?));
        }
        let field_type = if word == "map" && self.reader.take('<')? {
            let key = self.reader.word()?.to_owned();
            self.reader.expect(',')?;
            let value = self.reader.word()?;
            let map = format!("map<{key}, {value}>");
            self.reader.expect('>')?;
            map
        } else {
            word
        };
        let name = self.reader.word()?.to_owned();
        self.reader.expect('=')?;
        let tag = self.reader.number()?;
        let mut options = self.options()?;
        self.reader.expect(';')?;
        let default = take_special(&mut options, "default");
        let json_name = take_special(&mut options, "json_name");
        Ok(FieldLike::Field(Field { label, field_type, name, tag, options, default, json_name }))
    }

    fn group(&mut self, label: Option<Label>) -> Result<Group, ProtobufError> {
        let name = self.reader.word()?.to_owned();
        self.reader.expect('=')?;
        let mut group = Group { label, name, tag: self.reader.number()?, fields: Vec::new() };
        if !self.options()?.is_empty() {
            return Err(self.reader.fail("options of groups are not supported"));
        }
        self.block(|parser| match parser.field_like()? {
            FieldLike::Field(field) => {
                group.fields.push(field);
                Ok(())
            }
            FieldLike::Group(_) => Err(parser.reader.fail("groups in groups are not supported")),
        })?;
        Ok(group)
    }

    fn reserved(&mut self) -> Result<Vec<Reserved>, ProtobufError> {
        let mut found = Vec::new();
        loop {
            found.push(match self.reader.peek()? {
                Some('"' | '\'') => Reserved::Name(self.reader.string()?),
                _ => self.range()?,
            });
            if !self.reader.take(',')? {
                break;
            }
        }
        self.reader.expect(';')?;
        Ok(found)
    }

    fn range(&mut self) -> Result<Reserved, ProtobufError> {
        let first = self.reader.number()?;
        if !self.reader.take_word("to")? {
            return Ok(Reserved::Number(first));
        }
        Ok(Reserved::Range(first, self.reader.range_end()?))
    }

    fn extensions(&mut self) -> Result<Extensions, ProtobufError> {
        let mut ranges = vec![self.range()?];
        while self.reader.take(',')? {
            ranges.push(self.range()?);
        }
        let options = self.options()?;
        self.reader.expect(';')?;
        Ok(Extensions { ranges, options })
    }

    fn enumeration(&mut self) -> Result<Enum, ProtobufError> {
        let mut definition = Enum { name: self.reader.word()?.to_owned(), ..Enum::default() };
        self.block(|parser| {
            match parser.reader.word()? {
                "option" => definition.options.push(parser.option_statement()?),
                "reserved" => definition.reserved.push(parser.reserved()?),
                name => {
                    let name = name.to_owned();
                    parser.reader.expect('=')?;
                    let tag = parser.reader.number()?;
                    let options = parser.options()?;
                    parser.reader.expect(';')?;
                    definition.constants.push(Constant { name, tag, options });
                }
            }
            Ok(())
        })?;
        Ok(definition)
    }

    fn service(&mut self) -> Result<Service, ProtobufError> {
        let mut service = Service { name: self.reader.word()?.to_owned(), ..Service::default() };
        self.block(|parser| {
            match parser.reader.word()? {
                "option" => service.options.push(parser.option_statement()?),
                "rpc" => service.methods.push(parser.method()?),
                word => {
                    return Err(parser.reader.fail(format!("{word:?} begins no statement of a service")));
                }
            }
            Ok(())
        })?;
        Ok(service)
    }

    fn method(&mut self) -> Result<Method, ProtobufError> {
        let mut method = Method { name: self.reader.word()?.to_owned(), ..Method::default() };
        (method.streams_request, method.request) = self.method_type()?;
        if !self.reader.take_word("returns")? {
            return Err(self.reader.fail("expected \"returns\""));
        }
        (method.streams_response, method.response) = self.method_type()?;
        if self.reader.peek()? != Some('{') {
            self.reader.expect(';')?;
            return Ok(method);
        }
        self.block(|parser| {
            if !parser.reader.take_word("option")? {
                return Err(parser.reader.fail("expected an option of the method"));
            }
            method.options.push(parser.option_statement()?);
            Ok(())
        })?;
        Ok(method)
    }

    fn method_type(&mut self) -> Result<(bool, String), ProtobufError> {
        self.reader.expect('(')?;
        let first = self.reader.word()?.to_owned();
        let streams = first == "stream" && self.reader.peek()? != Some(')');
        let name = if streams { self.reader.word()?.to_owned() } else { first };
        self.reader.expect(')')?;
        Ok((streams, name))
    }

    /// What follows the word `option`.
    fn option_statement(&mut self) -> Result<OptionEntry, ProtobufError> {
        let option = self.option('=')?;
        self.reader.expect(';')?;
        Ok(option)
    }

    /// Options in brackets, if there are any.
    fn options(&mut self) -> Result<Vec<OptionEntry>, ProtobufError> {
        let mut options = Vec::new();
        if !self.reader.take('[')? {
            return Ok(options);
        }
        loop {
            options.push(self.option('=')?);
            if self.reader.take(']')? {
                return Ok(options);
            }
            self.reader.expect(',')?;
        }
    }

    fn option(&mut self, separator: char) -> Result<OptionEntry, ProtobufError> {
        let (name, is_custom) = self.reader.option_name()?;
        let mut below = Vec::new();
        while is_custom && separator == '=' && self.reader.peek()? == Some('.') {
            let path = self.reader.word()?;
            below.extend(path.split('.').filter(|part| !part.is_empty()).map(str::to_owned));
            if path.ends_with('.') && self.reader.peek()? == Some('(') {
                let (name, _) = self.reader.option_name()?;
                below.push(format!("({name})"));
            }
        }
        // In the text format, a message needs no separator.
        let is_bare = separator == ':' && matches!(self.reader.peek()?, Some('{' | '<'));
        if !is_bare {
            self.reader.expect(separator)?;
        }
        let value = self.option_value()?;
        let value = below.into_iter().rev().fold(value, |value, name| {
            OptionValue::Nested(Box::new(OptionEntry { name, is_custom: false, value }))
        });
        Ok(OptionEntry { name, is_custom, value })
    }

    fn option_value(&mut self) -> Result<OptionValue, ProtobufError> {
        match self.reader.peek()? {
            Some('{') => self.option_map('{', '}'),
            Some('<') => self.option_map('<', '>'),
            Some('[') => self.option_list(),
            Some('"' | '\'') => Ok(OptionValue::Text(self.reader.string()?)),
            Some(sign) if sign.is_ascii_digit() || sign == '-' || sign == '.' => {
                Ok(OptionValue::Number(self.reader.word()?.to_owned()))
            }
            _ => Ok(OptionValue::Word(self.reader.word()?.to_owned())),
        }
    }

    fn deeper<T>(
        &mut self,
        look: impl FnOnce(&mut Self) -> Result<T, ProtobufError>,
    ) -> Result<T, ProtobufError> {
        if self.depth == DEPTH_MAX {
            return Err(self.reader.fail(format!("more than {DEPTH_MAX} values lie in each other")));
        }
        self.depth += 1;
        let found = look(self)?;
        self.depth -= 1;
        Ok(found)
    }

    fn option_map(&mut self, open: char, close: char) -> Result<OptionValue, ProtobufError> {
        self.reader.expect(open)?;
        let mut entries = Vec::new();
        while !self.reader.take(close)? {
            let entry = self.deeper(|parser| parser.option(':'))?;
            add_entry(&mut entries, entry.name, entry.value);
            if !self.reader.take(',')? {
                self.reader.take(';')?;
            }
        }
        Ok(OptionValue::Map(entries))
    }

    fn option_list(&mut self) -> Result<OptionValue, ProtobufError> {
        self.reader.expect('[')?;
        let mut values = Vec::new();
        while !self.reader.take(']')? {
            values.push(self.deeper(Self::option_value)?);
            if self.reader.peek()? != Some(']') {
                self.reader.expect(',')?;
            }
        }
        Ok(OptionValue::List(values))
    }
}

/// A field that is there already becomes a list.
fn add_entry(entries: &mut Vec<(String, OptionValue)>, name: String, value: OptionValue) {
    let Some((_, known)) = entries.iter_mut().find(|(known, _)| *known == name) else {
        entries.push((name, value));
        return;
    };
    let added = match value {
        OptionValue::List(values) => values,
        value => vec![value],
    };
    if !matches!(known, OptionValue::List(_)) {
        let first = std::mem::replace(known, OptionValue::List(Vec::new()));
        *known = OptionValue::List(vec![first]);
    }
    if let OptionValue::List(values) = known {
        values.extend(added);
    }
}

/// Takes a built-in option with a simple value out.
fn take_special(options: &mut Vec<OptionEntry>, name: &str) -> Option<String> {
    let at = options.iter().position(|option| !option.is_custom && option.name == name)?;
    match options.remove(at).value {
        OptionValue::Text(text) | OptionValue::Word(text) | OptionValue::Number(text) => Some(text),
        OptionValue::Nested(_) | OptionValue::Map(_) | OptionValue::List(_) => None,
    }
}
