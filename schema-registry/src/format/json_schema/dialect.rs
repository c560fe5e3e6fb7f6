//! Drafts of JSON Schema.

use crate::json::Json;

/// A draft. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dialect {
    Draft4,
    Draft6,
    Draft7,
    Draft2019,
    Draft2020,
}

impl Dialect {
    /// The draft that `$schema` names; draft 7 where it names none that is known.
    pub(super) fn of(schema: &Json) -> Self {
        let url = schema.get_str("$schema").unwrap_or_default();
        let url = url.strip_suffix('#').unwrap_or(url);
        let path = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        match path {
            Some("json-schema.org/draft-04/schema" | "json-schema.org/schema") => Self::Draft4,
            Some("json-schema.org/draft-06/schema") => Self::Draft6,
            Some("json-schema.org/draft/2019-09/schema") => Self::Draft2019,
            Some("json-schema.org/draft/2020-12/schema") => Self::Draft2020,
            _ => Self::Draft7,
        }
    }

    pub(super) fn id_keyword(self) -> &'static str {
        if self == Self::Draft4 { "id" } else { "$id" }
    }

    /// Whether keywords beside `$ref` count.
    pub(super) fn is_modern(self) -> bool {
        self >= Self::Draft2019
    }
}
