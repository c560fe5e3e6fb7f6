//! Registration of brokers and controllers, fencing and shutdown.

use medallion_wire::ResponseError;
use medallion_wire::messages as m;
use medallion_wire::types::{TopicId, Uuid};

use super::ApiError;
use super::decision::{ControllerSettings, Decision, Inputs};
use super::partition_change::{BrokerStanding, Election, PartitionChange};
use crate::controller::image::features::METADATA_VERSION;
use crate::controller::image::{BrokerRegistration, MetadataImage, PartitionRegistration};
use crate::controller::records::{
    self, BrokerRegistrationChangeRecord, MetadataRecord, RegisterBrokerRecord, RegisterControllerRecord,
    UnregisterBrokerRecord, broker_endpoint, broker_feature, controller_endpoint, controller_feature,
};

/// The "fenced" and "in controlled shutdown" fields' values in a change record.
const UNFENCE: i8 = -1;
const FENCE: i8 = 1;
const IN_CONTROLLED_SHUTDOWN: i8 = 1;

/// Refuses a broker that is not registered or not in this epoch.
///
/// # Errors
/// `STALE_BROKER_EPOCH` with Kafka's message.
pub(crate) fn check_epoch(
    image: &MetadataImage,
    broker: i32,
    epoch: i64,
) -> Result<&BrokerRegistration, ApiError> {
    let stale = |message| ApiError::new(ResponseError::StaleBrokerEpoch, message);
    let registration = image
        .brokers
        .get(&broker)
        .ok_or_else(|| stale(format!("No broker registration found for broker id {broker}")))?;
    if registration.epoch == epoch {
        return Ok(registration);
    }
    Err(stale(format!("Expected broker epoch {}, but got broker epoch {epoch}", registration.epoch)))
}

/// Notes a controller's listeners and features.
pub(crate) fn register_controller(
    image: &MetadataImage,
    request: &m::ControllerRegistrationRequest,
) -> Decision<m::ControllerRegistrationResponse> {
    let reply = m::ControllerRegistrationResponse::default();
    if !records::has_controller_registration(image) {
        let error = ApiError::new(
            ResponseError::UnsupportedVersion,
            "The current MetadataVersion is too old to support controller registrations.",
        );
        return Decision::read(
            reply.with_error_code(error.code()).with_error_message(error.message.map(Into::into)),
        );
    }
    let record = RegisterControllerRecord {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        zk_migration_ready: request.zk_migration_ready,
        end_points: request
            .listeners
            .iter()
            .map(|l| controller_endpoint(&l.name, &l.host, l.port, l.security_protocol))
            .collect(),
        features: request
            .features
            .iter()
            .map(|f| controller_feature(&f.name, f.min_supported_version, f.max_supported_version))
            .collect(),
        ..RegisterControllerRecord::default()
    };
    Decision { records: vec![record.into()], reply }
}

/// Registers a broker, fenced until its first heartbeat.
///
/// A broker that comes back after a clean stop names its last epoch; without that its replicas leave the ISR and the
/// ELR first, since their last records may be gone. A registration that is still unfenced belongs to a process that
/// has died (its directory is locked by this one): it is fenced in the same decision, so that leader epochs rise.
///
/// # Errors
/// `INCONSISTENT_CLUSTER_ID`, `INVALID_REGISTRATION` and `UNSUPPORTED_VERSION` for features that it lacks.
pub(crate) fn register_broker(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::BrokerRegistrationRequest,
    inputs: &Inputs<'_>,
) -> Result<Decision<m::BrokerRegistrationResponse>, ApiError> {
    check_registration(image, request)?;
    let id = request.broker_id.0;
    let existing = image.brokers.get(&id);
    let same_process = existing.is_some_and(|broker| broker.incarnation_id == request.incarnation_id);
    let mut after = image.clone();
    let mut records = Vec::new();
    if let (Some(broker), false) = (existing, same_process) {
        if !broker.fenced {
            fence(&after, settings, broker, &mut records);
            records::apply_all(&mut after, &records);
        }
        if broker.epoch != request.previous_broker_epoch && image.features.is_elr_enabled() {
            let standing = BrokerStanding { unclean: Some(id), ..BrokerStanding::default() };
            let concerned = |p: &PartitionRegistration| p.isr.contains(&id) || p.elr.contains(&id);
            let from = records.len();
            move_partitions(&after, settings, standing, concerned, &mut records);
            records::apply_all(&mut after, &records[from..]);
        }
    }
    let mut record = registration_record(image, request);
    match existing {
        Some(broker) if same_process => {
            record.fenced = broker.fenced;
            record.in_controlled_shutdown = broker.in_controlled_shutdown;
            record.broker_epoch = broker.epoch;
        }
        _ => record.broker_epoch = inputs.next_offset,
    }
    let epoch = record.broker_epoch;
    records.push(record.into());
    Ok(Decision { records, reply: m::BrokerRegistrationResponse::default().with_broker_epoch(epoch) })
}

