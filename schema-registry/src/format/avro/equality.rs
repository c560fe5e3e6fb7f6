//! Whether two schemas are the same, whatever their text.

use std::collections::HashSet;

use super::model::{AvroSchema, Field, Kind, NodeId};

impl AvroSchema {
    /// Whether both are the same schema with the same documentation, aliases and defaults of enums.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let mut comparison = Comparison { a: self, b: other, with_meta: true, seen: HashSet::new() };
        comparison.nodes(self.root, other.root)
    }
}

/// Whether two types are the same but for documentation and aliases: names, fields in order, defaults, properties.
pub(super) fn is_equal(a: &AvroSchema, a_node: NodeId, b: &AvroSchema, b_node: NodeId) -> bool {
    let mut comparison = Comparison { a, b, with_meta: false, seen: HashSet::new() };
    comparison.nodes(a_node, b_node)
}

struct Comparison<'a> {
    a: &'a AvroSchema,
    b: &'a AvroSchema,
    /// Whether documentation, aliases and defaults of enums count.
    with_meta: bool,
    /// Pairs of records that are being compared, or were: a recursion is equal unless something else differs.
    seen: HashSet<(NodeId, NodeId)>,
}

impl Comparison<'_> {
    fn nodes(&mut self, a_id: NodeId, b_id: NodeId) -> bool {
        let (a, b) = (self.a.node(a_id), self.b.node(b_id));
        if a.props != b.props {
            return false;
        }
        if let (Some(a), Some(b)) = (a.kind.named(), b.kind.named()) {
            let is_meta_equal =
                !self.with_meta || (a.doc == b.doc && same_set(&a.full_aliases(), &b.full_aliases()));
            if a.name != b.name || !is_meta_equal {
                return false;
            }
        }
        match (&a.kind, &b.kind) {
            (Kind::Primitive(a), Kind::Primitive(b)) => a == b,
            (Kind::Array(a), Kind::Array(b)) | (Kind::Map(a), Kind::Map(b)) => self.nodes(*a, *b),
            (Kind::Union(a), Kind::Union(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.nodes(*a, *b))
            }
            (Kind::Fixed { size: a, .. }, Kind::Fixed { size: b, .. }) => a == b,
            (
                Kind::Enum { symbols: a, default: a_default, .. },
                Kind::Enum { symbols: b, default: b_default, .. },
            ) => a == b && (!self.with_meta || a_default == b_default),
            (Kind::Record { fields: a, .. }, Kind::Record { fields: b, .. }) => {
                !self.seen.insert((a_id, b_id))
                    || (a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.fields(a, b)))
            }
            // A name that is not defined so far: the same only where it is one use of it.
            (Kind::Unresolved(_), Kind::Unresolved(_)) => std::ptr::eq(self.a, self.b) && a_id == b_id,
            _ => false,
        }
    }

    fn fields(&mut self, a: &Field, b: &Field) -> bool {
        let is_meta_equal = !self.with_meta || (a.doc == b.doc && same_set(&a.aliases, &b.aliases));
        is_meta_equal
            && a.name == b.name
            && a.default == b.default
            && a.order == b.order
            && a.props == b.props
            && self.nodes(a.node, b.node)
    }
}

/// Whether both have the same elements; there are none twice.
fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|element| b.contains(element))
}
