//! The columns of the Taxi and Limousine Commission's files.

use anyhow::bail;
use parquet::record::Field;

use super::trip::{Cents, Trip};
use crate::time::parse_timestamp;

/// A cell of either kind of file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// Milliseconds since the epoch.
    Time(i64),
}

impl<'a> Cell<'a> {
    pub(super) fn of_field(field: &'a Field) -> Self {
        match field {
            Field::Int(value) => Self::Number(f64::from(*value)),
            #[expect(clippy::cast_precision_loss, reason = "ids and counts are small")]
            Field::Long(value) => Self::Number(*value as f64),
            Field::Float(value) => Self::Number(f64::from(*value)),
            Field::Double(value) => Self::Number(*value),
            Field::TimestampMillis(ms) => Self::Time(*ms),
            Field::TimestampMicros(us) => Self::Time(us.div_euclid(1000)),
            Field::Str(text) => Self::Text(text),
            _ => Self::Null,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::Time(_) => None,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
    fn integer(&self) -> Option<i64> {
        self.number().filter(|number| number.abs() < 1e15).map(|number| number as i64)
    }

    fn time(&self) -> Option<i64> {
        match self {
            Self::Time(ms) => Some(*ms),
            Self::Text(text) => parse_timestamp(text),
            Self::Null | Self::Number(_) => None,
        }
    }

    fn cents(&self) -> Option<Cents> {
        self.number().and_then(Cents::from_dollars)
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some((*text).to_owned()),
            _ => None,
        }
    }
}

/// Where each column stands in a file; not every year has every column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    color: Option<usize>,
    color_of_file: &'static str,
    vendor_id: Option<usize>,
    pickup: usize,
    dropoff: usize,
    passenger_count: Option<usize>,
    trip_distance: Option<usize>,
    rate_code_id: Option<usize>,
    pickup_location_id: usize,
    dropoff_location_id: usize,
    payment_type: Option<usize>,
    fare_amount: usize,
    extra: Option<usize>,
    mta_tax: Option<usize>,
    tip_amount: Option<usize>,
    tolls_amount: Option<usize>,
    improvement_surcharge: Option<usize>,
    congestion_surcharge: Option<usize>,
    total_amount: Option<usize>,
}

impl Columns {
    /// Finds the columns by name, whatever their case.
    ///
    /// # Errors
    /// The names of those without which a trip is none.
    pub(super) fn find(names: &[String]) -> anyhow::Result<Self> {
        let find = |wanted: &str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
        let either = |one: &str, other: &str| find(one).or_else(|| find(other));
        let pickup = either("tpep_pickup_datetime", "lpep_pickup_datetime");
        let dropoff = either("tpep_dropoff_datetime", "lpep_dropoff_datetime");
        let (from, to, fare) = (find("PULocationID"), find("DOLocationID"), find("fare_amount"));
        let (Some(pickup), Some(dropoff), Some(from), Some(to), Some(fare)) =
            (pickup, dropoff, from, to, fare)
        else {
            bail!(
                "these are no taxi trips: a trip needs tpep_pickup_datetime and tpep_dropoff_datetime (or lpep_...), \
                 PULocationID, DOLocationID and fare_amount, but the columns are {}",
                names.join(", ")
            );
        };
        Ok(Self {
            color: find("color"),
            color_of_file: if find("lpep_pickup_datetime").is_some() { "green" } else { "yellow" },
            vendor_id: find("VendorID"),
            pickup,
            dropoff,
            passenger_count: find("passenger_count"),
            trip_distance: find("trip_distance"),
            rate_code_id: find("RatecodeID"),
            pickup_location_id: from,
            dropoff_location_id: to,
            payment_type: find("payment_type"),
            fare_amount: fare,
            extra: find("extra"),
            mta_tax: find("mta_tax"),
            tip_amount: find("tip_amount"),
            tolls_amount: find("tolls_amount"),
            improvement_surcharge: find("improvement_surcharge"),
            congestion_surcharge: find("congestion_surcharge"),
            total_amount: find("total_amount"),
        })
    }

    /// The trip of a row; `None` when it lacks a time, a zone or a fare.
    pub(super) fn trip<'a>(&self, cell: impl Fn(usize) -> Cell<'a>) -> Option<Trip> {
        let optional = |column: Option<usize>| column.map_or(Cell::Null, &cell);
        let zone = |column: usize| u16::try_from(cell(column).integer()?).ok();
        let amount = |column: Option<usize>| optional(column).cents().unwrap_or_default();
        Some(Trip {
            color: optional(self.color).text().or_else(|| Some(self.color_of_file.to_owned())),
            vendor_id: optional(self.vendor_id).integer(),
            pickup_ms: cell(self.pickup).time()?,
            dropoff_ms: cell(self.dropoff).time()?,
            passenger_count: optional(self.passenger_count).integer(),
            miles: optional(self.trip_distance).number().filter(|miles| miles.is_finite()).unwrap_or(0.0),
            rate_code_id: optional(self.rate_code_id).integer(),
            pickup_location_id: zone(self.pickup_location_id)?,
            dropoff_location_id: zone(self.dropoff_location_id)?,
            payment_type: optional(self.payment_type).integer(),
            fare_amount: cell(self.fare_amount).cents()?,
            extra: amount(self.extra),
            mta_tax: amount(self.mta_tax),
            tip_amount: amount(self.tip_amount),
            tolls_amount: amount(self.tolls_amount),
            improvement_surcharge: amount(self.improvement_surcharge),
            congestion_surcharge: optional(self.congestion_surcharge).cents(),
            total_amount: amount(self.total_amount),
        })
    }
}
