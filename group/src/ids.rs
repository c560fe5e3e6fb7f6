//! Names of groups and members.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The bare text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as the protocol's types hold it.
            pub fn to_str_bytes(&self) -> StrBytes {
                StrBytes::from_string(self.0.to_string())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<&StrBytes> for $name {
            fn from(text: &StrBytes) -> Self {
                Self(Arc::from(text.as_str()))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A group's id (`group.id`).
    GroupId
);
text_id!(
    /// A member's id, unique within its group.
    MemberId
);
text_id!(
    /// A static member's id (`group.instance.id`, KIP-345), which outlives its member ids.
    InstanceId
);
