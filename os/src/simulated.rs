//! A disk in memory with a live and a durable image.

/// [`crate::FileSystem`] in memory.
#[derive(Debug, Default)]
pub struct SimulatedFileSystem;
