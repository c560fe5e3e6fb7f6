//! Names of files and directories, live and durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::node::NodeId;

/// A place of a name: the directory and the last component.
pub(super) type Place = (NodeId, String);

/// A creation (`to` alone), a removal (`from` alone) or a rename, each atomic.
#[derive(Debug, Clone)]
pub(super) struct NameChange {
    pub(super) id: NodeId,
    pub(super) from: Option<Place>,
    pub(super) to: Option<Place>,
}

impl NameChange {
    fn touches(&self, directory: NodeId) -> bool {
        [&self.from, &self.to].into_iter().flatten().any(|(at, _)| *at == directory)
    }
}

type Links = BTreeMap<Place, NodeId>;

#[derive(Debug, Default)]
pub(super) struct Names {
    live: Links,
    durable: Links,
    /// Changes that are not durable, oldest first.
    pending: Vec<NameChange>,
}

impl Names {
    /// The node at `path`, by live names. Relative paths begin at the root too.
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        let mut at = NodeId::ROOT;
        for component in path.components() {
            match component {
                Component::Normal(name) => {
                    at = *self.live.get(&(at, name.to_string_lossy().into_owned()))?;
                }
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => return None,
            }
        }
        Some(at)
    }

    pub(super) fn entries(&self, directory: NodeId) -> impl Iterator<Item = (&str, NodeId)> {
        self.live
            .range((directory, String::new())..)
            .take_while(move |((at, _), _)| *at == directory)
            .map(|((_, name), id)| (name.as_str(), *id))
    }

    /// All nodes that have a live name.
    pub(super) fn linked(&self) -> BTreeSet<NodeId> {
        self.live.values().copied().collect()
    }

    pub(super) fn change(&mut self, change: NameChange) {
        apply(&mut self.live, &change);
        self.pending.push(change);
    }

    /// Makes all changes of a directory durable.
    pub(super) fn sync(&mut self, directory: NodeId) {
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let now = change.touches(directory);
            if now {
                apply(durable, change);
            }
            !now
        });
    }

    pub(super) fn pending_changes(&self) -> usize {
        self.pending.len()
    }

    /// Keeps of the pending changes those for which `survives` says so.
    pub(super) fn crash(&mut self, mut survives: impl FnMut() -> bool) {
        for change in std::mem::take(&mut self.pending) {
            if survives() {
                apply(&mut self.durable, &change);
            }
        }
        self.live = self.durable.clone();
    }
}

fn apply(links: &mut Links, change: &NameChange) {
    if let Some(from) = &change.from
        && links.get(from) == Some(&change.id)
    {
        links.remove(from);
    }
    if let Some(to) = &change.to {
        links.insert(to.clone(), change.id);
    }
}
