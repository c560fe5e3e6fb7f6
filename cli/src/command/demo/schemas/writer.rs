//! Trips in, by the Rust client and its Avro serializer.

use std::time::Duration;

use anyhow::Context;
use medallion_client::{Admin, Client, ClientSettings, NewTopic, Producer, ProducerSettings, Record};
use medallion_serdes::avro::AvroSerializer;
use medallion_serdes::{RecordPart, RegistryClient, Schema, SchemaType, SerializerSettings};
use serde::Serialize;

use super::{SUBJECT, TOPIC};
use crate::trips::{Cents, Totals, Trip};

const PARTITIONS: i32 = 3;
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);

/// A trip as the first schema has it.
#[derive(Serialize)]
struct AvroTrip {
    pickup_datetime: i64,
    pickup_location_id: i32,
    dropoff_location_id: i32,
    trip_distance: f64,
    fare_amount: f64,
}

/// A trip as the second schema has it.
#[derive(Serialize)]
struct AvroTripWithTip {
    pickup_datetime: i64,
    pickup_location_id: i32,
    dropoff_location_id: i32,
    trip_distance: f64,
    fare_amount: f64,
    tip_amount: Option<f64>,
}

/// Writes trips, and counts what it wrote.
pub(super) struct AvroTrips {
    registry: RegistryClient,
    producer: Producer,
    totals: Totals,
    tips: Cents,
}

impl AvroTrips {
    /// Makes the topic anew and opens a producer.
    pub(super) async fn open(bootstrap: &str, registry: &RegistryClient) -> anyhow::Result<Self> {
        let client = Client::new(ClientSettings::new(bootstrap))?;
        make_topic(&Admin::new(&client)).await.with_context(|| format!("cannot make the topic {TOPIC}"))?;
        let producer = Producer::new(&client, ProducerSettings::default())?;
        Ok(Self { registry: registry.clone(), producer, totals: Totals::default(), tips: Cents::default() })
    }

    /// Writes trips with a schema and waits until all are acknowledged; the schema's id.
    pub(super) async fn write(
        &mut self,
        schema: &str,
        trips: &[Trip],
        has_tips: bool,
    ) -> anyhow::Result<i32> {
        let schema = Schema::new(SchemaType::Avro, schema);
        let registered = self.registry.register(SUBJECT, &schema, false).await?;
        let serializer =
            AvroSerializer::new(&self.registry, schema, RecordPart::Value, SerializerSettings::default())?;
        let mut deliveries = Vec::with_capacity(trips.len());
        for trip in trips {
            let value = if has_tips {
                serializer.serialize(TOPIC, &AvroTripWithTip::of(trip)).await?
            } else {
                serializer.serialize(TOPIC, &AvroTrip::of(trip)).await?
            };
            let key = trip.pickup_location_id.to_string();
            deliveries.push(self.producer.send(Record::to(TOPIC).key(&key).value(&value)).await?);
            self.totals.add(trip.pickup_location_id, trip.fare_amount);
            self.tips.0 += if has_tips { trip.tip_amount.0 } else { 0 };
        }
        self.producer.flush().await;
        for delivery in deliveries {
            delivery.await?;
        }
        registered.id.context("the registry tells no id")
    }

    /// What has been written.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The sum of the tips that have been written.
    pub(super) fn tips(&self) -> Cents {
        self.tips
    }
}

impl AvroTrip {
    fn of(trip: &Trip) -> Self {
        Self {
            pickup_datetime: trip.pickup_ms,
            pickup_location_id: trip.pickup_location_id.into(),
            dropoff_location_id: trip.dropoff_location_id.into(),
            trip_distance: trip.miles,
            fare_amount: trip.fare_amount.dollars(),
        }
    }
}

impl AvroTripWithTip {
    fn of(trip: &Trip) -> Self {
        let AvroTrip { pickup_datetime, pickup_location_id, dropoff_location_id, trip_distance, fare_amount } =
            AvroTrip::of(trip);
        let tip_amount = Some(trip.tip_amount.dollars());
        Self {
            pickup_datetime,
            pickup_location_id,
            dropoff_location_id,
            trip_distance,
            fare_amount,
            tip_amount,
        }
    }
}

/// A fresh topic. Trips of years ago must not be deleted at once for their age.
async fn make_topic(admin: &Admin) -> anyhow::Result<()> {
    let topic = NewTopic::new(TOPIC, PARTITIONS).config("retention.ms", "-1");
    // A topic of an earlier demo need not be there.
    let _ = admin.delete_topics(&[TOPIC]).await?;
    let deadline = tokio::time::Instant::now() + CREATE_TIMEOUT;
    loop {
        let outcome = admin.create_topics(std::slice::from_ref(&topic)).await?.into_values().next();
        match outcome.context("no answer")? {
            Ok(_) => return Ok(()),
            // The old topic is still being deleted.
            Err(_) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
