//! Trips made up from a seed: zones as popular as they are, the hours of a day, distance by boroughs, time by
//! traffic, and a fare by the meter's rules of 2019.
//!
//! The figures come from 6,500 real trips of March 2019.

use super::random::Random;
use super::trip::{Cents, Trip};
use super::zones::{UNKNOWN, Zone, zones};
use crate::time::hour_and_weekday;

/// 2019-03-01 00:00.
const START_MS: i64 = 1_551_398_400_000;
/// The trips that are asked for are spread over these days.
const DAYS: f64 = 31.0;
const DAY_MS: f64 = 86_400_000.0;
/// Trips that began in each hour of the day.
const TRIPS_BY_HOUR: [f64; 24] = [
    207.0, 113.0, 104.0, 71.0, 58.0, 52.0, 144.0, 226.0, 317.0, 322.0, 328.0, 295.0, 339.0, 320.0, 362.0,
    331.0, 341.0, 392.0, 417.0, 406.0, 373.0, 359.0, 323.0, 300.0,
];
const TRIPS_IN_MEAN_HOUR: f64 = 6500.0 / 24.0;
/// Miles an hour of a trip of two miles, in each hour of the day.
const SPEED_BY_HOUR: [f64; 24] = [
    12.9, 13.6, 14.5, 14.4, 16.9, 17.3, 14.9, 11.9, 9.3, 9.1, 8.9, 8.9, 9.0, 9.2, 8.9, 9.3, 8.8, 9.2, 9.1,
    10.1, 10.7, 11.2, 11.2, 11.7,
];
/// Median miles from borough to borough, either way.
const MILES: [(&str, &str, f64); 10] = [
    ("Manhattan", "Manhattan", 1.45),
    ("Queens", "Queens", 2.0),
    ("Brooklyn", "Brooklyn", 1.8),
    ("Bronx", "Bronx", 2.5),
    ("Manhattan", "Queens", 9.8),
    ("Manhattan", "Brooklyn", 5.8),
    ("Manhattan", "Bronx", 6.0),
    ("Queens", "Brooklyn", 10.5),
    ("Manhattan", "EWR", 17.4),
    ("Manhattan", "Staten Island", 19.0),
];
const MILES_ELSEWHERE: f64 = 12.0;
const JFK: u16 = 132;
const AIRPORTS: [u16; 3] = [1, JFK, 138];

/// An endless stream of trips in the order of their pickups.
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    random: Random,
    now_ms: f64,
    mean_gap_ms: f64,
    pickups: Weighted,
    dropoffs: Weighted,
}

impl Generator {
    /// The stream of a seed; its first `count` trips take about a month.
    #[expect(clippy::cast_precision_loss, reason = "a count of trips, and milliseconds since 1970")]
    pub(crate) fn new(seed: u64, count: u64) -> Self {
        Self {
            random: Random::new(seed),
            now_ms: START_MS as f64,
            mean_gap_ms: DAYS * DAY_MS / count.max(1) as f64,
            pickups: Weighted::new(|zone| zone.pickups),
            dropoffs: Weighted::new(|zone| zone.dropoffs),
        }
    }

    /// How far, by the boroughs at both ends.
    fn miles(&mut self, from: Zone, to: Zone) -> f64 {
        let is_pair = |(one, other, _): &&(&str, &str, f64)| {
            (*one, *other) == (from.borough, to.borough) || (*one, *other) == (to.borough, from.borough)
        };
        let median = MILES.iter().find(is_pair).map_or(MILES_ELSEWHERE, |(_, _, miles)| *miles);
        let sigma = if from.borough == to.borough { 0.7 } else { 0.45 };
        let miles = if AIRPORTS.contains(&from.location_id) && AIRPORTS.contains(&to.location_id) {
            self.random.log_normal(10.0, 0.1)
        } else {
            self.random.log_normal(median, sigma)
        };
        (miles.clamp(0.2, 60.0) * 100.0).round() / 100.0
    }

