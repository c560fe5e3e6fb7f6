//! Runs the fuzz targets of record batches on mutations of valid ones, seeded and bounded.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod series;

use std::path::Path;

use medallion_wire::fuzz_records::{fuzz_batches, fuzz_legacy, fuzz_records};
use series::{Random, series};

/// Values that lie at the edges of lengths and counts.
const EDGES: [i32; 12] = [0, 1, -1, -2, 13, 14, 21, 22, 48, 49, i32::MAX, i32::MIN];

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.byte()),
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        3 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        4 if bytes.len() >= at + 4 => {
            let edge = EDGES[random.below(EDGES.len())];
            bytes[at..at + 4].copy_from_slice(&edge.to_be_bytes());
        }
        // The fields of the header are where most can go wrong.
        5 if bytes.len() > 61 => bytes[random.below(61)] = random.byte(),
        6 => {
            let from = random.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ if !bytes.is_empty() => bytes[at] = random.byte(),
        _ => bytes.push(random.byte()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(seeds.len() > 20, "the fixtures are there");
    seeds.into_iter().filter(|seed| seed.len() < 2000).collect()
}

#[test]
fn no_bytes_make_the_readers_panic() {
    let seeds = seeds();
    series(20_261_123, 100_000, |random| {
        let seed = random.below(seeds.len());
        let mut bytes = seeds[seed].clone();
        let other = &seeds[random.below(seeds.len())];
        for _ in 0..=random.below(4) {
            mutate(random, &mut bytes, other);
        }
        fuzz_batches(&bytes);
        fuzz_legacy(&bytes);
        // The body alone behind a byte that chooses the codec: the seed's own, or any.
        if let Some(body @ [_, ..]) = bytes.get(60..) {
            let mut body = body.to_vec();
            let own = seeds[seed][22] & 7;
            body[0] = if random.below(4) == 0 { random.byte() } else { own % 5 + 5 * 20 };
            fuzz_records(&body);
        }
    });
}
