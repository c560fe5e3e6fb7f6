//! One taxi trip.

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Value;

use crate::time::format_local;

/// An amount of money in cents, so that sums are exact. In JSON it is dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Cents(pub(crate) i64);

impl Cents {
    /// The nearest cent; `None` for what is no amount.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
    pub(crate) fn from_dollars(dollars: f64) -> Option<Self> {
        let cents = (dollars * 100.0).round();
        (cents.abs() < 1e15).then_some(Self(cents as i64))
    }

    #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 cents")]
    pub(crate) fn dollars(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

/// A trip as its meter recorded it. Times are New York's, kept as if they were UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Trip {
    /// `yellow` or `green`, where that is known.
    pub(crate) color: Option<String>,
    pub(crate) vendor_id: Option<i64>,
    #[serde(rename = "pickup_datetime", serialize_with = "local_time")]
    pub(crate) pickup_ms: i64,
    #[serde(rename = "dropoff_datetime", serialize_with = "local_time")]
    pub(crate) dropoff_ms: i64,
    pub(crate) passenger_count: Option<i64>,
    #[serde(rename = "trip_distance")]
    pub(crate) miles: f64,
    pub(crate) rate_code_id: Option<i64>,
    pub(crate) pickup_location_id: u16,
    pub(crate) dropoff_location_id: u16,
    /// 1 card, 2 cash, 3 no charge, 4 dispute.
    pub(crate) payment_type: Option<i64>,
    pub(crate) fare_amount: Cents,
    pub(crate) extra: Cents,
    pub(crate) mta_tax: Cents,
    pub(crate) tip_amount: Cents,
    pub(crate) tolls_amount: Cents,
    pub(crate) improvement_surcharge: Cents,
    pub(crate) congestion_surcharge: Option<Cents>,
    pub(crate) total_amount: Cents,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn local_time<S: Serializer>(timestamp_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_local(*timestamp_ms))
}

impl Trip {
    /// The same trip so much later.
    #[must_use]
    pub(crate) fn shifted(mut self, by_ms: i64) -> Self {
        self.pickup_ms += by_ms;
        self.dropoff_ms += by_ms;
        self
    }

    /// Pickup zone and fare out of a trip's JSON; `None` when it is none.
    pub(crate) fn zone_and_fare(json: &[u8]) -> Option<(u16, Cents)> {
        let value: Value = serde_json::from_slice(json).ok()?;
        let zone = u16::try_from(value.get("pickup_location_id")?.as_u64()?).ok()?;
        Some((zone, Cents::from_dollars(value.get("fare_amount")?.as_f64()?)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::trips) fn trip() -> Trip {
        Trip {
            color: Some("yellow".to_owned()),
            vendor_id: Some(1),
            pickup_ms: 1_553_372_469_000,
            dropoff_ms: 1_553_372_844_000,
            passenger_count: Some(1),
            miles: 1.6,
            rate_code_id: Some(1),
            pickup_location_id: 141,
            dropoff_location_id: 233,
            payment_type: Some(1),
            fare_amount: Cents(700),
            extra: Cents(300),
            mta_tax: Cents(50),
            tip_amount: Cents(215),
            tolls_amount: Cents(0),
            improvement_surcharge: Cents(30),
            congestion_surcharge: Some(Cents(250)),
            total_amount: Cents(1295),
        }
    }

    #[test]
    fn json_holds_what_the_meter_recorded() {
        let json = serde_json::to_string(&trip()).unwrap();
        let expected = concat!(
            r#"{"color":"yellow","vendor_id":1,"pickup_datetime":"2019-03-23 20:21:09","#,
            r#""dropoff_datetime":"2019-03-23 20:27:24","passenger_count":1,"trip_distance":1.6,"rate_code_id":1,"#,
            r#""pickup_location_id":141,"dropoff_location_id":233,"payment_type":1,"fare_amount":7.0,"extra":3.0,"#,
            r#""mta_tax":0.5,"tip_amount":2.15,"tolls_amount":0.0,"improvement_surcharge":0.3,"#,
            r#""congestion_surcharge":2.5,"total_amount":12.95}"#,
        );
        assert_eq!(json, expected);
        assert_eq!(Trip::zone_and_fare(json.as_bytes()), Some((141, Cents(700))));
        assert_eq!(Trip::zone_and_fare(b"{}"), None);
    }

    #[test]
    fn every_cent_survives_json() {
        for cents in (-30_000..30_000).chain([12_345_678_901]) {
            let json = serde_json::to_vec(&Trip { fare_amount: Cents(cents), ..trip() }).unwrap();
            assert_eq!(Trip::zone_and_fare(&json), Some((141, Cents(cents))));
        }
        assert_eq!(Cents::from_dollars(f64::NAN), None);
    }
}
