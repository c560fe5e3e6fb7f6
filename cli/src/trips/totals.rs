//! Trips and fares by borough.

use std::collections::BTreeMap;

use super::trip::Cents;
use super::zones::borough;

/// How many trips, and what they paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BoroughTotals {
    /// How many trips began there.
    pub(crate) trips: u64,
    /// The sum of their fares.
    pub(crate) fares: Cents,
}

/// Totals of each borough where trips began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Totals(pub(crate) BTreeMap<&'static str, BoroughTotals>);

impl Totals {
    /// Counts a trip.
    pub(crate) fn add(&mut self, pickup_location_id: u16, fare: Cents) {
        self.add_many(pickup_location_id, 1, fare);
    }

    /// Counts trips with the sum of their fares.
    pub(crate) fn add_many(&mut self, pickup_location_id: u16, trips: u64, fares: Cents) {
        let totals = self.0.entry(borough(pickup_location_id)).or_default();
        totals.trips += trips;
        totals.fares.0 += fares.0;
    }

    /// All boroughs together.
    pub(crate) fn sum(&self) -> BoroughTotals {
        self.0.values().fold(BoroughTotals::default(), |sum, totals| BoroughTotals {
            trips: sum.trips + totals.trips,
            fares: Cents(sum.fares.0 + totals.fares.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_count_for_the_borough_where_they_began() {
        let mut totals = Totals::default();
        totals.add(132, Cents(5200));
        totals.add(138, Cents(1));
        totals.add(999, Cents(-300));
        let queens = BoroughTotals { trips: 2, fares: Cents(5201) };
        assert_eq!(totals.0.get("Queens"), Some(&queens));
        assert_eq!(totals.sum(), BoroughTotals { trips: 3, fares: Cents(4901) });
    }
}
