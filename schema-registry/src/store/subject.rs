//! Subjects and the contexts that they lie in (`QualifiedSubject` of Confluent's registry).

use std::fmt;

/// The context of subjects that name none.
pub(super) const DEFAULT_CONTEXT: &str = ".";
/// A context for settings of all contexts.
pub(super) const GLOBAL_CONTEXT: &str = ".__GLOBAL";

/// A subject's name within a context. With an empty name it stands for the whole context in settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Begins with a dot.
    context: String,
    name: String,
}

impl Subject {
    /// Reads `name`, `:.context:name` or `:.context:`.
    pub fn parse(text: &str) -> Self {
        let Some(rest) = text.strip_prefix(":.") else {
            return Self { context: DEFAULT_CONTEXT.to_owned(), name: text.to_owned() };
        };
        let (context, name) = rest.split_once(':').unwrap_or((rest, ""));
        Self { context: format!(".{context}"), name: name.to_owned() }
    }

    /// The context of settings for all contexts.
    pub(super) fn global() -> Self {
        Self { context: GLOBAL_CONTEXT.to_owned(), name: String::new() }
    }

    /// The context itself, as settings name it; nothing for the default one.
    pub(super) fn whole_context(&self) -> Option<Self> {
        (!self.is_in_default_context()).then(|| Self { context: self.context.clone(), name: String::new() })
    }

    /// The same name in another context.
    pub(super) fn in_context(&self, context: &str) -> Self {
        Self { context: context.to_owned(), name: self.name.clone() }
    }

    /// A subject that a schema of this subject refers to: without a context it is meant in this one's.
    pub(super) fn referred(&self, text: &str) -> Self {
        let subject = Self::parse(text);
        if subject.is_in_default_context() { subject.in_context(&self.context) } else { subject }
    }

    /// The context's name, with its dot.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The name within the context.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it names no context.
    pub fn is_in_default_context(&self) -> bool {
        self.context == DEFAULT_CONTEXT
    }

    pub(super) fn is_global_context(&self) -> bool {
        self.context == GLOBAL_CONTEXT && self.name.is_empty()
    }

    /// `:.context:`, or nothing for the default context.
    pub fn qualified_context(&self) -> String {
        if self.is_in_default_context() { String::new() } else { format!(":{}:", self.context) }
    }

    /// Whether schemas can be registered under it, or, with `for_settings`, settings made for it.
    pub(super) fn is_valid(&self, for_settings: bool, may_be_empty: bool) -> bool {
        let has_control = |text: &str| text.chars().any(char::is_control);
        !has_control(&self.context)
            && !has_control(&self.name)
            && !["__GLOBAL", "__EMPTY"].contains(&self.name.as_str())
            && (may_be_empty || !["", "*"].contains(&self.name.as_str()))
            && (for_settings || self.context != GLOBAL_CONTEXT)
    }

    /// Whether this stands for `other`, or for the context that it lies in, or for all contexts.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self == other
            || (self.name.is_empty() && (self.context == GLOBAL_CONTEXT || self.context == other.context))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualified_context())?;
        f.write_str(&self.name)
    }
}
