//! The settings that hold now: what the start gave and what the metadata changes while the broker runs (KIP-226).

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use imbl::OrdMap;
use tracing::{error, info, warn};

use crate::config::dynamic::Overrides;
use crate::config::schema::Schema;
use crate::config::{BrokerConfig, ConfigErrors, DynamicConfig, Settings, TopicConfig};
use crate::controller::image::{MetadataDelta, MetadataImage, ResourceType};

/// The broker's settings, replaced as a whole when the metadata changes them.
#[derive(Debug)]
pub(crate) struct LiveConfig {
    node_id: i32,
    dynamic: ArcSwap<DynamicConfig>,
    effective: ArcSwap<BrokerConfig>,
}

impl LiveConfig {
    /// The settings of the start.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn new(settings: Settings, node_id: i32) -> Result<Self, ConfigErrors> {
        let dynamic = DynamicConfig::new(settings);
        let (effective, _) = dynamic.effective()?;
        Ok(Self {
            node_id,
            dynamic: ArcSwap::from_pointee(dynamic),
            effective: ArcSwap::from_pointee(effective),
        })
    }

    /// How the controller checks and completes configs.
    pub(crate) fn schema(&self) -> Schema {
        Schema::new(self.dynamic.load().as_ref().clone(), self.node_id)
    }

    /// What holds now.
    pub(crate) fn load(&self) -> Guard<Arc<BrokerConfig>> {
        self.effective.load()
    }

    /// The layers that it comes from.
    pub(crate) fn dynamic(&self) -> Guard<Arc<DynamicConfig>> {
        self.dynamic.load()
    }

    /// Takes what the metadata says about this broker and about all brokers.
    pub(crate) fn follow(&self, image: &MetadataImage) {
        let cluster = overrides(&image.configs_of(ResourceType::Broker, ""));
        let own = overrides(&image.configs_of(ResourceType::Broker, &self.node_id.to_string()));
        let (dynamic, notices) = self.dynamic.load().with_overrides(&cluster, &own);
        for notice in notices {
            warn!("{notice}");
        }
        match dynamic.effective() {
            Ok((effective, _)) => {
                self.dynamic.store(Arc::new(dynamic));
                self.effective.store(Arc::new(effective));
            }
            Err(errors) => error!(%errors, "changed settings do not go together; the former ones stay"),
        }
    }

    /// As [`LiveConfig::follow`], when a delta changes settings of brokers; whether it does.
    pub(crate) fn apply(&self, delta: &MetadataDelta) -> bool {
        let changed = delta.changes.configs.iter().any(|resource| resource.kind == ResourceType::Broker);
        if changed {
            self.follow(&delta.after);
            info!("settings of the broker changed");
        }
        changed
    }

    /// The settings that hold for a topic.
    pub(crate) fn topic(&self, image: &MetadataImage, name: &str) -> TopicConfig {
        let own = image.configs_of(ResourceType::Topic, name);
        self.effective.load().topic_defaults.topic(own.iter().map(|(name, value)| (&**name, &**value)))
    }
}

/// A resource's configs as plain strings.
pub(crate) fn overrides(configs: &OrdMap<Arc<str>, Arc<str>>) -> Overrides {
    configs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}
