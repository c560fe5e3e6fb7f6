//! What one setting is: a row of the tables from which the parser, `DescribeConfigs`, `--help` and the reference
//! page are made.

use std::fmt;

pub use medallion_settings::Importance;

/// The type of a setting's value.
///
/// Source: Kafka's `ConfigDef.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// Text, trimmed.
    String,
    /// A 32-bit number.
    Int,
    /// A 16-bit number.
    Short,
    /// A 64-bit number.
    Long,
    /// A floating-point number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A secret: never described or logged.
    Password,
}

impl ValueType {
    /// The number of this type in a `DescribeConfigs` response.
    pub const fn id(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Int => "int",
            Self::Short => "short",
            Self::Long => "long",
            Self::Double => "double",
            Self::List => "list",
            Self::Class => "class",
            Self::Password => "password",
        })
    }
}

/// The value of a setting that nobody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// There is none: somebody has to set it.
    Required,
    /// No value.
    Null,
    /// This value, as it would stand in a file.
    Value(&'static str),
}

/// Which values a setting takes, beyond its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Validator {
    /// All of its type.
    Any,
    /// Numbers from this one on.
    AtLeast(i64),
    /// Numbers between these two, both included.
    Between(i64, i64),
    /// The same for floating-point numbers.
    DoubleBetween(f64, f64),
    /// -1 for the codec's own level, or between 1 and 9.
    GzipLevel,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts in any case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A list without duplicates, of these values where there are any.
    List {
        /// The values that may occur; all where this is empty.
        of: &'static [&'static str],
        /// Whether the list may be empty.
        empty: bool,
    },
    /// Text that is not empty.
    NonEmpty,
    /// `id@host:port`, separated by commas.
    QuorumVoters,
    /// `host:port`, separated by commas.
    BootstrapServers,
    /// `*` or `partition:broker` pairs.
    ThrottledReplicas,
    /// `latest`, `earliest` or `by_duration:` with an ISO 8601 duration.
    ShareAutoOffsetReset,
}

/// How a broker setting can be changed while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// Not at all.
    ReadOnly,
    /// For one broker.
    PerBroker,
    /// For one broker or for all of the cluster.
    ClusterWide,
}

impl fmt::Display for UpdateMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::PerBroker => "per-broker",
            Self::ClusterWide => "cluster-wide",
        })
    }
}

/// What a setting does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is obeyed.
    Works,
    /// It is known, checked and described, and changes nothing here, for this reason.
    Without(&'static str),
    /// Any value but the default is refused, because to ignore it would harm; this says why and what to do.
    Refused(&'static str),
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Declaration {
    /// Its name; Kafka's, or with the prefix `medallion.`.
    pub name: &'static str,
    /// The type of its value.
    pub value_type: ValueType,
    /// Its value where nobody set one.
    pub default: DefaultValue,
    /// Which values it takes.
    pub validator: Validator,
    /// How much it matters.
    pub importance: Importance,
    /// How it can be changed while the broker runs; of use for broker settings only.
    pub update_mode: UpdateMode,
    /// What it does here.
    pub effect: Effect,
    /// Whether Kafka keeps it out of `DescribeConfigs` and of its documentation.
    pub internal: bool,
    /// The broker settings that give the value of a topic or group setting that nobody set, first come first served.
    pub broker_synonyms: &'static [&'static str],
    /// What it is, in a sentence or two.
    pub doc: &'static str,
}

impl Declaration {
    /// A setting of this name and type: no default, any value, medium importance, read-only, works.
    pub const fn new(name: &'static str, value_type: ValueType) -> Self {
        Self {
            name,
            value_type,
            default: DefaultValue::Null,
            validator: Validator::Any,
            importance: Importance::Medium,
            update_mode: UpdateMode::ReadOnly,
            effect: Effect::Works,
            internal: false,
            broker_synonyms: &[],
            doc: "",
        }
    }

    /// Whether the value must not be shown.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.value_type, ValueType::Password)
    }

    /// Whether the setting can be changed while the broker runs.
    pub const fn is_dynamic(&self) -> bool {
        !matches!(self.update_mode, UpdateMode::ReadOnly)
    }

    /// The default as text, if there is one.
    pub const fn default_text(&self) -> Option<&'static str> {
        match self.default {
            DefaultValue::Value(text) => Some(text),
            DefaultValue::Required | DefaultValue::Null => None,
        }
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = DefaultValue::Value(text);
        self
    }

    pub(super) const fn required(mut self) -> Self {
        self.default = DefaultValue::Required;
        self
    }

    pub(super) const fn takes(mut self, validator: Validator) -> Self {
        self.validator = validator;
        self
    }

    pub(super) const fn at_least(self, minimum: i64) -> Self {
        self.takes(Validator::AtLeast(minimum))
    }

    pub(super) const fn between(self, minimum: i64, maximum: i64) -> Self {
        self.takes(Validator::Between(minimum, maximum))
    }

    pub(super) const fn one_of(self, values: &'static [&'static str]) -> Self {
        self.takes(Validator::OneOf(values))
    }

    pub(super) const fn list_of(self, of: &'static [&'static str]) -> Self {
        self.takes(Validator::List { of, empty: false })
    }

    pub(super) const fn list_or_empty(self, of: &'static [&'static str]) -> Self {
        self.takes(Validator::List { of, empty: true })
    }

    pub(super) const fn high(mut self) -> Self {
        self.importance = Importance::High;
        self
    }

    pub(super) const fn low(mut self) -> Self {
        self.importance = Importance::Low;
        self
    }

    pub(super) const fn per_broker(mut self) -> Self {
        self.update_mode = UpdateMode::PerBroker;
        self
    }

    pub(super) const fn cluster_wide(mut self) -> Self {
        self.update_mode = UpdateMode::ClusterWide;
        self
    }

    pub(super) const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    pub(super) const fn without_effect(mut self, reason: &'static str) -> Self {
        self.effect = Effect::Without(reason);
        self
    }

    pub(super) const fn refused(mut self, reason: &'static str) -> Self {
        self.effect = Effect::Refused(reason);
        self
    }

    pub(super) const fn inherits(mut self, broker_synonyms: &'static [&'static str]) -> Self {
        self.broker_synonyms = broker_synonyms;
        self
    }

    pub(super) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }
}

macro_rules! constructors {
    ($($function:ident: $value_type:ident),*) => {
        $(
            pub(super) const fn $function(name: &'static str) -> Declaration {
                Declaration::new(name, ValueType::$value_type)
            }
        )*
    };
}

constructors!(
    boolean: Boolean,
    string: String,
    int: Int,
    short: Short,
    long: Long,
    double: Double,
    list: List,
    class: Class,
    password: Password
);
