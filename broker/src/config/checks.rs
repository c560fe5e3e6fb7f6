//! What settings demand of one another, and values that are made of several.
//!
//! Source: Kafka's `KafkaConfig.validateValues`.

use super::broker::{BrokerConfig, QuorumVoter};
use super::error::ConfigError;
use super::resolved::Resolved;
use super::value::Value;
use medallion_wire::BrokerId;
use medallion_wire::records::{Compression, CompressionSettings};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

const MEBIBYTE: u64 = 1 << 20;

/// Checks that need no types yet.
pub(super) fn check(settings: &Resolved<'_>) -> Result<(), ConfigError> {
    check_roles(settings)?;
    check_limit(settings, "log.retention.ms", -1)?;
    check_limit(settings, "log.retention.minutes", -1)?;
    check_limit(settings, "log.retention.hours", -1)?;
    check_positive(settings, "log.roll.ms", 1)?;
    check_positive(settings, "log.roll.jitter.ms", 0)
}

/// Checks of the finished settings against one another.
pub(super) fn check_together(settings: &Resolved<'_>, config: &BrokerConfig) -> Result<(), ConfigError> {
    let names = &config.controller_listener_names;
    if config.controller_listeners().next().is_none() {
        let message = format!("listeners must have one of controller.listener.names ({})", names.join(","));
        return Err(settings.conflict("listeners", message));
    }
    if names.contains(&config.inter_broker_listener_name) {
        let message =
            "the listener for brokers among themselves must not be one of controller.listener.names";
        return Err(settings.conflict("inter.broker.listener.name", message));
    }
    check_voters(settings, config)?;
    check_consumer_groups(settings)?;
    if config.queued_max_request_bytes > 0
        && usize::try_from(config.queued_max_request_bytes)
            .is_ok_and(|queued| queued < config.socket_request_max_bytes)
    {
        let message = "queued.max.request.bytes must be larger or equal to socket.request.max.bytes";
        return Err(settings.conflict("queued.max.request.bytes", message));
    }
    if config.max_connections_per_ip == 0 && config.max_connections_per_ip_overrides.is_empty() {
        let message =
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides is set";
        return Err(settings.conflict("max.connections.per.ip", message));
    }
    if config.log_cleaner_dedupe_buffer_size < MEBIBYTE {
        let message = "log.cleaner.dedupe.buffer.size must be at least 1 MiB";
        return Err(settings.conflict("log.cleaner.dedupe.buffer.size", message));
    }
    if config.log_cleaner_io_max_bytes_per_second == 0.0 {
        let message = "log.cleaner.io.max.bytes.per.second must not be 0: nothing would ever be compacted";
        return Err(settings.conflict("log.cleaner.io.max.bytes.per.second", message));
    }
    Ok(())
}

/// The bounds that single groups are held to hold for the broker's own settings too.
fn check_consumer_groups(settings: &Resolved<'_>) -> Result<(), ConfigError> {
    let number = |name: &str| if let Value::Number(number) = settings.value(name) { *number } else { 0 };
    let demand = |holds: bool, name: &str, relation: &str, other: &str| {
        if holds {
            Ok(())
        } else {
            Err(settings.conflict(name, format!("{name} must be {relation} {other}")))
        }
    };
    for what in ["heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"] {
        let [own, min, max] = ["", "min.", "max."].map(|bound| format!("group.consumer.{bound}{what}"));
        demand(number(&max) >= number(&min), &max, "greater than or equal to", &min)?;
        demand(number(&own) >= number(&min), &own, "greater than or equal to", &min)?;
        demand(number(&own) <= number(&max), &own, "less than or equal to", &max)?;
    }
    let [heartbeat, session] = ["group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"];
    demand(number(heartbeat) < number(session), heartbeat, "less than", session)
}

fn check_roles(settings: &Resolved<'_>) -> Result<(), ConfigError> {
    let roles: Vec<String> = settings.read("process.roles")?;
    if roles.len() == 2 {
        return Ok(());
    }
    let reason = "a node is broker and controller in one for now; set it to broker,controller";
    Err(settings.refused("process.roles", reason))
}

fn check_voters(settings: &Resolved<'_>, config: &BrokerConfig) -> Result<(), ConfigError> {
    let name = "controller.quorum.voters";
    let voters = &config.controller_quorum_voters;
    if voters.len() > 1 {
        return Err(
            settings.refused(name, "a quorum of several controllers does not work yet; name this node alone")
        );
    }
    match voters.first() {
        Some(voter) if voter.id != config.node_id => {
            let message = format!(
                "controller.quorum.voters must name this node, {}, and names {}",
                config.node_id, voter.id
            );
            Err(settings.conflict(name, message))
        }
        _ => Ok(()),
    }
}

/// Unlimited (-1), or at least 1.
fn check_limit(settings: &Resolved<'_>, name: &str, unlimited: i64) -> Result<(), ConfigError> {
    match settings.read::<Option<i64>>(name)? {
        Some(value) if value == 0 || value < unlimited => {
            let allowed = "must be unlimited (-1) or, equal or greater than 1";
            Err(settings.invalid(name, &value.to_string(), allowed))
        }
        _ => Ok(()),
    }
}

fn check_positive(settings: &Resolved<'_>, name: &str, minimum: i64) -> Result<(), ConfigError> {
    match settings.read::<Option<i64>>(name)? {
        Some(value) if value < minimum => Err(settings.invalid(
            name,
            &value.to_string(),
            &format!("must be greater than or equal to {minimum}"),
        )),
        _ => Ok(()),
    }
}

