//! Writes records as fast as it goes, and says how fast that was:
//! `cargo run --release -p medallion-client --example produce -- localhost:9092 trips 1000000 1000 linger.ms=5`

use std::time::Instant;

use medallion_client::{Error, Producer, Record};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, topic, count, size, properties @ ..] = &arguments[..] else {
        eprintln!("usage: produce BOOTSTRAP TOPIC RECORDS BYTES [NAME=VALUE]...");
        std::process::exit(2);
    };
    let (count, size): (u64, usize) = match (count.parse(), size.parse()) {
        (Ok(count), Ok(size)) => (count, size),
        _ => {
            eprintln!("RECORDS and BYTES are numbers");
            std::process::exit(2);
        }
    };
    let properties = properties.iter().filter_map(|property| property.split_once('='));
    let producer =
        Producer::from_properties([("bootstrap.servers", &**bootstrap)].into_iter().chain(properties))?;
    let value = vec![b'x'; size];
    producer.send(Record::to(topic).value(&value)).await?.await?;
    let start = Instant::now();
    for _ in 0..count {
        drop(producer.send(Record::to(topic).value(&value)).await?);
    }
    producer.flush().await;
    let (took, metrics) = (start.elapsed().as_secs_f64(), producer.metrics());
    let megabytes = metrics.batch_bytes_sent / 1_000_000;
    println!(
        "{count} records, {megabytes} MB in {took:.2} s; {} failed; {metrics:?}",
        metrics.records_failed
    );
    Ok(())
}
