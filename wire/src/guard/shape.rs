//! How the generated tables describe a request.

/// A range of versions, inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions {
    pub(super) first: i16,
    pub(super) last: i16,
}

/// Every version of the request.
pub(super) const ALWAYS: Versions = Versions::from(0);
/// No version.
pub(super) const NEVER: Versions = Versions::between(1, 0);

impl Versions {
    pub(super) const fn from(first: i16) -> Self {
        Self { first, last: i16::MAX }
    }

    pub(super) const fn between(first: i16, last: i16) -> Self {
        Self { first, last }
    }

    pub(super) const fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// A request.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) key: i16,
    pub(super) versions: Versions,
    pub(super) flexible: Versions,
    pub(super) fields: &'static [Field],
}

/// A field of a request or structure.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The versions in which it stands among the untagged fields.
    pub(super) plain: Versions,
    pub(super) nullable: Versions,
    /// The tag, of meaning only in the versions `tagged`.
    pub(super) tag: u32,
    pub(super) tagged: Versions,
}

/// A field's type.
#[derive(Debug)]
pub(super) enum Kind {
    /// A type that always takes this many bytes.
    Fixed(u8),
    String,
    /// Bytes or records: what is in them is not looked at.
    Bytes,
    Struct(&'static [Field]),
    Array(&'static Kind),
}
