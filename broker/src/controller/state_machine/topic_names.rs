//! Which names a topic may have.

use crate::controller::image::MetadataImage;

/// The topic of the metadata log itself.
pub(crate) const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";
/// The longest name, in characters.
const MAX_LENGTH: usize = 249;

/// Refuses a name that Kafka refuses.
///
/// # Errors
/// Kafka's message.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reason = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.encode_utf16().count() > MAX_LENGTH {
        format!("the length of '{name}' is longer than the max allowed length {MAX_LENGTH}")
    } else if !name.chars().all(legal) {
        format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
    } else {
        return Ok(());
    };
    Err(format!("Topic name is invalid: {reason}"))
}

/// The topic whose name differs from `name` only in dots and underscores, which share one metric name.
pub(crate) fn colliding<'a>(name: &str, image: &'a MetadataImage) -> Option<&'a str> {
    if !name.contains(['.', '_']) {
        return None;
    }
    let unified = name.replace('.', "_");
    let prefix = &name[..name.find(['.', '_']).unwrap_or(name.len())];
    // A colliding name has the same characters before the first dot or underscore.
    let candidates = image.topics.iter_from(prefix).take_while(|topic| topic.name.starts_with(prefix));
    candidates.map(|topic| &*topic.name).find(|other| *other != name && other.replace('.', "_") == unified)
}