fn check_registration(image: &MetadataImage, request: &m::BrokerRegistrationRequest) -> Result<(), ApiError> {
    if request.cluster_id.as_str() != &*image.cluster_id {
        return Err(ApiError::new(
            ResponseError::InconsistentClusterId,
            format!("Expected cluster ID {}, but got cluster ID {}", image.cluster_id, &*request.cluster_id),
        ));
    }
    let invalid = |message: &str| Err(ApiError::new(ResponseError::InvalidRegistration, message));
    if records::has_directories(image) {
        if request.log_dirs.is_empty() {
            return invalid("No directories specified in request");
        }
        if request.log_dirs.iter().any(is_reserved) {
            return invalid("Reserved directory ID in request");
        }
        let mut directories = request.log_dirs.clone();
        directories.sort_unstable();
        directories.dedup();
        if directories.len() != request.log_dirs.len() {
            return invalid("Duplicate directory ID in request");
        }
        let others = image.brokers.values().filter(|broker| broker.id != request.broker_id.0);
        for (broker, directory) in
            others.flat_map(|broker| broker.directories.iter().map(|d| (broker.id, *d)))
        {
            if request.log_dirs.contains(&directory) {
                let directory = TopicId(directory);
                return invalid(&format!("Broker {broker} is already registered with directory {directory}"));
            }
        }
    }
    if request.features.iter().all(|feature| feature.name.as_str() != METADATA_VERSION) {
        return invalid("Request features do not contain 'metadata.version'");
    }
    for (feature, level) in &image.features.finalized {
        let found = request.features.iter().find(|f| f.name.as_str() == &**feature);
        let (min, max) = found.map_or((0, 0), |f| (f.min_supported_version, f.max_supported_version));
        if !(min..=max).contains(level) {
            return Err(ApiError::new(
                ResponseError::UnsupportedVersion,
                format!(
                    "Unable to register because the broker does not support finalized version {level} of \
                     {feature}. The broker wants a version between {min} and {max}, inclusive."
                ),
            ));
        }
    }
    Ok(())
}

/// Kafka's `DirectoryId.reserved`.
fn is_reserved(directory: &Uuid) -> bool {
    directory.as_u128() < 100
}

fn registration_record(
    image: &MetadataImage,
    request: &m::BrokerRegistrationRequest,
) -> RegisterBrokerRecord {
    RegisterBrokerRecord {
        broker_id: request.broker_id.0,
        incarnation_id: request.incarnation_id,
        end_points: request
            .listeners
            .iter()
            .map(|l| broker_endpoint(&l.name, &l.host, l.port, l.security_protocol))
            .collect(),
        features: request
            .features
            .iter()
            .map(|f| broker_feature(&f.name, f.min_supported_version, f.max_supported_version))
            .collect(),
        rack: request.rack.as_ref().map(ToString::to_string),
        fenced: true,
        log_dirs: if records::has_directories(image) { request.log_dirs.clone() } else { Vec::new() },
        ..RegisterBrokerRecord::default()
    }
}

/// Fences, unfences or lets go of a broker, as it asks and as its state allows.
///
/// # Errors
/// `STALE_BROKER_EPOCH`.
pub(crate) fn heartbeat(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::BrokerHeartbeatRequest,
) -> Result<Decision<m::BrokerHeartbeatResponse>, ApiError> {
    let broker = check_epoch(image, request.broker_id.0, request.broker_epoch)?;
    let mut records = Vec::new();
    let reply = m::BrokerHeartbeatResponse::default().with_is_caught_up(true);
    if broker.fenced {
        if request.want_shut_down {
            return Ok(Decision::read(reply.with_is_fenced(true).with_should_shut_down(true)));
        }
        if !request.want_fence {
            unfence(image, settings, broker, &mut records);
        }
        return Ok(Decision { records, reply: reply.with_is_fenced(request.want_fence) });
    }
    let leads = image.topics.iter().any(|topic| topic.partitions.values().any(|p| p.leader == broker.id));
    match (request.want_fence, request.want_shut_down) {
        (false, true) if leads => {
            shut_down(image, settings, broker, &mut records);
            Ok(Decision { records, reply: reply.with_is_fenced(false) })
        }
        (fenced, shut_down) if fenced || shut_down => {
            fence(image, settings, broker, &mut records);
            Ok(Decision { records, reply: reply.with_is_fenced(true).with_should_shut_down(shut_down) })
        }
        _ => {
            directories_offline(image, settings, broker, &request.offline_log_dirs, &mut records);
            Ok(Decision { records, reply })
        }
    }
}

