//! Parts of long lists.

use super::problem::Problem;
use super::query::Query;

/// How many entries a list has at most (`*.search.default.limit`, `*.search.max.limit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Where a client asks for none, or for more than `max`.
    pub default: usize,
    /// What a client can ask for.
    pub max: usize,
}

/// The limits of all lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `schema.search.*`
    pub schemas: Limit,
    /// `subject.search.*`
    pub subjects: Limit,
    /// `subject.version.search.*`
    pub versions: Limit,
    /// `context.search.*`
    pub contexts: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        let all = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
        let unlimited = Limit { default: all, max: all };
        Self {
            schemas: Limit { default: 1000, max: 1000 },
            subjects: unlimited,
            versions: unlimited,
            contexts: unlimited,
        }
    }
}

/// The part that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    offset: usize,
    limit: i32,
}

impl Page {
    pub(super) fn parse(query: &Query<'_>) -> Result<Self, Problem> {
        let offset = query.integer("offset", 0)?;
        // Java's streams refuse a negative one as an internal error; that is the client's mistake.
        let offset = usize::try_from(offset)
            .map_err(|_| Problem::new(400, format!("offset is negative: {offset}")))?;
        Ok(Self { offset, limit: query.integer("limit", -1)? })
    }

    /// The entries of this part.
    pub(super) fn take<T>(self, entries: impl Iterator<Item = T>, limit: Limit) -> impl Iterator<Item = T> {
        let asked = usize::try_from(self.limit).ok().filter(|asked| (1..=limit.max).contains(asked));
        entries.skip(self.offset).take(asked.unwrap_or(limit.default))
    }
}