/// `node.id`, or `broker.id`.
pub(super) fn node_id(settings: &Resolved<'_>) -> Result<BrokerId, ConfigError> {
    let broker_id: i32 = settings.read("broker.id")?;
    let node_id: i32 = settings.read("node.id")?;
    if settings.is_set("broker.id") && broker_id != node_id {
        let message = format!("broker.id is {broker_id} and node.id is {node_id}; they must be the same");
        return Err(settings.conflict("broker.id", message));
    }
    Ok(BrokerId(node_id))
}

/// `controller.quorum.voters`.
pub(super) fn quorum_voters(settings: &Resolved<'_>) -> Result<Vec<QuorumVoter>, ConfigError> {
    let texts: Vec<String> = settings.read("controller.quorum.voters")?;
    let voter = |text: &String| {
        let (id, address) = text.split_once('@')?;
        let (host, port) = address.rsplit_once(':')?;
        Some(QuorumVoter { id: BrokerId(id.parse().ok()?), host: host.to_owned(), port: port.parse().ok()? })
    };
    texts
        .iter()
        .map(|text| {
            voter(text)
                .ok_or_else(|| settings.invalid("controller.quorum.voters", text, "must be id@host:port"))
        })
        .collect()
}

/// `log.dirs`, or `log.dir`.
pub(super) fn log_dirs(settings: &Resolved<'_>) -> Result<Vec<PathBuf>, ConfigError> {
    let dirs: Option<Vec<String>> = settings.read("log.dirs")?;
    let dirs = match dirs {
        Some(dirs) => dirs,
        None => settings.read("log.dir")?,
    };
    Ok(dirs.into_iter().map(PathBuf::from).collect())
}

/// `metadata.log.dir`, or the first of the log directories.
pub(super) fn metadata_log_dir(settings: &Resolved<'_>) -> Result<PathBuf, ConfigError> {
    if let Some(dir) = settings.read::<Option<String>>("metadata.log.dir")? {
        return Ok(dir.into());
    }
    let first = log_dirs(settings)?.into_iter().next();
    first.ok_or_else(|| {
        settings.conflict("log.dirs", "At least one log directory must be defined via log.dirs or log.dir.")
    })
}

/// `max.connections.per.ip.overrides`. Kafka looks up names of hosts, once; here they are refused, because an address that
/// changes later would go unnoticed.
pub(super) fn max_connections_per_ip_overrides(
    settings: &Resolved<'_>,
) -> Result<BTreeMap<IpAddr, usize>, ConfigError> {
    let name = "max.connections.per.ip.overrides";
    let text: String = settings.read(name)?;
    let invalid = |reason: &str| settings.invalid(name, &text, reason);
    let entry = |item: &str| {
        let form = "must be address:limit, separated by commas";
        let (host, limit) = item.rsplit_once(':').ok_or_else(|| invalid(form))?;
        let limit = limit.trim().parse().map_err(|_| invalid(form))?;
        // As in URLs, the colons of an address of IPv6 may be in brackets.
        let address = host.trim().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let address = address.map_err(|_| {
            invalid(&format!("{} is no IP address, and names of hosts are not looked up", host.trim()))
        })?;
        Ok((address.to_canonical(), limit))
    };
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(entry).collect()
}

/// `max.connection.creation.rate` of single listeners, by their names in small letters.
pub(super) fn listener_connection_creation_rates(
    settings: &Resolved<'_>,
) -> Result<BTreeMap<String, i32>, ConfigError> {
    let of_listeners = settings.of_listeners("max.connection.creation.rate");
    of_listeners
        .map(|(listener, name, value)| match value.parse() {
            Ok(rate) if rate > 0 => Ok((listener.to_lowercase(), rate)),
            _ => Err(settings.invalid(name, value, "Value must be at least 1")),
        })
        .collect()
}

/// The smaller of the two limits of what requests may take; Kafka's counts where it is set to more than 0.
pub(super) fn request_memory_bytes(settings: &Resolved<'_>) -> Result<usize, ConfigError> {
    let own: usize = settings.read("medallion.request.memory.bytes")?;
    let queued: i64 = settings.read("queued.max.request.bytes")?;
    Ok(usize::try_from(queued).ok().filter(|queued| *queued > 0).map_or(own, |queued| queued.min(own)))
}

/// `offsets.topic.compression.codec`, a codec's number.
pub(super) fn offsets_topic_compression(settings: &Resolved<'_>) -> Result<CompressionSettings, ConfigError> {
    let name = "offsets.topic.compression.codec";
    let code: i32 = settings.read(name)?;
    let codec = u8::try_from(code).ok().and_then(Compression::from_code);
    let codec = codec.ok_or_else(|| settings.invalid(name, &code.to_string(), "must be a codec from 0 to 4"));
    codec.map(CompressionSettings::from)
}

/// `medallion.metrics.listener`.
pub(super) fn metrics_listener(settings: &Resolved<'_>) -> Result<Option<SocketAddr>, ConfigError> {
    let name = "medallion.metrics.listener";
    let text: String = settings.read(name)?;
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.replace("localhost", "127.0.0.1").parse();
    address.map(Some).map_err(|_| settings.invalid(name, &text, "must be address:port, or empty"))
}
