//! Whom a client quota is for.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A user, a client id, both, or an address; a `None` name is the default of its kind.
///
/// Keys are Kafka's entity types: `user`, `client-id`, `ip`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct QuotaEntity(pub(crate) BTreeMap<Arc<str>, Option<Arc<str>>>);

impl QuotaEntity {
    /// The name of one entity type: `None` where the type is not part, `Some(None)` for its default.
    #[expect(clippy::option_option, reason = "absent and default are different things")]
    pub(crate) fn name(&self, kind: &str) -> Option<Option<&str>> {
        self.0.get(kind).map(Option::as_deref)
    }
}
