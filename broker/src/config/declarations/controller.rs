//! Settings of the node and of the metadata quorum.

use super::super::declaration::{Declaration, Validator, boolean, int, list, long, string};
use super::reasons::{INTERNAL, ONE_NODE_QUORUM, ONE_REPLICA};

pub(super) const SETTINGS: &[Declaration] = &[
    boolean("auto.leader.rebalance.enable")
        .default("true")
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Whether leadership moves back to preferred replicas by itself."),
    int("broker.heartbeat.interval.ms")
        .default("2000")
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time between two heartbeats of a broker to the controller."),
    int("broker.id").default("-1").high().doc("Older name of `node.id`."),
    string("broker.rack").doc("The rack of this broker, told to clients."),
    int("broker.session.timeout.ms")
        .default("9000")
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time without heartbeats after which a broker counts as gone."),
    boolean("controlled.shutdown.enable")
        .default("true")
        .without_effect(ONE_REPLICA)
        .doc("Whether leadership is handed over before the broker stops."),
    list("controller.listener.names")
        .required()
        .list_of(&[])
        .high()
        .doc("Names of the listeners that serve the controller."),
    long("controller.performance.always.log.threshold.ms")
        .default("2000")
        .at_least(0)
        .internal()
        .without_effect(INTERNAL)
        .doc("Duration of a controller event from which on it is logged."),
    long("controller.performance.sample.period.ms")
        .default("60000")
        .at_least(100)
        .internal()
        .without_effect(INTERNAL)
        .doc("Time between two summaries of controller events in the log."),
    int("controller.quorum.append.linger.ms")
        .default("25")
        .at_least(0)
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time for which the quorum's leader gathers writes."),
    boolean("controller.quorum.auto.join.enable")
        .default("false")
        .low()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Whether a controller joins the quorum's voters by itself."),
    list("controller.quorum.bootstrap.servers")
        .default("")
        .takes(Validator::BootstrapServers)
        .high()
        .doc("Addresses of controllers, as host:port; here only this node's own."),
    int("controller.quorum.election.backoff.max.ms")
        .default("1000")
        .at_least(0)
        .high()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Longest wait before a new election."),
    int("controller.quorum.election.timeout.ms")
        .default("1000")
        .at_least(0)
        .high()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time without a leader after which an election starts."),
    int("controller.quorum.fetch.max.bytes")
        .default("1048576")
        .at_least(1)
        .low()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Most bytes in one fetch of the metadata log."),
    int("controller.quorum.fetch.snapshot.max.bytes")
        .default("1048576")
        .at_least(1)
        .low()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Most bytes in one fetch of a metadata snapshot."),
    int("controller.quorum.fetch.timeout.ms")
        .default("2000")
        .at_least(0)
        .high()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time without a successful fetch after which a voter stands for election."),
    int("controller.quorum.request.timeout.ms")
        .default("2000")
        .at_least(0)
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time to wait for an answer of another controller."),
    int("controller.quorum.retry.backoff.ms")
        .default("20")
        .at_least(0)
        .low()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Wait before a request to another controller is repeated."),
    list("controller.quorum.voters")
        .default("")
        .takes(Validator::QuorumVoters)
        .high()
        .doc("The voters of the metadata quorum, as id@host:port; here this node alone."),
    int("initial.broker.registration.timeout.ms")
        .default("60000")
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time in which a broker must be registered with the controller after its start."),
    long("internal.metadata.delete.delay.millis")
        .default("60000")
        .low()
        .internal()
        .without_effect(INTERNAL)
        .doc("Delay before files of the metadata log are deleted."),
    int("internal.metadata.log.segment.bytes")
        .low()
        .internal()
        .without_effect(INTERNAL)
        .doc("Segment size of the metadata log in Kafka's tests."),
    int("internal.metadata.max.batch.size.in.bytes")
        .default("8388608")
        .low()
        .internal()
        .without_effect(INTERNAL)
        .doc("Largest batch of the metadata log."),
    long("leader.imbalance.check.interval.seconds")
        .default("300")
        .at_least(1)
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Time between two looks at the balance of leaders."),
    string("metadata.log.dir")
        .high()
        .doc("Directory of the metadata log; the first of `log.dirs` where not set."),
    long("metadata.log.max.record.bytes.between.snapshots")
        .default("20971520")
        .at_least(1)
        .high()
        .doc("Bytes of metadata records after which a snapshot is written."),
    long("metadata.log.max.snapshot.interval.ms").default("3600000").at_least(0).high().doc(
        "Time after which a snapshot is written if there is something new; 0: never for this \
             reason.",
    ),
    int("metadata.log.segment.bytes")
        .default("1073741824")
        .at_least(8_388_608)
        .high()
        .doc("Size at which the metadata log begins a new segment."),
    long("metadata.log.segment.ms")
        .default("604800000")
        .high()
        .doc("Time after which the metadata log begins a new segment."),
    int("metadata.max.idle.interval.ms")
        .default("500")
        .at_least(0)
        .low()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time after which an idle controller writes a record without content; 0: never."),
    long("metadata.max.retention.bytes")
        .default("104857600")
        .high()
        .doc("Size of metadata log and snapshots above which old ones are deleted."),
    long("metadata.max.retention.ms")
        .default("604800000")
        .high()
        .doc("Age from which on metadata segments and snapshots are deleted."),
    int("node.id").required().at_least(0).high().doc("Number of this node in the cluster."),
    list("process.roles")
        .required()
        .list_of(&["broker", "controller"])
        .high()
        .doc("Roles of this process; for now always `broker,controller`."),
    long("server.max.startup.time.ms")
        .default("9223372036854775807")
        .at_least(0)
        .internal()
        .without_effect(INTERNAL)
        .doc("Longest time that a start may take."),
    boolean("unclean.leader.election.enable")
        .default("false")
        .high()
        .cluster_wide()
        .without_effect(ONE_REPLICA)
        .doc("Whether a replica that is not in sync may become leader, at the price of data."),
    long("unclean.leader.election.interval.ms")
        .default("300000")
        .at_least(1)
        .internal()
        .without_effect(ONE_REPLICA)
        .doc("Time between two looks for partitions that need an unclean election."),
    boolean("unstable.api.versions.enable")
        .default("false")
        .high()
        .internal()
        .refused("versions of the protocol that are not final are not served; set it to false")
        .doc("Whether versions of the protocol that are not final are served."),
    boolean("unstable.feature.versions.enable")
        .default("false")
        .high()
        .internal()
        .refused("feature levels that are not final are not known; set it to false")
        .doc("Whether feature levels that are not final may be used."),
];
