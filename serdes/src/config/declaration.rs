//! What one setting is, and the macro that makes a struct of settings of their declarations.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// Confluent's name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The type of its value.
    pub value_type: &'static str,
    /// The value that it has unless told, as it would stand in a file.
    pub default: fn() -> String,
}

impl Declaration {
    /// Its row in the reference.
    pub(super) fn row(&self) -> String {
        let default = (self.default)();
        let default = if default.is_empty() { default } else { format!("`{default}`") };
        format!(
            "| `{}` | {} | {default} | {} |\n",
            self.name,
            self.value_type,
            self.doc.trim().replace('|', "\\|")
        )
    }
}

/// Declares settings: the struct with its defaults, one builder function each, the parser and the reference.
macro_rules! settings {
    ($(#[$struct_doc:meta])* $name:ident { $(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty [$key:literal] = $default:expr;
    )* }) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $(pub(crate) $field: $type),* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }

        impl $name {
            /// All settings of this kind.
            pub const DECLARATIONS: &'static [crate::config::Declaration] = &[$(crate::config::Declaration {
                name: $key,
                doc: concat!($($doc),+),
                value_type: <$type as Value>::TYPE,
                default: || Value::text(&{ let value: $type = $default; value }),
            }),*];

            $(
                $(#[doc = $doc])+
                ///
                #[doc = concat!("Confluent's name: `", $key, "`.")]
                #[must_use]
                pub fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = value.into();
                    self
                }
            )*
        }

        impl crate::config::properties::Settings for $name {
            fn set(&mut self, name: &str, text: &str) -> Option<Result<(), crate::config::ConfigError>> {
                match name {
                    $($key => Some(crate::config::properties::parse_into(&mut self.$field, $key, text)),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use settings;
