//! The canonical string (`Schema.toString` of Java's library).

use std::collections::HashSet;
use std::fmt::Write;

use super::model::{AvroSchema, Field, Kind, Named, NodeId, Order};
use crate::json::{Object, quote};

impl AvroSchema {
    /// The schema without spaces, its keys in one order. Types of referenced schemas are named, not repeated.
    pub fn canonical_string(&self) -> String {
        self.write_from(self.root, self.known.clone())
    }

    /// As the canonical string, with the types of referenced schemas written out where they are first used.
    pub fn resolved_string(&self) -> String {
        self.write_from(self.root, HashSet::new())
    }

    /// The text of one type.
    pub(super) fn text_of(&self, node: NodeId) -> String {
        self.write_from(node, HashSet::new())
    }

    fn write_from(&self, node: NodeId, known: HashSet<String>) -> String {
        let mut writer = Writer { schema: self, known, out: String::new() };
        writer.node(node, None);
        writer.out
    }
}

struct Writer<'a> {
    schema: &'a AvroSchema,
    /// Full names that were written already.
    known: HashSet<String>,
    out: String,
}

impl Writer<'_> {
    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn text(&mut self, key: &str, value: &str) {
        write!(self.out, ",\"{key}\":{}", quote(value)).expect("a String takes all that is written");
    }

    fn list(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().map(|value| quote(&value)).collect();
        write!(self.out, ",\"{key}\":[{}]", values.join(",")).expect("a String takes all that is written");
    }

    fn props(&mut self, props: &Object) {
        for (key, value) in props {
            write!(self.out, ",{}:{value}", quote(key)).expect("a String takes all that is written");
        }
    }

    fn node(&mut self, id: NodeId, space: Option<&str>) {
        let schema = self.schema;
        let node = schema.node(id);
        if let Some(named) = node.kind.named()
            && !self.known.insert(named.name.full())
        {
            let name = quote(&named.name.qualified(space));
            return self.raw(&name);
        }
        match &node.kind {
            Kind::Primitive(primitive) if node.props.is_empty() => {
                return self.raw(&quote(primitive.as_str()));
            }
            Kind::Union(branches) => return self.union(branches, space),
            Kind::Unresolved(name) => return self.raw(&quote(name)),
            _ => {}
        }
        let word = if matches!(node.kind, Kind::Record { is_error: true, .. }) {
            "error"
        } else {
            node.kind.type_name()
        };
        self.raw(&format!("{{\"type\":\"{word}\""));
        if let Some(named) = node.kind.named() {
            self.name(named, space);
        }
        self.body(&node.kind, space);
        self.props(&node.props);
        if let Some(named) = node.kind.named().filter(|named| !named.aliases.is_empty()) {
            let space = named.name.space.as_deref();
            self.list("aliases", named.aliases.iter().map(|alias| alias.qualified(space)));
        }
        self.raw("}");
    }

    fn body(&mut self, kind: &Kind, space: Option<&str>) {
        match kind {
            Kind::Array(items) => {
                self.raw(",\"items\":");
                self.node(*items, space);
            }
            Kind::Map(values) => {
                self.raw(",\"values\":");
                self.node(*values, space);
            }
            Kind::Fixed { size, .. } => self.raw(&format!(",\"size\":{size}")),
            Kind::Enum { symbols, default, .. } => {
                self.list("symbols", symbols.iter().cloned());
                if let Some(default) = default {
                    self.text("default", default);
                }
            }
            Kind::Record { named, fields, .. } => {
                self.raw(",\"fields\":[");
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        self.raw(",");
                    }
                    self.field(field, named.name.space.as_deref());
                }
                self.raw("]");
            }
            Kind::Primitive(_) | Kind::Union(_) | Kind::Unresolved(_) => {}
        }
    }

    fn name(&mut self, named: &Named, space: Option<&str>) {
        self.text("name", &named.name.name);
        match &named.name.space {
            Some(own) if Some(own.as_str()) != space => self.text("namespace", own),
            None if space.is_some() => self.text("namespace", ""),
            _ => {}
        }
        if let Some(doc) = &named.doc {
            self.text("doc", doc);
        }
    }

    fn union(&mut self, branches: &[NodeId], space: Option<&str>) {
        self.raw("[");
        for (index, branch) in branches.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            self.node(*branch, space);
        }
        self.raw("]");
    }

    fn field(&mut self, field: &Field, space: Option<&str>) {
        self.raw(&format!("{{\"name\":{},\"type\":", quote(&field.name)));
        self.node(field.node, space);
        if let Some(doc) = &field.doc {
            self.text("doc", doc);
        }
        if let Some(default) = &field.default {
            self.raw(&format!(",\"default\":{default}"));
        }
        if field.order != Order::Ascending {
            self.text("order", field.order.as_str());
        }
        if !field.aliases.is_empty() {
            self.list("aliases", field.aliases.iter().cloned());
        }
        self.props(&field.props);
        self.raw("}");
    }
}
