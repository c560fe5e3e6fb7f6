//! Sends or reads many records by one client, and tells what that took: `clients.py` drives it.
//!
//! `client-load medallion|librdkafka produce|read BOOTSTRAP TOPIC PARTITIONS RECORDS SIZE [NAME=VALUE...]` prints one line of JSON;
//! `client-load medallion steady ...` writes 100 MB/s and reads at once, and prints who had to wait how long. Each
//! process runs one client only, so that memory and CPU time are that client's (and those of making records, the same for both).

mod librdkafka;
mod medallion;
mod steady;
mod usage;

use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::json;

/// What is to be done.
#[derive(Debug)]
struct Load {
    bootstrap: String,
    topic: String,
    partitions: i32,
    records: u64,
    size: usize,
    settings: Vec<(String, String)>,
}

/// How many different values there are, as in Kafka's own tool, so that compression finds something and not everything.
const VALUES: usize = 1000;

impl Load {
    /// Letters at random, the same in every run.
    fn values(&self) -> Vec<Vec<u8>> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut letter = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'A' + u8::try_from(state % 26).unwrap_or(0)
        };
        (0..VALUES).map(|_| (0..self.size).map(|_| letter()).collect()).collect()
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, action, bootstrap, topic, partitions, records, size, settings @ ..] = &arguments[..] else {
        bail!(
            "client-load medallion|librdkafka produce|read BOOTSTRAP TOPIC PARTITIONS RECORDS SIZE [NAME=VALUE...]"
        );
    };
    let setting = |text: &String| {
        let (name, value) = text.split_once('=').with_context(|| format!("{text}: it must be NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let load = Load {
        bootstrap: bootstrap.clone(),
        topic: topic.clone(),
        partitions: partitions.parse().context("PARTITIONS")?,
        records: records.parse().context("RECORDS")?,
        size: size.parse().context("SIZE")?,
        settings: settings.iter().map(setting).collect::<anyhow::Result<_>>()?,
    };
    let (began, cpu_before) = (Instant::now(), usage::cpu_seconds()?);
    if (client.as_str(), action.as_str()) == ("medallion", "steady") {
        let mut waits = steady::run(&load)?;
        waits["cpu_seconds"] = json!(usage::cpu_seconds()? - cpu_before);
        waits["memory_mib"] = json!(usage::peak_memory_mib()?);
        println!("{waits}");
        return Ok(());
    }
    let bytes = match (client.as_str(), action.as_str()) {
        ("medallion", "produce") => medallion::produce(&load)?,
        ("medallion", "read") => medallion::read(&load)?,
        ("librdkafka", "produce") => librdkafka::produce(&load)?,
        ("librdkafka", "read") => librdkafka::read(&load)?,
        _ => bail!("{client} {action} is not known"),
    };
    let line = json!({
        "records": load.records,
        "bytes": bytes,
        "seconds": began.elapsed().as_secs_f64(),
        "cpu_seconds": usage::cpu_seconds()? - cpu_before,
        "memory_mib": usage::peak_memory_mib()?,
    });
    println!("{line}");
    Ok(())
}
