//! Brings the metadata's quotas to those who hold requests and connections against them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;

use crate::config::BrokerConfig;
use crate::controller::MetadataImage;
use crate::handler::alter_client_quotas::resolve;
use crate::quota::{ClientQuotas, ConnectionRates, IpQuotas, QuotaWindows, Windows};

/// The quotas of a broker. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Quotas {
    pub(super) clients: Arc<ClientQuotas>,
    pub(super) connections: Arc<ConnectionRates>,
    runtime: Handle,
    /// How many changes were followed, so that a slow look-up of host names does not undo a later change.
    changes: Arc<AtomicU64>,
}

impl Quotas {
    /// The quotas in `image`, measured as the settings say.
    pub(super) fn new(config: &BrokerConfig, image: &MetadataImage) -> Self {
        let windows = QuotaWindows {
            client: windows(config.quota_window_num, config.quota_window_size_seconds),
            controller: windows(
                config.controller_quota_window_num,
                config.controller_quota_window_size_seconds,
            ),
        };
        let quotas = Self {
            clients: Arc::new(ClientQuotas::new(windows)),
            connections: Arc::new(ConnectionRates::new(windows.client)),
            runtime: Handle::current(),
            changes: Arc::default(),
        };
        quotas.follow(image);
        quotas
    }

    /// Takes the quotas in `image`. Host names are looked up beside: until that is done the former quotas of addresses hold.
    pub(super) fn follow(&self, image: &MetadataImage) {
        let quotas = &image.client_quotas;
        self.clients.follow(quotas);
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        if !IpQuotas::has_host_names(quotas) {
            self.connections.follow(IpQuotas::new(quotas, |_| None));
            return;
        }
        let (this, quotas) = (self.clone(), quotas.clone());
        self.runtime.spawn_blocking(move || {
            let resolved = IpQuotas::new(&quotas, |host| {
                let address = resolve(host);
                if address.is_none() {
                    tracing::warn!(host, "the quota of this host is not enforced: its address is not known");
                }
                address
            });
            if this.changes.load(Ordering::SeqCst) == change {
                this.connections.follow(resolved);
            }
        });
    }
}

fn windows(count: u32, size_seconds: u32) -> Windows {
    Windows { count: count.max(1), size_ms: i64::from(size_seconds.max(1)) * 1_000 }
}
