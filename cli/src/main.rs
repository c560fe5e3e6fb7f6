//! The `medallion` binary: arguments, wiring, output.
//!
//! - [`arguments`]: what can be typed; each command's own arguments stand beside its code;
//! - [`command`]: one file a command;
//! - [`client`]: the client crate as the commands use it, with errors for people;
//! - [`input`]: rows out of files that `produce --file` sends;
//! - [`trips`]: taxi trips for the demo, read or made up;
//! - [`logging`]: where the server's log lines go, and its levels while it runs;
//! - [`output`], [`failure`], [`time`]: tables and JSON, exit codes, timestamps.

mod arguments;
mod client;
mod command;
mod failure;
mod input;
mod logging;
mod output;
mod time;
mod trips;

use std::process::ExitCode;

use clap::Parser;

// Without huge pages (feature `no_thp`): they hold 12 MiB where 2 MiB are used.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let output = output::Output::new(&arguments.global);
    match command::run(arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, &output),
    }
}
