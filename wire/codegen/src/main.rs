//! Writes the generated modules of `medallion-wire` from the schema tables beside it.
//!
//! `cargo run -p medallion-wire-codegen` rewrites them. A test of this crate fails while they are stale.

mod families;
mod names;
mod records;
mod requests;
mod schema;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::families::Family;

/// The tables of records and the module that each becomes.
const FAMILIES: [(&str, Family); 6] = [
    ("metadata", Family::Metadata),
    ("group", Family::Coordinator("Group")),
    ("transaction", Family::Coordinator("Transaction")),
    ("share", Family::Coordinator("Share")),
    ("control", Family::Plain),
    ("files", Family::Plain),
];

fn main() -> Result<()> {
    for (path, code) in generate()? {
        fs::write(&path, code).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// The folder of `medallion-wire`.
fn wire() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Every generated file with its content, formatted.
fn generate() -> Result<Vec<(PathBuf, String)>> {
    let wire = wire();
    let table = |name: &str| {
        let path = wire.join("schema").join(format!("{name}.schema"));
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let mut files = Vec::new();
    for (name, family) in FAMILIES {
        let code = families::module(&table(name)?, family).with_context(|| format!("table {name}"))?;
        let path = wire.join("src/internal_records/generated").join(format!("{name}.rs"));
        files.push((path, rustfmt(&code)?));
    }
    let requests = table("requests")?;
    files.push((wire.join("src/api/generated.rs"), rustfmt(&requests::api_table(&requests)?)?));
    files.push((wire.join("src/guard/generated.rs"), rustfmt(&requests::guard_tables(&requests)?)?));
    Ok(files)
}

/// Formats `code` as `cargo fmt` would, so that the two agree on checked-in files.
fn rustfmt(code: &str) -> Result<String> {
    let config = wire().join("..");
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--quiet", "--config-path"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start rustfmt")?;
    let mut input = child.stdin.take().context("rustfmt has no standard input")?;
    // Written beside reading, since a full pipe on either side would stop both.
    let code = code.to_owned();
    let writer = std::thread::spawn(move || input.write_all(code.as_bytes()));
    let output = child.wait_with_output().context("run rustfmt")?;
    ensure!(output.status.success(), "rustfmt failed: {}", output.status);
    writer.join().ok().context("the thread that feeds rustfmt ended early")??;
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_up_to_date() {
        for (path, code) in generate().unwrap() {
            let present = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                present == code,
                "{} is stale: run `cargo run -p medallion-wire-codegen` and commit the result",
                path.display()
            );
        }
    }
}
