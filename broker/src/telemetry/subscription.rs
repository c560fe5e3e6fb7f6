//! What clients are asked to push: client metrics subscriptions, as the metadata has them.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;
use tracing::error;

use super::INTERVAL_MS_DEFAULT;
use crate::config::{ClientAttribute, ClientMatch};
use crate::controller::image::{MetadataImage, ResourceType};

/// What stands for all metrics.
const ALL: &str = "*";

/// One subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    clients: ClientMatch,
    metrics: Vec<String>,
    interval_ms: i32,
}

/// What one client is asked for by all subscriptions together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Prefixes of names of metrics, or `*` alone; nothing is asked for when empty.
    pub(super) metrics: Vec<String>,
    /// Between two pushes.
    pub(super) interval_ms: i32,
}

impl Subscription {
    /// The subscription that these settings make.
    ///
    /// # Errors
    /// What is wrong with `match`.
    fn new(settings: &OrdMap<Arc<str>, Arc<str>>) -> Result<Self, String> {
        let list = |name: &str| {
            let text = settings.get(name).map_or("", |text| text);
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let clients = ClientMatch::parse(list("match").iter().map(String::as_str));
        let interval_ms = settings.get("interval.ms").and_then(|text| text.trim().parse().ok());
        Ok(Self {
            clients: clients.map_err(|illegal| illegal.to_string())?,
            metrics: list("metrics"),
            interval_ms: interval_ms.unwrap_or(INTERVAL_MS_DEFAULT),
        })
    }
}

/// All subscriptions of an image. One that Kafka took and that means nothing here is told in the log, and is for nobody.
pub(super) fn of_image(image: &MetadataImage) -> Vec<Subscription> {
    let named = image.configs.iter().filter(|(resource, _)| resource.kind == ResourceType::ClientMetrics);
    named
        .filter_map(|(resource, settings)| match Subscription::new(settings) {
            Ok(subscription) => Some(subscription),
            Err(reason) => {
                error!(subscription = %resource.name, %reason, "a client metrics subscription is left out");
                None
            }
        })
        .collect()
}

/// What a client with these attributes is asked for: all metrics of the subscriptions that match it, as often as the most
/// eager of them wants.
pub(super) fn wanted<'a>(
    subscriptions: &[Subscription],
    attribute: impl Fn(ClientAttribute) -> Option<&'a str>,
) -> Wanted {
    let mut metrics = BTreeSet::new();
    let mut interval_ms = INTERVAL_MS_DEFAULT;
    for subscription in subscriptions.iter().filter(|subscription| subscription.clients.matches(&attribute)) {
        metrics.extend(subscription.metrics.iter().cloned());
        interval_ms = interval_ms.min(subscription.interval_ms);
    }
    if metrics.contains(ALL) {
        metrics = [ALL.to_owned()].into();
    }
    Wanted { metrics: metrics.into_iter().collect(), interval_ms }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A subscription with these settings.
    pub(in crate::telemetry) fn subscription(settings: &[(&str, &str)]) -> Subscription {
        let settings = settings.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect();
        Subscription::new(&settings).expect("sound settings")
    }

    fn of_client(subscriptions: &[Subscription], id: &str) -> (Vec<String>, i32) {
        let wanted =
            wanted(subscriptions, |attribute| Some(id).filter(|_| attribute == ClientAttribute::ClientId));
        (wanted.metrics, wanted.interval_ms)
    }

    #[test]
    fn subscriptions_add_up() {
        let subscriptions = [
            subscription(&[("metrics", "b.,a."), ("interval.ms", "5000"), ("match", "client_id=app.*")]),
            subscription(&[("metrics", "c.,a."), ("interval.ms", "1000")]),
            subscription(&[("metrics", "*"), ("match", "client_id=greedy")]),
            subscription(&[("metrics", "never"), ("match", "client_software_name=x")]),
        ];
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(of_client(&subscriptions, "app-1"), (texts(&["a.", "b.", "c."]), 1000));
        assert_eq!(of_client(&subscriptions, "other"), (texts(&["a.", "c."]), 1000));
        assert_eq!(of_client(&subscriptions, "greedy"), (texts(&["*"]), 1000));
        assert_eq!(of_client(&[], "app-1"), (vec![], INTERVAL_MS_DEFAULT));
        assert_eq!(of_client(&[subscription(&[])], "app-1"), (vec![], INTERVAL_MS_DEFAULT));
    }
}
