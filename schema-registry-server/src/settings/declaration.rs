//! What one setting is, and the macro that makes the struct of settings of their declarations.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The type of its value.
    pub value_type: &'static str,
    /// The value that it has unless told, as it would stand in a file; empty for none.
    pub default: &'static str,
}

impl Declaration {
    /// Its row in the reference.
    pub(super) fn row(&self) -> String {
        let default = if self.default.is_empty() { String::new() } else { format!("`{}`", self.default) };
        let doc = self.doc.trim().replace('|', "\\|");
        format!("| `{}` | {} | {default} | {doc} |\n", self.name, self.value_type)
    }
}

/// Declares settings: the struct with its defaults, the parser and the reference.
macro_rules! settings {
    ($(#[$struct_doc:meta])* $name:ident { $(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty [$key:literal] = $default:literal;
    )* }) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $(pub(crate) $field: $type,)*
            /// Settings of the client on the topic, without their prefix.
            pub(crate) client: Vec<(String, String)>,
            /// Settings of the topic when it is made.
            pub(crate) topic_configs: Vec<(String, String)>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: <$type as Value>::parse($default).unwrap_or_else(|expected| {
                        unreachable!("the default of {} is no {expected}", $key)
                    }),)*
                    client: Vec::new(),
                    topic_configs: Vec::new(),
                }
            }
        }

        impl $name {
            /// All settings that are declared.
            pub const DECLARATIONS: &'static [Declaration] = &[$(Declaration {
                name: $key,
                doc: concat!($($doc),+),
                value_type: <$type as Value>::TYPE,
                default: $default,
            }),*];

            /// Sets what is called `name`; `None` where nothing is.
            pub(super) fn set_declared(&mut self, name: &str, text: &str) -> Option<Result<(), SettingsError>> {
                match name {
                    $($key => Some(<$type as Value>::parse(text).map(|value| self.$field = value).map_err(|expected| {
                        let value = if <$type as Value>::IS_SECRET { "[hidden]" } else { text };
                        SettingsError::Invalid { name: $key, value: value.into(), expected: expected.into() }
                    })),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use settings;
