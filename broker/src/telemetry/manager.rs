//! Who is asked for what, and who may push when: a protocol machine. Source: Kafka's `ClientMetricsManager`.
//!
//! A client asks for its subscription, and gets an id by which it is known from then on. It pushes at the interval that it
//! was told; a change of subscriptions, or of the client's place in the cache, makes it ask again.

use std::collections::{BTreeMap, HashMap};

use medallion_wire::records::Compression;
use medallion_wire::types::Uuid;
use medallion_wire::{ResponseError, TopicId};

use super::instance::{Instance, Origin};
use super::subscription::{self, Subscription};

/// So many clients are known; the one that was heard of least lately goes first.
const INSTANCES_MAX: usize = 16_384;
/// A client that was not heard of for so long is forgotten, or for three intervals where that is longer.
const EXPIRY_MS_MIN: i64 = 60_000;
const EXPIRY_INTERVALS: i64 = 3;

/// The answer to a client that asks for its subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) client_instance_id: Uuid,
    pub(crate) subscription_id: i32,
    pub(crate) metrics: Vec<String>,
    pub(crate) interval_ms: i32,
}

/// What a client pushes, beside the metrics themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) client_instance_id: Uuid,
    pub(crate) subscription_id: i32,
    pub(crate) is_terminating: bool,
    pub(crate) compression: i8,
    pub(crate) size_bytes: usize,
}

/// A push that may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) compression: Compression,
    /// For how long what it holds is shown.
    pub(crate) expiry_ms: i64,
}

/// All clients and subscriptions. The time is that of a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Manager {
    subscriptions: Vec<Subscription>,
    version: u64,
    instances: HashMap<Uuid, Instance>,
    by_use: BTreeMap<u64, Uuid>,
    uses: u64,
}

impl Manager {
    /// Takes changed subscriptions. What each client is asked for is made anew when it comes next.
    pub(super) fn set_subscriptions(&mut self, subscriptions: Vec<Subscription>) {
        self.subscriptions = subscriptions;
        self.version += 1;
    }

    /// How many clients are known.
    pub(super) fn len(&self) -> usize {
        self.instances.len()
    }

    /// A client asks what to push. Without an id it gets one: `new_id`, which nobody may have.
    ///
    /// # Errors
    /// `THROTTLING_QUOTA_EXCEEDED` before its interval is over.
    pub(super) fn get(
        &mut self,
        id: Uuid,
        new_id: &mut dyn FnMut() -> Uuid,
        origin: &dyn Origin,
        now_ms: i64,
    ) -> Result<Told, ResponseError> {
        self.expire(now_ms);
        let id = if id.is_nil() { self.unused_id(new_id) } else { id };
        let instance = self.instance(id, origin, now_ms);
        let may = instance.may_get(now_ms);
        let asked_to = [ResponseError::UnknownSubscriptionId, ResponseError::UnsupportedCompressionType];
        if !may && !instance.last_error.is_some_and(|error| asked_to.contains(&error)) {
            return Err(ResponseError::ThrottlingQuotaExceeded);
        }
        instance.last_error = None;
        Ok(Told {
            client_instance_id: id,
            subscription_id: instance.subscription_id,
            metrics: instance.wanted.metrics.clone(),
            interval_ms: instance.wanted.interval_ms,
        })
    }

    /// A client pushes. What is in the push is to be read if it may; [`Manager::push_failed`] says that it could not be.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an id that is none and behind a last push, `THROTTLING_QUOTA_EXCEEDED` too early,
    /// `UNKNOWN_SUBSCRIPTION_ID`, `UNSUPPORTED_COMPRESSION_TYPE`, `TELEMETRY_TOO_LARGE`.
    pub(super) fn push(
        &mut self,
        push: &Push,
        origin: &dyn Origin,
        size_bytes_max: usize,
        now_ms: i64,
    ) -> Result<Accepted, ResponseError> {
        self.expire(now_ms);
        if is_reserved(push.client_instance_id) {
            return Err(ResponseError::InvalidRequest);
        }
        let instance = self.instance(push.client_instance_id, origin, now_ms);
        let outcome = check(instance, push, size_bytes_max, now_ms);
        instance.is_terminating = push.is_terminating;
        instance.last_error = outcome.err();
        let expiry_ms = expiry_ms(instance);
        outcome.map(|compression| Accepted { compression, expiry_ms })
    }