    /// How long, by the traffic of the hour; longer ways are quicker ones.
    fn seconds(&mut self, miles: f64, hour: usize) -> f64 {
        let speed = SPEED_BY_HOUR[hour] * (miles / 2.0).powf(0.33).clamp(0.75, 2.6);
        let seconds = miles / speed * 3600.0 * self.random.log_normal(1.0, 0.2);
        seconds.clamp(60.0, 4.0 * 3600.0).round()
    }

    fn passengers(&mut self) -> i64 {
        match self.random.below(100) {
            0..74 => 1,
            74..88 => 2,
            88..92 => 3,
            92..94 => 4,
            94..98 => 5,
            _ => 6,
        }
    }

    fn zones_of_trip(&mut self) -> (Zone, Zone) {
        let from = self.pickups.pick(&mut self.random);
        // Most ways end in the borough where they began; a few tries find one.
        let stays = self.random.chance(if from.borough == "Manhattan" { 0.6 } else { 0.5 });
        let mut to = self.dropoffs.pick(&mut self.random);
        for _ in 0..30 {
            if !stays || to.borough == from.borough {
                break;
            }
            to = self.dropoffs.pick(&mut self.random);
        }
        (from, to)
    }

    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century fit")]
    fn next_trip(&mut self) -> Trip {
        let (hour, _) = hour_and_weekday(self.now_ms as i64);
        let mean = self.mean_gap_ms * TRIPS_IN_MEAN_HOUR / TRIPS_BY_HOUR[hour];
        self.now_ms += self.random.exponential(mean);
        let pickup_ms = self.now_ms as i64 / 1000 * 1000;
        let (hour, weekday) = hour_and_weekday(pickup_ms);
        let (from, to) = self.zones_of_trip();
        let miles = self.miles(from, to);
        let seconds = self.seconds(miles, hour);
        let is_green = from.borough != "Manhattan" && self.random.chance(0.6);
        let is_jfk_flat = (from.location_id == JFK && to.borough == "Manhattan")
            || (to.location_id == JFK && from.borough == "Manhattan");
        let fare = if is_jfk_flat { Cents(5200) } else { metered_fare(miles, seconds) };
        let in_manhattan = from.borough == "Manhattan" || to.borough == "Manhattan";
        let is_far = miles > 9.0 && from.borough != to.borough;
        let mut trip = Trip {
            color: Some(if is_green { "green" } else { "yellow" }.to_owned()),
            vendor_id: Some(if self.random.chance(0.66) { 2 } else { 1 }),
            pickup_ms,
            dropoff_ms: pickup_ms + seconds as i64 * 1000,
            passenger_count: Some(self.passengers()),
            miles,
            rate_code_id: Some(if is_jfk_flat { 2 } else { 1 }),
            pickup_location_id: from.location_id,
            dropoff_location_id: to.location_id,
            payment_type: Some(if self.random.chance(0.72) { 1 } else { 2 }),
            fare_amount: fare,
            extra: if is_jfk_flat { Cents(0) } else { extra(hour, weekday) },
            mta_tax: Cents(50),
            tip_amount: Cents(0),
            tolls_amount: if is_far && self.random.chance(0.6) { Cents(576) } else { Cents(0) },
            improvement_surcharge: Cents(30),
            congestion_surcharge: Some(if in_manhattan { Cents(250) } else { Cents(0) }),
            total_amount: Cents(0),
        };
        if trip.payment_type == Some(1) && self.random.chance(0.94) {
            let share = self.random.log_normal(0.24, 0.35).min(1.0);
            trip.tip_amount = Cents::from_dollars(trip.fare_amount.dollars() * share).unwrap_or_default();
        }
        trip.total_amount = total(&trip);
        trip
    }
}

impl Iterator for Generator {
    type Item = Trip;

    fn next(&mut self) -> Option<Trip> {
        Some(self.next_trip())
    }
}

/// 2.50 dollars, and 50 cents for every fifth of a mile in motion or minute in slow traffic.
#[expect(clippy::cast_possible_truncation, reason = "a fare is small")]
fn metered_fare(miles: f64, seconds: f64) -> Cents {
    let minutes_in_motion = miles / 18.0 * 60.0;
    let minutes_slow = (seconds / 60.0 - minutes_in_motion).max(0.0);
    let units = (miles * 5.0 * 0.92 + minutes_slow).ceil() as i64;
    Cents(250 + 50 * units)
}

