//! What one setting is, and the macro that makes a struct of settings of their declarations.

use std::fmt;

use crate::Value;

/// How much a setting matters to most who set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        })
    }
}

/// One setting. More may be told of it in a later version.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Declaration {
    /// Its name, as it stands in files.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The type of its value, in words.
    pub value_type: &'static str,
    /// The value that it has unless told, as it would stand in a file.
    pub default: fn() -> String,
    /// How much it matters to most.
    pub importance: Importance,
    /// The least and the largest number (milliseconds for times), where there are limits.
    pub range: Option<(i128, i128)>,
}

impl Declaration {
    /// A setting of the type `T`, of medium importance and without limits.
    pub const fn new<T: Value>(name: &'static str, doc: &'static str, default: fn() -> String) -> Self {
        Self { name, doc, value_type: T::TYPE, default, importance: Importance::Medium, range: None }
    }

    /// The same, mattering so much.
    #[must_use]
    pub const fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// The same with limits, if there are any.
    #[must_use]
    pub const fn range(mut self, range: Option<(i128, i128)>) -> Self {
        self.range = range;
        self
    }
}

/// Declares settings: a struct with its defaults, its parser (it is a [`Settings`](crate::Settings)), and the constant
/// `DECLARATIONS` for the reference.
///
/// A setting is written as `field: Type ["its.name", high] = default, range least..=most;` under its documentation. The importance (`high` or
/// `low`; without it `medium`) and the range may be left out. The type is a [`Value`]. Fields are `pub(crate)`. `with builders` behind the struct's name
/// adds a function for each setting that gives it a value. `and { field: Type, ... }` at the end adds fields that are no settings.
#[macro_export]
macro_rules! settings {
    ($(#[$meta:meta])* $vis:vis struct $name:ident with builders { $($body:tt)* }) => {
        $crate::settings! { $(#[$meta])* $vis struct $name { $($body)* } }
        $crate::settings! { @builders $vis $name { $($body)* } }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $(
            $(#[doc = $doc:literal])+
            $field:ident: $type:ty [$key:literal $(, $importance:ident)?] = $default:expr $(, range $min:literal ..= $max:expr)?;
        )*
        $(and { $($(#[doc = $extra_doc:literal])+ $extra:ident: $extra_type:ty),* $(,)? })?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $(pub(crate) $field: $type,)*
            $($($(#[doc = $extra_doc])+ pub(crate) $extra: $extra_type,)*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    $($($extra: Default::default(),)*)?
                }
            }
        }

        impl $name {
            /// All settings of this kind.
            $vis const DECLARATIONS: &'static [$crate::Declaration] = &[$(
                $crate::Declaration::new::<$type>($key, concat!($($doc),+), || {
                    let value: $type = $default;
                    $crate::Value::text(&value)
                })
                .importance($crate::settings!(@importance $($importance)?))
                .range($crate::settings!(@range $($min, $max)?)),
            )*];
        }

        impl $crate::Settings for $name {
            fn declarations(&self) -> &'static [$crate::Declaration] {
                Self::DECLARATIONS
            }

            fn assign(&mut self, name: &str, text: &str) -> Option<Result<(), $crate::ConfigError>> {
                match name {
                    $($key => {
                        let range = $crate::settings!(@range $($min, $max)?);
                        Some($crate::of_macros::assign(&mut self.$field, $key, text, range))
                    })*
                    _ => None,
                }
            }

            fn check_ranges(&self) -> Result<(), $crate::ConfigError> {
                $($(
                    let range = $crate::settings!(@range $min, $max);
                    $crate::of_macros::check_range(&self.$field, $key, range)?;
                )?)*
                Ok(())
            }
        }
    };
    (@builders $vis:vis $name:ident {
        $(
            $(#[doc = $doc:literal])+
            $field:ident: $type:ty [$key:literal $(, $importance:ident)?] = $default:expr $(, range $min:literal ..= $max:expr)?;
        )*
        $(and { $($no_setting:tt)* })?
    }) => {
        impl $name {
            $(
                $(#[doc = $doc])+
                ///
                #[doc = concat!("The setting `", $key, "`.")]
                #[must_use]
                $vis fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = value.into();
                    self
                }
            )*
        }
    };
    (@importance) => { $crate::Importance::Medium };
    (@importance high) => { $crate::Importance::High };
    (@importance low) => { $crate::Importance::Low };
    (@range) => { None };
    (@range $min:literal, $max:expr) => {{
        // `From` is not for constants, and the limit may be of any type.
        #[allow(clippy::cast_lossless)]
        const RANGE: (i128, i128) = ($min, $max as i128);
        Some(RANGE)
    }};
}
