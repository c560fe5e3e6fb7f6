//! Where the trips come from.

use std::path::Path;

use crate::output::{counted, thousands};
use crate::trips::{FileTrips, Generator, Trip};

/// Trips of a file or of a seed.
pub(super) enum TripSource {
    File { trips: FileTrips, name: String, repeat: u64 },
    Generated { trips: Generator, seed: u64, count: u64, left: u64 },
}

impl TripSource {
    /// Opens the file, or the generator where none is named.
    pub(super) fn open(file: Option<&Path>, repeat: u64, seed: u64, count: u64) -> anyhow::Result<Self> {
        Ok(match file {
            Some(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                Self::File { trips: FileTrips::open(path, repeat)?, name, repeat }
            }
            None => Self::Generated { trips: Generator::new(seed, count), seed, count, left: count },
        })
    }

    /// What it is, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::File { name, repeat: 1, .. } => format!("of {name}"),
            Self::File { name, repeat, .. } => format!("of {name}, {} times over", thousands(*repeat)),
            Self::Generated { seed, count, .. } => {
                format!(
                    "{} made up from seed {seed} (TRIPS=file.parquet brings real ones)",
                    counted(*count, "trip")
                )
            }
        }
    }

    /// How many trips there are, where that is known before.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::File { .. } => None,
            Self::Generated { count, .. } => Some(*count),
        }
    }

    /// How many rows were left out.
    pub(super) fn skipped(&self) -> u64 {
        match self {
            Self::File { trips, .. } => trips.skipped(),
            Self::Generated { .. } => 0,
        }
    }

    /// Has no end from now on.
    pub(super) fn go_on_for_ever(&mut self) {
        match self {
            Self::File { trips, .. } => trips.repeat_for_ever(),
            Self::Generated { left, .. } => *left = u64::MAX,
        }
    }

    /// The next trip.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Trip>> {
        match self {
            Self::File { trips, .. } => trips.next().transpose(),
            Self::Generated { left: 0, .. } => Ok(None),
            Self::Generated { trips, left, .. } => {
                *left -= 1;
                Ok(trips.next())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_ends_and_then_goes_on_where_it_was() {
        let mut source = TripSource::open(None, 1, 7, 2).unwrap();
        let mut whole = Generator::new(7, 2);
        for _ in 0..2 {
            assert_eq!(source.next().unwrap(), whole.next());
        }
        assert_eq!(source.next().unwrap(), None);
        source.go_on_for_ever();
        assert_eq!(source.next().unwrap(), whole.next());
    }
}
