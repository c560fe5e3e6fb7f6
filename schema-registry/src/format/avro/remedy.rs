//! What an author can do about an incompatibility.

use super::compatibility::{Incompatibility, IncompatibilityKind};
use crate::format::Reader;

impl Incompatibility {
    /// What to change in the new schema, so that it is compatible.
    pub fn remedy(&self, reader: Reader) -> String {
        match reader {
            Reader::New => self.remedy_of_reader(),
            Reader::Old => self.remedy_of_writer(),
        }
    }

    fn remedy_of_reader(&self) -> String {
        let message = &self.message;
        match self.kind {
            IncompatibilityKind::ReaderFieldMissingDefaultValue => format!(
                "give the field {message} a default, for example null with the type [\"null\", …]; or, if it is an old field under \
                 a new name, add the old name to its aliases"
            ),
            IncompatibilityKind::MissingEnumSymbols => {
                format!("keep the symbols {message}, or give the enum a default that stands for them")
            }
            IncompatibilityKind::TypeMismatch => {
                "keep the old type, or take one that it is promoted to (int to long, float or double; long to float or double; \
                 float to double; string and bytes to each other); for another type add a field with another name and a default"
                    .to_owned()
            }
            IncompatibilityKind::MissingUnionBranch => {
                "keep that type in the union; new types can be added beside it".to_owned()
            }
            IncompatibilityKind::NameMismatch => {
                format!("keep the name, or add the old one to the aliases ({message})")
            }
            IncompatibilityKind::FixedSizeMismatch => {
                format!("keep the size ({message}), or add a field with another name, type and a default")
            }
        }
    }

    fn remedy_of_writer(&self) -> String {
        let message = &self.message;
        match self.kind {
            IncompatibilityKind::ReaderFieldMissingDefaultValue => {
                format!("keep the field {message}: the old schema has no default for it, so its readers need a value")
            }
            IncompatibilityKind::MissingEnumSymbols => format!(
                "leave out the symbols {message}: the old enum has no default that its readers could put in their place"
            ),
            IncompatibilityKind::TypeMismatch => {
                "keep the old type, or take one that is promoted to it (int to long, float or double; long to float or double; \
                 float to double; string and bytes to each other); for another type add a field with another name"
                    .to_owned()
            }
            IncompatibilityKind::MissingUnionBranch => {
                "leave that type out of the union: the old schema's readers do not know it".to_owned()
            }
            IncompatibilityKind::NameMismatch => {
                "keep the name: the old schema has no alias for the new one".to_owned()
            }
            IncompatibilityKind::FixedSizeMismatch => {
                format!("keep the size ({message}), or add a field with another name")
            }
        }
    }
}
