//! Where `make setup` put other people's programs, and the account of tests that cannot run.

use std::env;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Something that a test needs and that this machine does not have, with the reason.
#[derive(Debug, Clone)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder that `make setup` fills: `$MEDALLION_CACHE/tests`, by default in the user's cache folder.
pub fn cache() -> PathBuf {
    let folder = |variable| env::var_os(variable).map(PathBuf::from);
    let users = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let own = folder("MEDALLION_CACHE").or_else(|| Some(users?.join("medallion")));
    own.unwrap_or_default().join("tests")
}

/// The path of something in the cache folder.
///
/// # Errors
/// The reason that `make setup` left for `part` where the file is absent.
pub fn cached(file: &str, part: &str) -> Result<PathBuf, Missing> {
    let path = cache().join(file);
    if path.exists() {
        return Ok(path);
    }
    let reason = fs::read_to_string(cache().join("missing").join(part));
    Err(Missing(match reason {
        Ok(reason) => reason.trim().to_owned(),
        Err(_) => format!("{part} is not set up: run `make setup`"),
    }))
}

/// The path of a program on `PATH`.
///
/// # Errors
/// Where there is no such program.
pub fn program(name: &str) -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| Missing(format!("no {name} on this machine")))
}

/// The folder of this crate, with the client programs.
pub fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says that the current test cannot run, and has it counted as skipped (see `scripts/run-tests.sh`).
pub fn skip(missing: &Missing) {
    let thread = std::thread::current();
    let line = format!("{}: {missing}\n", thread.name().unwrap_or("a test"));
    eprint!("SKIPPED {line}");
    if let Some(file) = env::var_os("MEDALLION_TESTS_SKIPPED") {
        let opened = OpenOptions::new().create(true).append(true).open(file);
        opened
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the list of skipped tests is writable");
    }
}