/// One dollar at rush hour on working days, 50 cents at night.
fn extra(hour: usize, weekday: usize) -> Cents {
    match hour {
        16..20 if weekday < 5 => Cents(100),
        20.. | 0..6 => Cents(50),
        _ => Cents(0),
    }
}

/// What the passenger pays.
fn total(trip: &Trip) -> Cents {
    let parts = [
        trip.fare_amount,
        trip.extra,
        trip.mta_tax,
        trip.tip_amount,
        trip.tolls_amount,
        trip.improvement_surcharge,
        trip.congestion_surcharge.unwrap_or_default(),
    ];
    Cents(parts.iter().map(|part| part.0).sum())
}

/// Zones by how often they are met. Every known zone is met now and then.
#[derive(Debug, Clone)]
struct Weighted {
    /// Sums of the weights up to and with each zone.
    sums: Vec<u32>,
}

impl Weighted {
    fn new(weight: impl Fn(&Zone) -> u32) -> Self {
        let mut sum = 0;
        let grow = |zone: &Zone| {
            sum += if zone.borough == UNKNOWN { 0 } else { 20 * weight(zone) + 1 };
            sum
        };
        Self { sums: zones().iter().map(grow).collect() }
    }

    fn pick(&self, random: &mut Random) -> Zone {
        let at = random.below(self.sums.last().copied().unwrap_or(0));
        zones()[self.sums.partition_point(|sum| *sum <= at)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::zones::borough;
    use super::*;

    fn trips(seed: u64) -> Vec<Trip> {
        Generator::new(seed, 20_000).take(20_000).collect()
    }

    #[test]
    fn a_seed_gives_the_same_trips_every_time() {
        assert_eq!(trips(7)[..500], trips(7)[..500]);
        assert_ne!(trips(7)[..500], trips(8)[..500]);
    }

    #[test]
    fn trips_look_like_new_york() {
        let trips = trips(1);
        let mut boroughs: BTreeMap<&str, u32> = BTreeMap::new();
        for trip in &trips {
            *boroughs.entry(borough(trip.pickup_location_id)).or_default() += 1;
        }
        let share = |name| f64::from(boroughs.get(name).copied().unwrap_or(0)) / 20_000.0;
        assert!((0.75..0.88).contains(&share("Manhattan")), "{boroughs:?}");
        assert!(share("Queens") > share("Brooklyn") && share("Brooklyn") > share("Bronx"), "{boroughs:?}");
        assert_eq!(boroughs.get(UNKNOWN), None);
        let busy = |hours: std::ops::Range<usize>| {
            trips.iter().filter(|trip| hours.contains(&hour_and_weekday(trip.pickup_ms).0)).count()
        };
        assert!(busy(17..20) > 4 * busy(2..5), "evenings are busier than nights");
    }

    #[test]
    fn trips_are_sound() {
        let trips = trips(2);
        assert!(trips.is_sorted_by_key(|trip| trip.pickup_ms));
        for trip in &trips {
            assert!(trip.dropoff_ms > trip.pickup_ms);
            assert_eq!(trip.total_amount, total(trip));
            assert!(trip.fare_amount >= Cents(300), "{trip:?}");
        }
        let days = (trips.last().map_or(0, |trip| trip.pickup_ms) - START_MS) / 86_400_000;
        assert!((28..35).contains(&days), "{days} days");
    }

    #[test]
    fn farther_is_dearer() {
        let trips = trips(3);
        let mean_fare = |miles: std::ops::Range<f64>| {
            let fares: Vec<_> = trips
                .iter()
                .filter(|trip| miles.contains(&trip.miles))
                .map(|trip| trip.fare_amount.dollars())
                .collect();
            fares.iter().sum::<f64>() / f64::from(u32::try_from(fares.len()).unwrap())
        };
        let (short, middle, long) = (mean_fare(0.5..1.5), mean_fare(2.0..4.0), mean_fare(8.0..15.0));
        assert!(
            (4.0..9.0).contains(&short) && (9.0..17.0).contains(&middle) && long > 25.0,
            "{short} {middle} {long}"
        );
    }
}
