//! Files in Protobuf's language, and changes to them.

use std::fmt::Write as _;

/// Makes files out of few names and numbers, so that changed ones still have to do with each other.
#[derive(Debug)]
pub struct ProtobufGenerator {
    random: fastrand::Rng,
}

/// A file, and what is in it.
#[derive(Debug, Clone)]
pub struct ProtobufFile {
    is_proto3: bool,
    package: Option<&'static str>,
    messages: Vec<Message>,
    enums: Vec<Enum>,
}

#[derive(Debug, Clone)]
struct Message {
    name: &'static str,
    fields: Vec<Field>,
    oneof: Option<(&'static str, Vec<Field>)>,
    reserved: Vec<u32>,
    messages: Vec<Message>,
    enums: Vec<Enum>,
}

#[derive(Debug, Clone)]
struct Enum {
    name: &'static str,
    constants: Vec<(String, i32)>,
}

#[derive(Debug, Clone)]
struct Field {
    label: &'static str,
    field_type: String,
    name: String,
    number: u32,
    options: Vec<&'static str>,
}

const SCALARS: [&str; 15] = [
    "int32", "int64", "uint32", "uint64", "bool", "sint32", "sint64", "fixed32", "sfixed32", "fixed64",
    "sfixed64", "float", "double", "string", "bytes",
];
const MESSAGES: [&str; 3] = ["A", "B", "C"];
const INNER: [&str; 2] = ["N", "B"];
const ENUMS: [&str; 2] = ["E", "F"];

impl ProtobufGenerator {
    /// A generator whose files depend on the seed only.
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.random.usize(..items.len())]
    }

    /// A file with the message `A`. Some break a rule of the language.
    pub fn file(&mut self) -> ProtobufFile {
        let is_proto3 = self.chance(70);
        let count = self.random.usize(1..=3);
        let messages = MESSAGES[..count].iter().map(|name| self.message(name, is_proto3, 1)).collect();
        let enums = ENUMS.iter().map(|name| self.enumeration(name)).collect();
        let package = self.chance(50).then_some("p.q");
        ProtobufFile { is_proto3, package, messages, enums }
    }

    fn message(&mut self, name: &'static str, is_proto3: bool, depth: u32) -> Message {
        let mut message = Message {
            name,
            fields: Vec::new(),
            oneof: None,
            reserved: Vec::new(),
            messages: Vec::new(),
            enums: Vec::new(),
        };
        let count = self.random.u32(0..5);
        let mut numbers: Vec<u32> = (1..=9).collect();
        self.random.shuffle(&mut numbers);
        for _ in 0..count {
            let number = self.number(&mut numbers);
            message.fields.push(self.field(number, is_proto3, false));
        }
        if self.chance(30) {
            let count = self.random.u32(1..4);
            let member = |_| {
                let number = self.number(&mut numbers);
                self.field(number, is_proto3, true)
            };
            let members = (0..count).map(member).collect();
            message.oneof = Some((self.pick(&["o", "u"]), members));
        }
        if self.chance(15) {
            message.reserved = (0..2).filter_map(|_| numbers.pop()).collect();
        }
        if depth > 0 && self.chance(40) {
            message.messages = INNER.iter().map(|name| self.message(name, is_proto3, depth - 1)).collect();
        }
        if self.chance(15) {
            message.enums.push(self.enumeration("E"));
        }
        message
    }

    /// A number that is free, or, rarely, any.
    fn number(&mut self, free: &mut Vec<u32>) -> u32 {
        match free.pop() {
            Some(number) if !self.chance(1) => number,
            _ => self.pick(&[0, 1, 2, 19_000, 536_870_912]),
        }
    }

    fn field(&mut self, number: u32, is_proto3: bool, is_in_oneof: bool) -> Field {
        let mut field = Field {
            label: "",
            field_type: self.field_type(),
            // Names that become the same in JSON are refused.
            name: format!("f{number}"),
            number,
            options: Vec::new(),
        };
        if self.chance(2) {
            "f1".clone_into(&mut field.name);
        }
        if !is_in_oneof {
            field.label = match self.random.u32(..10) {
                0..5 if is_proto3 => "",
                0..7 => "optional ",
                9 if !is_proto3 && self.chance(30) => "required ",
                _ => "repeated ",
            };
            if self.chance(10) {
                field.label = "";
                field.field_type = format!("map<{}, {}>", self.pick(&SCALARS), self.field_type());
            }
        }
        if self.chance(15) {
            field.options.push("deprecated = true");
        }
        if self.chance(5) {
            field.options.push("json_name = \"js\"");
        }
        if self.chance(10)
            && field.label == "repeated "
            && !matches!(field.field_type.as_str(), "string" | "bytes")
        {
            field.options.push("packed = true");
        }
        if self.chance(10) && !is_proto3 && field.label == "optional " {
            field.options.push(match field.field_type.as_str() {
                "string" => "default = \"x\\\"\\n\"",
                "bool" => "default = true",
                "float" | "double" => "default = -1.5e3",
                _ => "default = 0x10",
            });
        }
        field
    }

    fn field_type(&mut self) -> String {
        match self.random.u32(..100) {
            0..70 => self.pick(&SCALARS).to_owned(),
            70..80 => self.pick(&ENUMS).to_owned(),
            80..90 => self.pick(&MESSAGES).to_owned(),
            90..96 => self
                .pick(&["N", "A.N", ".p.q.A", "p.q.B", "q.C", "A.B", "google.protobuf.Timestamp"])
                .to_owned(),
            96..99 => "google.protobuf.Timestamp".to_owned(),
            _ => "Nobody".to_owned(),
        }
    }

    fn enumeration(&mut self, name: &'static str) -> Enum {
        let first = i32::from(self.chance(3));
        let count = self.random.i32(1..4);
        let mut constants: Vec<(String, i32)> =
            (first..first + count).map(|number| (format!("{name}{number}"), number)).collect();
        if self.chance(10) {
            constants.push((format!("{name}X"), -1));
        }
        Enum { name, constants }
    }

    /// A file with some changes.
    pub fn change(&mut self, file: &ProtobufFile) -> ProtobufFile {
        let mut changed = file.clone();
        for _ in 0..self.random.u32(1..3) {
            let is_proto3 = changed.is_proto3;
            let at = self.random.usize(..changed.messages.len());
            match self.random.u32(..100) {
                0..80 => self.change_message(&mut changed.messages[at], is_proto3),
                80..84 if at > 0 => {
                    changed.messages.remove(at);
                }
                84..90 => changed.messages.rotate_left(1),
                90..94 => changed.enums = ENUMS.iter().map(|name| self.enumeration(name)).collect(),
                94..96 => changed.package = Some("p.r"),
                _ if changed.messages.len() < 3 => {
                    let free = MESSAGES
                        .iter()
                        .find(|name| changed.messages.iter().all(|known| known.name != **name));
                    let message = self.message(free.expect("one of three is free"), is_proto3, 1);
                    changed.messages.push(message);
                }
                _ => {}
            }
        }
        // The first message is the one that data are made of.
        changed.messages.sort_by_key(|message| message.name != "A");
        changed
    }

    fn change_message(&mut self, message: &mut Message, is_proto3: bool) {
        if !message.messages.is_empty() && self.chance(20) {
            let at = self.random.usize(..message.messages.len());
            return self.change_message(&mut message.messages[at], is_proto3);
        }
        let used = message.fields.iter().chain(message.oneof.iter().flat_map(|(_, fields)| fields));
        let used: Vec<u32> = used.map(|field| field.number).collect();
        let free = (1..20).find(|number| !used.contains(number) && !message.reserved.contains(number));
        let count = message.fields.len();
        match self.random.u32(..10) {
            0..2 => {
                let field = self.field(free.expect("few numbers are used"), is_proto3, false);
                message.fields.push(field);
            }
            2..4 if count > 0 => {
                message.fields.remove(self.random.usize(..count));
            }
            4..8 if count > 0 => {
                let at = self.random.usize(..count);
                if !message.fields[at].field_type.starts_with("map") && self.chance(70) {
                    self.pick(&SCALARS).clone_into(&mut message.fields[at].field_type);
                    message.fields[at].options.clear();
                } else {
                    let number = message.fields[at].number;
                    message.fields[at] = self.field(number, is_proto3, false);
                }
            }
            8 if count > 0 => {
                // Into a oneof.
                let mut field = message.fields.remove(self.random.usize(..count));
                if field.field_type.starts_with("map") {
                    return message.fields.push(field);
                }
                field.label = "";
                field.options.clear();
                message.oneof.get_or_insert_with(|| ("o", Vec::new())).1.push(field);
            }
            _ => {
                // Out of it.
                let Some((_, members)) = &mut message.oneof else { return };
                let Some(mut field) = members.pop() else { return };
                field.label = if is_proto3 { "" } else { "optional " };
                message.fields.push(field);
                if members.is_empty() {
                    message.oneof = None;
                }
            }
        }
    }
}

