//! The cluster itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::BrokerId;
use medallion_wire::messages::ApiVersionsRequest;

use super::{Admin, Asked, text};
use crate::error::Error;
use crate::metadata::Broker;

/// A cluster as a broker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterDescription {
    /// Its id.
    pub id: Option<Arc<str>>,
    /// Who takes changes; with KRaft any broker, which forwards them.
    pub controller: Option<BrokerId>,
    /// The brokers that live, by id.
    pub brokers: Vec<Broker>,
}

impl Admin {
    /// The cluster's id and brokers, asked for now.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, Error> {
        let picture = self.picture(Some(Vec::new())).await?;
        let brokers = picture.brokers.into_values().collect();
        Ok(ClusterDescription { id: picture.id, controller: picture.controller, brokers })
    }
}

/// The levels of a feature (KIP-584).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// The lowest and the highest level that the asked broker supports; `None` where it does not know the feature.
    pub supported: Option<(i16, i16)>,
    /// The level that the cluster has agreed on; `None` where it is 0: off.
    pub finalized: Option<i16>,
}

impl Admin {
    /// The features of the cluster as a broker knows them, by name.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_features(&self) -> Result<BTreeMap<String, Feature>, Error> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(text("medallion-client"))
            .with_client_software_version(text(env!("CARGO_PKG_VERSION")));
        let response = self.ask(Asked::Any, request).await?;
        Error::check(response.error_code, || "features".to_owned(), None)?;
        let mut features: BTreeMap<String, Feature> = BTreeMap::new();
        for feature in &response.supported_features {
            let levels = (feature.min_version, feature.max_version);
            features.entry(feature.name.to_string()).or_default().supported = Some(levels);
        }
        for feature in &response.finalized_features {
            let level = Some(feature.max_version_level);
            features.entry(feature.name.to_string()).or_default().finalized = level;
        }
        Ok(features)
    }
}
