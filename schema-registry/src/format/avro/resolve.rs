//! Names that were used before they were defined.

use super::model::{AvroError, Kind, NodeId};
use super::parse::{Parser, Validation};
use std::collections::HashSet;

impl Parser {
    /// Puts definitions in place of names, and checks what could not be checked before, in the nodes from `first` on.
    pub(super) fn resolve(&mut self, root: NodeId, first: usize) -> Result<NodeId, AvroError> {
        for index in first..self.schema.nodes.len() {
            let mut kind = self.schema.nodes[index].kind.clone();
            match &mut kind {
                Kind::Array(child) | Kind::Map(child) => *child = self.definition(*child)?,
                Kind::Union(branches) => {
                    for branch in branches.iter_mut() {
                        *branch = self.definition(*branch)?;
                    }
                    self.check_branches(branches)?;
                }
                Kind::Record { fields, .. } => {
                    for field in fields {
                        field.node = self.definition(field.node)?;
                    }
                }
                Kind::Primitive(_) | Kind::Fixed { .. } | Kind::Enum { .. } | Kind::Unresolved(_) => continue,
            }
            self.schema.nodes[index].kind = kind;
        }
        self.check_defaults(first)?;
        self.definition(root)
    }

    fn definition(&self, node: NodeId) -> Result<NodeId, AvroError> {
        match self.schema.kind(node) {
            Kind::Unresolved(name) => {
                let found = self.schema.names.get(name).copied();
                found.ok_or_else(|| AvroError::Undefined(name.clone()))
            }
            _ => Ok(node),
        }
    }

    fn check_branches(&self, branches: &[NodeId]) -> Result<(), AvroError> {
        let mut names = HashSet::with_capacity(branches.len());
        for branch in branches {
            let name = self.schema.kind(*branch).full_name();
            if names.contains(&name) {
                return Err(AvroError::DuplicateBranch(name));
            }
            names.insert(name);
        }
        Ok(())
    }

    fn check_defaults(&self, first: usize) -> Result<(), AvroError> {
        if self.validation == Validation::Lenient {
            return Ok(());
        }
        for node in &self.schema.nodes[first..] {
            let Kind::Record { fields, .. } = &node.kind else { continue };
            for field in fields {
                if let Some(default) = &field.default {
                    self.check_default(&field.name, field.node, default)?;
                }
            }
        }
        Ok(())
    }
}
