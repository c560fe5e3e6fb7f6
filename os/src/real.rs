//! The operating system's files.

/// [`crate::FileSystem`] on the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealFileSystem;
