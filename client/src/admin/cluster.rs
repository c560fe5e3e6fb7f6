//! The cluster itself.

use std::sync::Arc;

use medallion_wire::BrokerId;

use super::Admin;
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
