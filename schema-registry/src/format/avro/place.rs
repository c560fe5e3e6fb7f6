//! Where in a schema a difference is, in the names that its author knows.

use super::model::{AvroSchema, Kind, NodeId};

impl AvroSchema {
    /// The place that a difference's location points to: `Trip.stops[].zone`, with `[]` for the items of an array, `{}` for
    /// the values of a map and `<1>` for a branch of a union.
    pub fn place(&self, location: &str) -> String {
        let mut place = self.name_of(self.root);
        let mut tokens = location.split('/').filter(|token| !token.is_empty()).peekable();
        let mut node = self.root;
        while let Some(token) = tokens.next() {
            let next = match (self.kind(node), token) {
                (Kind::Record { fields, .. }, "fields") => {
                    let field = tokens.next().and_then(|index| fields.get(index.parse::<usize>().ok()?));
                    let Some(field) = field else { break };
                    place = format!("{place}.{}", field.name);
                    tokens.next_if_eq(&"type");
                    Some(field.node)
                }
                (Kind::Array(items), "items") => {
                    place.push_str("[]");
                    Some(*items)
                }
                (Kind::Map(values), "values") => {
                    place.push_str("{}");
                    Some(*values)
                }
                (Kind::Union(branches), index) => {
                    place = format!("{place}<{index}>");
                    index.parse::<usize>().ok().and_then(|index| branches.get(index)).copied()
                }
                // The writer has a union where this schema has none.
                (_, index) if index.parse::<usize>().is_ok() => Some(node),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        place
    }

    fn name_of(&self, node: NodeId) -> String {
        match self.kind(node) {
            Kind::Record { named, .. } | Kind::Enum { named, .. } | Kind::Fixed { named, .. } => {
                named.name.name.clone()
            }
            Kind::Primitive(primitive) => primitive.as_str().to_owned(),
            Kind::Array(_) => "array".to_owned(),
            Kind::Map(_) => "map".to_owned(),
            Kind::Union(_) => "union".to_owned(),
            Kind::Unresolved(name) => name.clone(),
        }
    }
}
