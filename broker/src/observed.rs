//! What `/metrics` and `/health` show of a running broker.

use std::sync::Arc;

use crate::handler::BrokerState;
use crate::server::admin_http::Observed;
use crate::server::listener::ConnectionCounter;
use crate::server::memory::MemoryBudget;

/// A broker as operators see it.
#[derive(Debug)]
pub(crate) struct ObservedBroker {
    state: Arc<BrokerState>,
    counter: Arc<ConnectionCounter>,
    budget: MemoryBudget,
}

impl ObservedBroker {
    /// The broker with this state.
    pub(crate) fn new(
        state: Arc<BrokerState>,
        counter: Arc<ConnectionCounter>,
        budget: MemoryBudget,
    ) -> Self {
        Self { state, counter, budget }
    }
}

impl Observed for ObservedBroker {
    fn metrics(&self) -> String {
        format!("# connections {} memory {}\n", self.counter.total(), self.budget.used_bytes())
    }

    fn ready(&self) -> Result<(), String> {
        match self.state.replicas.opening() {
            0 => Ok(()),
            logs => Err(format!("{logs} logs are still being opened")),
        }
    }
}
