//! Client telemetry (KIP-714): clients push their own metrics, which are shown beside ours.
//!
//! ```text
//! client metrics subscriptions (configs) ─> subscription ─┐
//! GetTelemetrySubscriptions ─────────────────────────────>│ manager ─> who pushes what, and when
//! PushTelemetry ─> manager ─> otlp ─> series ─> /metrics
//! ```
//!
//! - [`subscription`]: what is asked for; [`instance`], [`manager`]: who is asked, a protocol machine;
//! - [`otlp`]: what a push holds; [`series`]: what is kept of it.

mod instance;
mod manager;
mod otlp;
mod series;
mod subscription;

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::records::{Compression, DecompressionLimits, decompress_bytes};
use medallion_wire::types::Uuid;
use parking_lot::Mutex;
use prometheus::proto::MetricFamily;
use tracing::debug;

pub(crate) use self::instance::{ClientAttributes, Origin};
use self::manager::Manager;
pub(crate) use self::manager::{Accepted, Push, Told};
use self::otlp::Samples;
use self::series::ClientSeries;
use crate::controller::image::{MetadataDelta, MetadataImage, ResourceType};

/// Kafka's default of `interval.ms`, which is also what a client without a subscription is told.
const INTERVAL_MS_DEFAULT: i32 = 300_000;

/// The clients that push, and what they have pushed. Times are of a clock that never goes back.
#[derive(Debug, Default)]
pub(crate) struct ClientTelemetry {
    manager: Mutex<Manager>,
    series: Mutex<ClientSeries>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// What is shown of clients' metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientMetricsSnapshot {
    /// How many clients have asked what to push.
    pub(crate) instances: usize,
    /// How many series there are.
    pub(crate) series: usize,
    /// What the clients' last pushes held beyond the bounds.
    pub(crate) left_out: usize,
    /// The series.
    pub(crate) families: Vec<MetricFamily>,
}

impl ClientTelemetry {
    /// Without clients, with the subscriptions of the metadata.
    pub(crate) fn of(image: &MetadataImage) -> Self {
        let telemetry = Self::default();
        telemetry.follow(image);
        telemetry
    }

    /// Takes the subscriptions of the metadata.
    fn follow(&self, image: &MetadataImage) {
        self.manager.lock().set_subscriptions(subscription::of_image(image));
    }

    /// As [`ClientTelemetry::follow`], when a delta changes subscriptions.
    pub(crate) fn apply(&self, delta: &MetadataDelta) {
        if delta.changes.configs.iter().any(|resource| resource.kind == ResourceType::ClientMetrics) {
            self.follow(&delta.after);
        }
    }

    /// A client asks what to push; without an id it gets one.
    ///
    /// # Errors
    /// `THROTTLING_QUOTA_EXCEEDED` too early.
    pub(crate) fn get(&self, id: Uuid, origin: &dyn Origin, now_ms: i64) -> Result<Told, ResponseError> {
        self.manager.lock().get(id, &mut Uuid::new_v4, origin, now_ms)
    }

    /// A client pushes: whether it may. What it pushes goes to [`ClientTelemetry::take`].
    ///
    /// # Errors
    /// Kafka's, see [`Manager::push`].
    pub(crate) fn push(
        &self,
        push: &Push,
        origin: &dyn Origin,
        size_bytes_max: usize,
        now_ms: i64,
    ) -> Result<Accepted, ResponseError> {
        self.manager.lock().push(push, origin, size_bytes_max, now_ms)
    }