/// Forgets a broker.
///
/// # Errors
/// `BROKER_ID_NOT_REGISTERED`.
pub(crate) fn unregister(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::UnregisterBrokerRequest,
) -> Result<Decision<m::UnregisterBrokerResponse>, ApiError> {
    let id = request.broker_id.0;
    let Some(broker) = image.brokers.get(&id) else {
        return Err(ApiError::new(
            ResponseError::BrokerIdNotRegistered,
            format!("Broker ID {id} is not currently registered"),
        ));
    };
    let mut records = Vec::new();
    let standing = BrokerStanding { leaving: Some(id), ..BrokerStanding::default() };
    move_partitions(image, settings, standing, |p| p.isr.contains(&id) || p.elr.contains(&id), &mut records);
    let record = UnregisterBrokerRecord {
        broker_id: id,
        broker_epoch: broker.epoch,
        ..UnregisterBrokerRecord::default()
    };
    records.push(record.into());
    Ok(Decision { records, reply: m::UnregisterBrokerResponse::default() })
}

/// Fences every broker but this node: in a quorum of one nobody else can be alive in this cluster.
pub(crate) fn fence_others(image: &MetadataImage, settings: &ControllerSettings) -> Vec<MetadataRecord> {
    let mut after = image.clone();
    let mut records = Vec::new();
    let others = image.brokers.values().filter(|broker| broker.id != settings.node_id && !broker.fenced);
    for broker in others {
        let from = records.len();
        fence(&after, settings, broker, &mut records);
        records::apply_all(&mut after, &records[from..]);
    }
    records
}

fn fence(
    image: &MetadataImage,
    settings: &ControllerSettings,
    broker: &BrokerRegistration,
    records: &mut Vec<MetadataRecord>,
) {
    let standing = BrokerStanding { leaving: Some(broker.id), ..BrokerStanding::default() };
    move_partitions(image, settings, standing, |p| p.isr.contains(&broker.id), records);
    records.push(change(broker, |record| record.fenced = FENCE));
}

fn unfence(
    image: &MetadataImage,
    settings: &ControllerSettings,
    broker: &BrokerRegistration,
    records: &mut Vec<MetadataRecord>,
) {
    records.push(change(broker, |record| record.fenced = UNFENCE));
    let standing = BrokerStanding { joining: Some(broker.id), ..BrokerStanding::default() };
    move_partitions(image, settings, standing, |p| !p.has_leader(), records);
}

fn shut_down(
    image: &MetadataImage,
    settings: &ControllerSettings,
    broker: &BrokerRegistration,
    records: &mut Vec<MetadataRecord>,
) {
    if !broker.in_controlled_shutdown {
        records.push(change(broker, |record| record.in_controlled_shutdown = IN_CONTROLLED_SHUTDOWN));
    }
    let standing = BrokerStanding { leaving: Some(broker.id), ..BrokerStanding::default() };
    move_partitions(image, settings, standing, |p| p.isr.contains(&broker.id), records);
}

/// Takes the leadership of partitions in directories that have failed.
fn directories_offline(
    image: &MetadataImage,
    settings: &ControllerSettings,
    broker: &BrokerRegistration,
    offline: &[Uuid],
    records: &mut Vec<MetadataRecord>,
) {
    let newly: Vec<Uuid> = broker.directories.iter().filter(|d| offline.contains(d)).copied().collect();
    if newly.is_empty() {
        return;
    }
    let standing = BrokerStanding { leaving: Some(broker.id), ..BrokerStanding::default() };
    let lies_there = |p: &PartitionRegistration| {
        p.directory(broker.id).is_some_and(|directory| newly.contains(&directory))
    };
    move_partitions(image, settings, standing, lies_there, records);
    let online = broker.directories.iter().filter(|d| !newly.contains(d)).copied().collect();
    records.push(change(broker, |record| record.log_dirs = online));
}

fn change(
    broker: &BrokerRegistration,
    set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
) -> MetadataRecord {
    let mut record = BrokerRegistrationChangeRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        ..BrokerRegistrationChangeRecord::default()
    };
    set(&mut record);
    record.into()
}

/// Adjusts ISR and leader of each partition that `concerned` picks.
fn move_partitions(
    image: &MetadataImage,
    settings: &ControllerSettings,
    standing: BrokerStanding,
    concerned: impl Fn(&PartitionRegistration) -> bool,
    records: &mut Vec<MetadataRecord>,
) {
    let rules = settings.replication_rules(image);
    for topic in image.topics.iter() {
        for (index, partition) in &topic.partitions {
            if !concerned(partition) {
                continue;
            }
            let min_isr = rules.min_isr(&topic.name, partition.replicas.len());
            let unclean = rules.unclean_election(&topic.name);
            let election = if unclean { Election::Unclean } else { Election::Online };
            let change =
                PartitionChange::new(image, partition, min_isr).election(election).standing(standing);
            records.extend(change.build(topic.id, *index).map(MetadataRecord::from));
        }
    }
}
