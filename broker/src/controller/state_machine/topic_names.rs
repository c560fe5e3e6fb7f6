//! Which names a topic may have.

use crate::controller::image::MetadataImage;

/// The topic of the metadata log itself.
pub(crate) const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

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