impl ProtobufFile {
    /// Its text.
    pub fn text(&self) -> String {
        let mut text = format!("syntax = \"proto{}\";\n", if self.is_proto3 { 3 } else { 2 });
        if let Some(package) = self.package {
            writeln!(text, "package {package};").expect("a String takes all");
        }
        text.push_str("import \"google/protobuf/timestamp.proto\";\n");
        self.enums.iter().for_each(|definition| definition.write(&mut text));
        self.messages.iter().for_each(|message| message.write(&mut text));
        text
    }
}

impl Message {
    fn write(&self, text: &mut String) {
        write!(text, "message {} {{ ", self.name).expect("a String takes all");
        self.enums.iter().for_each(|definition| definition.write(text));
        if let Some((name, fields)) = &self.oneof {
            write!(text, "oneof {name} {{ ").expect("a String takes all");
            for field in fields {
                field.write(text);
            }
            text.push_str("} ");
        }
        for field in &self.fields {
            field.write(text);
        }
        if !self.reserved.is_empty() {
            let numbers: Vec<String> = self.reserved.iter().map(u32::to_string).collect();
            write!(text, "reserved {}; ", numbers.join(", ")).expect("a String takes all");
        }
        self.messages.iter().for_each(|message| message.write(text));
        text.push_str("}\n");
    }
}

impl Enum {
    fn write(&self, text: &mut String) {
        write!(text, "enum {} {{ ", self.name).expect("a String takes all");
        for (name, number) in &self.constants {
            write!(text, "{name} = {number}; ").expect("a String takes all");
        }
        text.push_str("}\n");
    }
}

impl Field {
    fn write(&self, text: &mut String) {
        let Self { label, field_type, name, number, options } = self;
        let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) };
        write!(text, "{label}{field_type} {name} = {number}{options}; ").expect("a String takes all");
    }
}
