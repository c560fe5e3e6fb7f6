//! Which message of a file a payload holds: the indexes that serializers write before it.

use super::model::{File, Message, TypeDef};

/// The messages among types, in order.
fn messages(types: &[TypeDef]) -> impl Iterator<Item = &Message> {
    types.iter().filter_map(TypeDef::as_message)
}

/// The indexes of a message, by its name within the package: the place among the messages of the file, then among those of
/// each message on the way. Nothing where there is no such message.
pub(super) fn of_message(file: &File, name: &str) -> Option<Vec<usize>> {
    let mut types = file.types.as_slice();
    let mut indexes = Vec::new();
    for part in name.split('.') {
        let (index, message) = messages(types).enumerate().find(|(_, message)| message.name == part)?;
        indexes.push(index);
        types = &message.types;
    }
    Some(indexes)
}

/// The full name of the message with these indexes; no indexes are the first message.
pub(super) fn to_message(file: &File, indexes: &[usize]) -> Option<String> {
    let mut types = file.types.as_slice();
    let mut name = file.package.clone().unwrap_or_default();
    for index in if indexes.is_empty() { &[0] } else { indexes } {
        let message = messages(types).nth(*index)?;
        name = super::scope::join(&name, &message.name);
        types = &message.types;
    }
    Some(name)
}
