//! The only place that touches the operating system.
//!
//! Everything above this crate reaches files and time through the small traits here, so that the same
//! code runs in production, in unit tests and against a simulated disk that can crash:
//!
//! - [`file_system`]: [`FileSystem`] and [`File`], positional reads and writes, durable renames;
//! - [`real`]: the implementation on the operating system's files, and the machine's name;
//! - [`simulated`]: a disk in memory that keeps what was written apart from what is durable, for crash tests;
//! - [`clock`]: [`Clock`], wall-clock milliseconds and a monotonic time, real and manual;
//! - [`calendar`]: days since 1970 as dates and back.

pub mod calendar;
pub mod clock;
pub mod file_system;
pub mod real;
pub mod simulated;

pub use clock::{Clock, ManualClock, SystemClock};
pub use file_system::{File, FileSystem, OpenMode};
pub use real::{RealFileSystem, host_name};
pub use simulated::SimulatedFileSystem;
