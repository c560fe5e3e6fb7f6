//! New York's 265 taxi zones.

use std::sync::OnceLock;

/// Zone id, borough, name, and how many of 6,500 trips of March 2019 began and ended there.
const ZONES: &str = include_str!("zones.csv");
/// The borough of trips that name no known zone.
pub(crate) const UNKNOWN: &str = "Unknown";

/// A taxi zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) location_id: u16,
    pub(crate) borough: &'static str,
    /// How many of 6,500 trips began here.
    pub(crate) pickups: u32,
    /// How many of 6,500 trips ended here.
    pub(crate) dropoffs: u32,
}

/// All zones by id, from 1 on without gaps.
pub(crate) fn zones() -> &'static [Zone] {
    static PARSED: OnceLock<Vec<Zone>> = OnceLock::new();
    PARSED.get_or_init(|| ZONES.lines().skip(1).filter_map(parse).collect())
}

/// The borough of a zone.
pub(crate) fn borough(location_id: u16) -> &'static str {
    let zone = usize::from(location_id).checked_sub(1).and_then(|index| zones().get(index));
    zone.map_or(UNKNOWN, |zone| zone.borough)
}

/// A line of the table; a zone's name may hold commas within quotes, so the numbers are taken from the end.
fn parse(line: &'static str) -> Option<Zone> {
    let (rest, dropoffs) = line.rsplit_once(',')?;
    let (rest, pickups) = rest.rsplit_once(',')?;
    let mut fields = rest.splitn(3, ',');
    Some(Zone {
        location_id: fields.next()?.parse().ok()?,
        borough: fields.next()?,
        pickups: pickups.parse().ok()?,
        dropoffs: dropoffs.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_zones_are_there() {
        assert_eq!(zones().len(), 265);
        for (index, zone) in zones().iter().enumerate() {
            assert_eq!(usize::from(zone.location_id), index + 1);
        }
        assert_eq!(zones().iter().map(|zone| zone.pickups).sum::<u32>(), 6500);
        assert_eq!(borough(132), "Queens");
        assert_eq!(borough(1), "EWR");
        assert_eq!(borough(0), UNKNOWN);
        assert_eq!(borough(266), UNKNOWN);
    }
}
