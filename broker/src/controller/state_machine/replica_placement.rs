//! Which brokers hold a new partition's replicas.
//!
//! Striped over racks and brokers like Kafka's `StripedReplicaPlacer`: leaders go to unfenced brokers in turn, the
//! replicas of one partition to different racks while there are any left.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decision::Inputs;
use crate::controller::image::MetadataImage;

/// The replicas of each of `partitions` new partitions.
///
/// # Errors
/// Kafka's message, when there are too few brokers.
pub(crate) fn place(
    image: &MetadataImage,
    inputs: &mut Inputs<'_>,
    partitions: usize,
    replication_factor: i16,
) -> Result<Vec<Vec<i32>>, String> {
    let usable = image.brokers.values().filter(|broker| !broker.in_controlled_shutdown);
    let mut racks: BTreeMap<Option<Arc<str>>, Rack> = BTreeMap::new();
    for broker in usable {
        let rack = racks.entry(broker.rack.clone()).or_default();
        if broker.fenced {
            rack.fenced.brokers.push(broker.id);
        } else {
            rack.unfenced.brokers.push(broker.id);
        }
    }
    let mut racks: Vec<Rack> = racks.into_values().collect();
    let total: usize = racks.iter().map(|rack| rack.fenced.brokers.len() + rack.unfenced.brokers.len()).sum();
    let unfenced: usize = racks.iter().map(|rack| rack.unfenced.brokers.len()).sum();
    let factor = check(replication_factor, total, unfenced)?;
    for rack in &mut racks {
        rack.fenced.offset = draw(inputs, rack.fenced.brokers.len());
        rack.unfenced.offset = draw(inputs, rack.unfenced.brokers.len());
    }
    let mut stripes = Stripes { offset: draw(inputs, racks.len()), racks, unfenced, epoch: 0 };
    Ok((0..partitions).map(|_| stripes.next(factor, inputs)).collect())
}

fn check(replication_factor: i16, total: usize, unfenced: usize) -> Result<usize, String> {
    let Some(factor) = usize::try_from(replication_factor).ok().filter(|factor| *factor > 0) else {
        return Err(format!(
            "Invalid replication factor {replication_factor}: the replication factor must be positive."
        ));
    };
    if unfenced == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    if factor > total {
        return Err(format!(
            "The target replication factor of {factor} cannot be reached because only {total} broker(s) are \
             registered or some brokers have all their log directories cordoned."
        ));
    }
    Ok(factor)
}

fn draw(inputs: &mut Inputs<'_>, below: usize) -> usize {
    if below <= 1 {
        return 0;
    }
    let drawn = (inputs.random)() % u128::try_from(below).unwrap_or(1);
    usize::try_from(drawn).unwrap_or(0)
}

#[derive(Debug, Default)]
struct Ring {
    brokers: Vec<i32>,
    index: usize,
    offset: usize,
    epoch: usize,
}

impl Ring {
    /// The next broker of this round; each round starts one broker later.
    fn next(&mut self, epoch: usize) -> Option<i32> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % self.brokers.len();
        }
        if self.index >= self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.index + self.offset) % self.brokers.len()];
        self.index += 1;
        Some(broker)
    }
}

#[derive(Debug, Default)]
struct Rack {
    fenced: Ring,
    unfenced: Ring,
}

#[derive(Debug)]
struct Stripes {
    racks: Vec<Rack>,
    unfenced: usize,
    epoch: usize,
    offset: usize,
}

impl Stripes {
    fn next(&mut self, factor: usize, inputs: &mut Inputs<'_>) -> Vec<i32> {
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.shuffle(inputs);
            self.epoch = 0;
        }
        let count = self.racks.len();
        self.offset %= count;
        let mut replicas = Vec::with_capacity(factor);
        let mut leader_rack = None;
        for step in 0..count {
            let rack = (self.offset + step) % count;
            if let Some(broker) = self.racks[rack].unfenced.next(self.epoch) {
                replicas.push(broker);
                leader_rack = Some(rack);
                break;
            }
        }
        let mut rack = self.offset;
        // Each rack is asked at most once for each of its brokers, and once more to be skipped as the leader's.
        let turns = count * (factor + 2);
        for _ in 0..turns {
            if replicas.len() == factor {
                break;
            }
            if leader_rack == Some(rack) {
                leader_rack = None;
            } else {
                let Rack { fenced, unfenced } = &mut self.racks[rack];
                replicas.extend(unfenced.next(self.epoch).or_else(|| fenced.next(self.epoch)));
            }
            rack = (rack + 1) % count;
        }
        self.epoch += 1;
        self.offset += 1;
        replicas
    }

    fn shuffle(&mut self, inputs: &mut Inputs<'_>) {
        for rack in &mut self.racks {
            shuffle(&mut rack.fenced.brokers, inputs);
            shuffle(&mut rack.unfenced.brokers, inputs);
        }
        shuffle(&mut self.racks, inputs);
    }
}

fn shuffle<T>(items: &mut [T], inputs: &mut Inputs<'_>) {
    for last in (1..items.len()).rev() {
        let other = draw(inputs, last + 1);
        items.swap(last, other);
    }
}
