//! Schemas: trips in Avro, a schema that evolves while they flow, and a change that is refused.
//!
//! - [`writer`]: trips by the Rust client and its Avro serializer;
//! - [`reader`]: the same trips by Python and its Avro deserializer.

mod reader;
mod writer;

use medallion_schema_registry::compatibility::{CompatibilityPolicy, Previous, conflict};
use medallion_schema_registry::explain::Explanation;
use medallion_schema_registry::format::Validation;
use medallion_schema_registry::{CompatibilityLevel, ParsedSchema, SchemaType};
use medallion_serdes::{RegistryClient, RegistryError, Schema};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{counted, thousands};
use crate::trips::{Cents, Totals, Trip};
use reader::{AvroRead, Reading};
use writer::AvroTrips;

use super::screen::Screen;

/// The topic of trips in Avro.
pub(super) const TOPIC: &str = "trips-avro";
/// The subject of their schema.
const SUBJECT: &str = "trips-avro-value";
/// How many trips are written in Avro, at most.
pub(super) const TRIPS_MAX: usize = 20_000;

/// As it was, with tips, and with a field that old trips cannot have.
const VERSIONS: [&str; 3] =
    [include_str!("trip-1.avsc"), include_str!("trip-2.avsc"), include_str!("trip-3.avsc")];

/// What has been seen.
#[derive(Debug)]
pub(super) struct Story {
    written: Totals,
    tips: Cents,
    read: AvroRead,
    /// The ids of the schema before and after it evolved.
    ids: [i32; 2],
    refusal: Refusal,
}

/// Why the last change was refused.
#[derive(Debug)]
struct Refusal {
    code: i32,
    reason: Explanation,
}

/// Writes and reads trips in Avro, the first half before their schema evolves and the second half behind that.
pub(super) async fn show(
    bootstrap: &str,
    registry_url: &str,
    trips: &[Trip],
    screen: &Screen,
) -> anyhow::Result<Story> {
    let registry = RegistryClient::new(registry_url)?;
    let mut avro = AvroTrips::open(bootstrap, &registry).await?;
    let reading = Reading::start(bootstrap, registry_url, trips.len()).await?;
    let (first, second) = trips.split_at(trips.len() / 2);
    let first_id = avro.write(VERSIONS[0], first, false).await?;
    screen.step("schema", &format!("{SUBJECT} version 1, registered by the Rust client: id {first_id}"));
    reading.wait_for_first().await?;
    let second_id = avro.write(VERSIONS[1], second, true).await?;
    screen.step("evolved", &format!("version 2 has tip_amount too, while trips flow: id {second_id}"));
    let read = reading.finish(&registry).await?;
    screen.step("read", &read.describe());
    let refusal = refuse(&registry).await?;
    screen.step("refused", &format!("version 3, for {}: {}", refusal.reason.place, refusal.reason.rule));
    screen.remark(&refusal.reason.problem);
    if let Some(remedy) = &refusal.reason.remedy {
        screen.remark(&format!("What helps: {remedy}."));
    }
    let story = Story {
        written: avro.totals().clone(),
        tips: avro.tips(),
        read,
        ids: [first_id, second_id],
        refusal,
    };
    story.check()?;
    Ok(story)
}

/// Asks for a change that old trips do not allow; the registry must say no, and the reason is shown.
async fn refuse(registry: &RegistryClient) -> anyhow::Result<Refusal> {
    let schema = Schema::new(medallion_serdes::SchemaType::Avro, VERSIONS[2]);
    let code = match registry.register(SUBJECT, &schema, false).await {
        Err(RegistryError::Refused { status: 409, error_code, .. }) => error_code,
        Err(error) => return Err(error.into()),
        Ok(_) => {
            let message = "the registry took a schema that cannot read the trips that are there";
            return Err(Failure::new(message, "this is a bug in Medallion's schema registry").into());
        }
    };
    let parse = |text: &str| ParsedSchema::parse(SchemaType::Avro, text, &[], Validation::Strict);
    let (old, new) = (parse(VERSIONS[1])?, parse(VERSIONS[2])?);
    let previous = [Previous { version: Some(2), schema: &old }];
    let found = conflict(CompatibilityLevel::Backward, CompatibilityPolicy::Strict, &new, &previous);
    let reason = found.and_then(|found| found.explain(&new).into_iter().next());
    let reason = reason.ok_or_else(|| anyhow::anyhow!("nothing explains why version 3 was refused"))?;
    Ok(Refusal { code, reason })
}

impl Story {
    /// Fails unless all that went in came out, under the schema that it was written with.
    fn check(&self) -> anyhow::Result<()> {
        let written = self.written.sum().trips;
        let by_schema: u64 = self.read.by_schema.values().sum();
        let agree = self.read.totals == self.written && self.read.tips == self.tips && by_schema == written;
        if agree && self.ids.iter().all(|id| self.read.by_schema.contains_key(id)) {
            return Ok(());
        }
        let message = format!(
            "{} came out of {TOPIC} where {} went in",
            counted(by_schema, "trip"),
            thousands(written)
        );
        Err(Failure::new(message, "this is a bug in Medallion, or something else writes to the topic").into())
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "subject": SUBJECT,
            "ids": self.ids,
            "reader": self.read.client,
            "trips_written": self.written.sum().trips,
            "trips_read": self.read.totals.sum().trips,
            "fares_written": self.written.sum().fares,
            "fares_read": self.read.totals.sum().fares,
            "tips_written": self.tips,
            "tips_read": self.read.tips,
            "refused": {
                "error_code": self.refusal.code,
                "place": self.refusal.reason.place,
                "rule": self.refusal.reason.rule,
                "remedy": self.refusal.reason.remedy,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_version_follows_the_first_and_the_third_does_not() {
        let parse =
            |text: &str| ParsedSchema::parse(SchemaType::Avro, text, &[], Validation::Strict).unwrap();
        let [first, second, third] = VERSIONS.map(parse);
        let reasons = |old: &ParsedSchema, new: &ParsedSchema| {
            let previous = [Previous { version: None, schema: old }];
            conflict(CompatibilityLevel::Full, CompatibilityPolicy::Strict, new, &previous)
                .map(|found| found.explain(new))
                .unwrap_or_default()
        };
        assert_eq!(reasons(&first, &second), []);
        let broken = reasons(&second, &third);
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].place, "Trip.driver_id");
    }
}