    /// Waits until nobody else reads a push, which takes memory of some times its size.
    pub(crate) async fn turn(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.reading).lock_owned().await
    }

    /// Reads what an accepted push holds, which takes time.
    ///
    /// # Errors
    /// `INVALID_RECORD`.
    pub(crate) fn take(&self, pushed: &Pushed<'_>, now_ms: i64) -> Result<(), ResponseError> {
        match read(pushed) {
            Ok(samples) => {
                let mut series = self.series.lock();
                series.expire(now_ms);
                let expires_ms = now_ms + pushed.expiry_ms;
                series.take(pushed.id, pushed.client_id, samples, expires_ms, pushed.series_max);
                Ok(())
            }
            Err(reason) => {
                debug!(client_id = pushed.client_id, reason, "metrics of a client cannot be read");
                self.manager.lock().push_failed(pushed.id, ResponseError::InvalidRecord);
                Err(ResponseError::InvalidRecord)
            }
        }
    }

    /// The connection is gone on which a client was first heard of. What it has pushed stays for its time.
    pub(crate) fn disconnected(&self, id: Uuid) {
        self.manager.lock().forget(id);
    }

    /// What is to be shown now.
    pub(crate) fn snapshot(&self, now_ms: i64) -> ClientMetricsSnapshot {
        let instances = {
            let mut manager = self.manager.lock();
            manager.expire(now_ms);
            manager.len()
        };
        let mut series = self.series.lock();
        series.expire(now_ms);
        let counts = series.counts();
        ClientMetricsSnapshot {
            instances,
            series: counts.series,
            left_out: counts.left_out,
            families: series.families(),
        }
    }
}

/// What an accepted push holds.
#[derive(Debug, Clone)]
pub(crate) struct Pushed<'a> {
    /// Whose it is.
    pub(crate) id: Uuid,
    /// Its `client.id`.
    pub(crate) client_id: &'a str,
    /// As it came.
    pub(crate) metrics: &'a Bytes,
    /// How it is compressed.
    pub(crate) compression: Compression,
    /// How large it may be once it is not (`telemetry.max.bytes`).
    pub(crate) size_bytes_max: usize,
    /// For how long it is shown.
    pub(crate) expiry_ms: i64,
    /// How many series there may be of all clients together.
    pub(crate) series_max: usize,
}

fn read(pushed: &Pushed<'_>) -> Result<Samples, String> {
    let limits = DecompressionLimits::new(pushed.size_bytes_max);
    let plain = decompress_bytes(pushed.compression, pushed.metrics, limits)?;
    otlp::read(&plain)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::otlp::tests::{gauge, push};
    use super::*;

    /// A connection, and who was first heard of on it.
    #[derive(Debug, Default)]
    pub(super) struct Connection {
        pub(super) first_heard: RefCell<Vec<Uuid>>,
    }

    impl Origin for Connection {
        fn attributes(&self) -> ClientAttributes {
            ClientAttributes {
                client_id: Some("app".to_owned()),
                software: None,
                source_address: "127.0.0.1".to_owned(),
                source_port: "4711".to_owned(),
            }
        }

        fn first_heard(&self, id: Uuid) {
            self.first_heard.borrow_mut().push(id);
        }
    }

    fn pushed(metrics: &Bytes, compression: Compression) -> Pushed<'_> {
        Pushed {
            id: Uuid::from_u128(7),
            client_id: "app",
            metrics,
            compression,
            size_bytes_max: 1000,
            expiry_ms: 60_000,
            series_max: 10,
        }
    }

    #[test]
    fn what_is_pushed_is_shown_until_its_client_is_silent() {
        let telemetry = ClientTelemetry::default();
        let id = telemetry.get(Uuid::nil(), &Connection::default(), 0).expect("told").client_instance_id;
        assert!(!id.is_nil());
        let metrics = Bytes::from(push(vec![gauge("a", 1.0)]));
        assert_eq!(telemetry.take(&pushed(&metrics, Compression::None), 0), Ok(()));
        let shown = telemetry.snapshot(59_999);
        assert_eq!((shown.instances, shown.series, shown.families.len()), (1, 1, 1));
        telemetry.disconnected(id);
        let shown = telemetry.snapshot(59_999);
        assert_eq!((shown.instances, shown.series), (0, 1), "what it pushed stays");
        let shown = telemetry.snapshot(60_000);
        assert_eq!((shown.series, shown.families.len()), (0, 0));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let telemetry = ClientTelemetry::default();
        let large = Bytes::from(push(vec![gauge(&"n".repeat(2000), 1.0)]));
        let garbage = Bytes::from_static(b"hello");
        for (metrics, compression) in
            [(&garbage, Compression::None), (&garbage, Compression::Zstd), (&large, Compression::None)]
        {
            let outcome = telemetry.take(&pushed(metrics, compression), 0);
            assert_eq!(outcome, Err(ResponseError::InvalidRecord), "{compression:?}");
        }
        assert_eq!(telemetry.snapshot(0).series, 0);
    }
}
