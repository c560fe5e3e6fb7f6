//! The commands, one file each.

pub(crate) mod broker;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod consume;
pub(crate) mod demo;
pub(crate) mod format;
pub(crate) mod group;
pub(crate) mod log;
pub(crate) mod produce;
pub(crate) mod registry;
pub(crate) mod schema;
mod server;
pub(crate) mod topic;
pub(crate) mod up;

use std::future::{Future, pending};
use std::io;

use anyhow::Context;

use crate::arguments::{Arguments, Command};
use crate::output::Output;

/// Runs the command that was typed.
pub(crate) fn run(arguments: Arguments, output: &Output) -> anyhow::Result<()> {
    let connect = arguments.global.connect();
    match arguments.command {
        Command::Up(command) => up::run(&command, output),
        Command::Broker(command) => broker::run(&command, output),
        Command::Registry(command) => registry::run(&command, output),
        Command::Format(command) => format::run(&command, output),
        Command::Topic(command) => block_on(topic::run(command, &connect?, output)),
        Command::Produce(command) => block_on(produce::run(command, &connect?, output)),
        Command::Consume(command) => block_on(consume::run(command, &connect?, output)),
        Command::Group(command) => block_on(group::run(command, &connect?, output)),
        Command::Config(command) => block_on(config::run(command, &connect?, output)),
        Command::Schema(command) => block_on(schema::run(command, output)),
        Command::Log(command) => log::run(&command, output),
        Command::Demo(command) => block_on(demo::run(command, output)),
        Command::Completions(command) => completions::run(&command),
    }
}

/// Ends when the process is asked to stop: by Ctrl-C or by SIGTERM.
pub(crate) fn stopping() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn comes(signals: io::Result<Signal>) {
        match signals {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => pending().await,
        }
    }
    // Asked for at once, not when first awaited: a signal that comes before that must not end the process.
    let terminated = signal(SignalKind::terminate());
    let interrupted = signal(SignalKind::interrupt());
    async {
        tokio::select! {
            () = comes(terminated) => {}
            () = comes(interrupted) => {}
        }
    }
}

/// A command waits on this thread while what it sends and receives moves on another.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(work);
    // A read of standard input may still be under way; it is not waited for.
    runtime.shutdown_background();
    result
}