    /// A push that was accepted could not be read.
    pub(super) fn push_failed(&mut self, id: Uuid, error: ResponseError) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.last_error = Some(error);
        }
    }

    /// The connection is gone on which a client was first heard of: it begins anew.
    pub(super) fn forget(&mut self, id: Uuid) {
        if let Some(instance) = self.instances.remove(&id) {
            let _ = self.by_use.remove(&instance.used);
        }
    }

    fn unused_id(&self, new_id: &mut dyn FnMut() -> Uuid) -> Uuid {
        loop {
            let id = new_id();
            // As Kafka's, none begins like an option of a command.
            if !is_reserved(id) && !java_text(id).starts_with('-') && !self.instances.contains_key(&id) {
                return id;
            }
        }
    }

    /// The instance with this id, made where it is not known and made anew where subscriptions have changed since.
    fn instance(&mut self, id: Uuid, origin: &dyn Origin, now_ms: i64) -> &mut Instance {
        if self.instances.get(&id).is_some_and(|known| known.expires_ms <= now_ms) {
            self.forget(id);
        }
        let known = self.instances.get(&id);
        if known.is_none_or(|known| known.version < self.version) {
            let attributes = known.map_or_else(
                || {
                    origin.first_heard(id);
                    origin.attributes()
                },
                |known| known.attributes.clone(),
            );
            self.forget(id);
            let text = java_text(id);
            let wanted = subscription::wanted(&self.subscriptions, |name| attributes.get(&text, name));
            let _ = self.instances.insert(id, Instance::new(id, attributes, wanted, self.version));
        }
        self.touch(id);
        while self.instances.len() > INSTANCES_MAX {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            let _ = self.instances.remove(&oldest);
        }
        let instance = self.instances.get_mut(&id).expect("it was used last");
        instance.expires_ms = now_ms + expiry_ms(instance);
        instance
    }

    fn touch(&mut self, id: Uuid) {
        let instance = self.instances.get_mut(&id).expect("it is known");
        self.uses += 1;
        let _ = self.by_use.remove(&instance.used);
        instance.used = self.uses;
        let _ = self.by_use.insert(self.uses, id);
    }

    /// Forgets who is silent for too long, in the order of use: whoever is behind one that may be silent for longer stays
    /// until it is looked at.
    pub(super) fn expire(&mut self, now_ms: i64) {
        while let Some((_, id)) = self.by_use.first_key_value() {
            let id = *id;
            if self.instances.get(&id).is_some_and(|instance| instance.expires_ms > now_ms) {
                return;
            }
            self.forget(id);
        }
    }
}

fn check(
    instance: &mut Instance,
    push: &Push,
    size_bytes_max: usize,
    now_ms: i64,
) -> Result<Compression, ResponseError> {
    if instance.is_terminating {
        return Err(ResponseError::InvalidRequest);
    }
    if !instance.may_push(now_ms) && !push.is_terminating {
        return Err(ResponseError::ThrottlingQuotaExceeded);
    }
    if push.subscription_id != instance.subscription_id {
        return Err(ResponseError::UnknownSubscriptionId);
    }
    let compression = u8::try_from(push.compression).ok().and_then(Compression::from_code);
    let compression = compression.ok_or(ResponseError::UnsupportedCompressionType)?;
    if push.size_bytes > size_bytes_max {
        return Err(ResponseError::TelemetryTooLarge);
    }
    Ok(compression)
}

fn expiry_ms(instance: &Instance) -> i64 {
    EXPIRY_MS_MIN.max(EXPIRY_INTERVALS * i64::from(instance.wanted.interval_ms))
}

/// Ids that mean something else: none, and the metadata topic's.
fn is_reserved(id: Uuid) -> bool {
    id.as_u128() <= 1
}

/// An id as Kafka shows it, which is how it shows topics' ids too.
pub(super) fn java_text(id: Uuid) -> String {
    TopicId(id).to_string()
}

#[cfg(test)]
mod tests;
