//! Members of groups that speak the protocol directly: thousands in one thread, so that a server's share of a rebalance is
//! measured and not the clients'. `bench/groups.py` drives it.
//!
//! It takes commands, a JSON object a line, and answers each with one; see [`commands::Command`]. Members go on with their
//! heartbeats meanwhile.
//!
//! - `connection`: requests on a connection, any number at once; `board`: what members have, and when groups settle;
//! - `classic`, `consumer`: a member's life in either protocol; `member`: what the two share; `commits`: offsets;
//! - `admin`: topics, settings of groups, states of groups; `commands`: what is asked of this program.

mod admin;
mod board;
mod classic;
mod commands;
mod commits;
mod connection;
mod consumer;
mod member;

use std::io::{BufRead, Write};

use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("usage: group-load HOST:PORT"))?;
    let mut driver = commands::Driver::new(address);
    let mut lines = lines_of_input();
    while let Some(line) = lines.recv().await {
        let answer = match serde_json::from_str(&line) {
            Ok(command) => driver.run(command).await,
            Err(error) => Err(error.into()),
        };
        let answer = answer.unwrap_or_else(|error| serde_json::json!({ "error": format!("{error:#}") }));
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// The standard input, read on a thread of its own.
fn lines_of_input() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    drop(std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    }));
    lines
}
