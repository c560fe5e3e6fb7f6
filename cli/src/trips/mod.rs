//! Taxi trips for the demo: read from files of New York's Taxi and Limousine Commission, or made up.
//!
//! - [`trip`]: one trip, and its JSON;
//! - [`columns`]: the columns of the commission's yellow and green files, of any year since 2015;
//! - [`mod@file`]: CSV and Parquet files of them, perhaps several times over;
//! - [`generator`]: trips made up from a seed, when there is no file;
//! - [`zones`]: the 265 taxi zones with their boroughs;
//! - [`totals`]: trips and fares by borough.

mod columns;
mod file;
mod generator;
mod random;
mod totals;
mod trip;
mod zones;

pub(crate) use file::FileTrips;
pub(crate) use generator::Generator;
pub(crate) use totals::{BoroughTotals, Totals};
pub(crate) use trip::{Cents, Trip};
