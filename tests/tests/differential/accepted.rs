//! Every difference between Medallion's answers and Kafka's that is meant, with its reason.

use medallion_tests::differential::compare::Accepted;

/// `Metadata` creates topics before it answers, Kafka after.
const CREATED_BEFORE: &str =
    "a topic that Metadata creates is there when Medallion answers; Kafka answers before";
/// Kafka's handler throws where it means to refuse.
const KAFKA_FAILS: &str = "Kafka fails with an internal error, Medallion says what is wrong";
/// Medallion's settings are not Kafka's.
const OWN_SETTINGS: &str = "settings of Medallion's own, which Kafka does not know";
/// KIP-853's upgrade of a quorum.
const STATIC_VOTERS: &str = "static voters become dynamic ones when there are clusters of several nodes";

/// Kafka creates a topic that `Metadata` names at some time after its answer.
const CREATED_LATER: &str = "at times: Kafka has not yet created what an earlier Metadata named";
const PRODUCE_ERRORS: &str = "open: other error codes for damaged batches, for those of producers without an epoch and for transactions";
const PRODUCE_LENIENT: &str = "open: damaged batches that Kafka refuses and Medallion takes";
const PRODUCE_MIN_ISR: &str =
    "open: Kafka wants no more replicas in sync than there are, Medallion min.insync.replicas as it is";
const PRODUCE_WORDS: &str = "open: other words for a record or batch that is refused";
const PRODUCE_START: &str = "open: the log's start offset is not told with a refusal";
const FETCH_SIZES: &str = "open: where the sizes end in the middle of a batch, another number of bytes comes";
const FETCH_EPOCHS: &str = "open: negative leader epochs that are none of the protocol's values";
const OPERATIONS: &str = "open: what may be done to a topic with a bad name is not told";
const LOGGER_WORDS: &str = "open: other words for a logger that does not exist";
const MOVE_ORDER: &str = "open: Kafka looks at the folder before the topic";

const fn accept(
    api: &'static str,
    path: &'static str,
    [kafka, medallion]: [&'static str; 2],
    reason: &'static str,
) -> Accepted {
    Accepted { api, path, kafka, medallion, reason }
}

/// All of them. A difference that is not here fails the test, and so does an entry that no case needs.
pub(crate) const ACCEPTED: &[Accepted] = &[
    accept("Metadata", "Topics{*}.ErrorCode", ["3", "0"], CREATED_BEFORE),
    accept("Metadata", "Topics{*}.Partitions{0}", ["absent", "{*"], CREATED_BEFORE),
    accept("Metadata", "Topics{*}.TopicId", ["\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"<id:*"], CREATED_BEFORE),
    accept("DescribeConfigs", "Results{4,*}.Configs{medallion.*}*", ["*", "*"], OWN_SETTINGS),
    accept("IncrementalAlterConfigs", "Responses{*}.ErrorCode", ["-1", "42"], KAFKA_FAILS),
    accept(
        "IncrementalAlterConfigs",
        "Responses{*}.ErrorMessage",
        ["null", "\"Unknown operations*"],
        KAFKA_FAILS,
    ),
    accept(
        "*",
        "Responses{4,*}.ErrorMessage",
        ["\"*listeners*", "\"Cannot update these configs dynamically: [listeners]\""],
        "listeners do not change while Medallion runs",
    ),
    accept(
        "Produce",
        "Responses{*}.PartitionResponses{*}.ErrorMessage",
        ["null", "\"the batch is refused: *"],
        "Medallion says what is wrong with a batch",
    ),
    accept("Metadata", "Topics{*}", ["absent", "{*"], CREATED_LATER),
    accept("Metadata", "Brokers[0]", ["absent", "{*"], KAFKA_FAILS),
    accept("Metadata", "ClusterId", ["null", "*"], KAFKA_FAILS),
    accept("Metadata", "ControllerId", ["-1", "1"], KAFKA_FAILS),
    accept("Metadata", "ErrorCode", ["-1", "0"], KAFKA_FAILS),
    accept("DescribeTopicPartitions", "Topics[*].ErrorCode", ["-1", "17"], KAFKA_FAILS),
    accept(
        "DescribeTopicPartitions",
        "Topics[*].TopicAuthorizedOperations",
        ["3576", "-2147483648"],
        OPERATIONS,
    ),
    accept(
        "IncrementalAlterConfigs",
        "Responses{8,1}.ErrorMessage",
        ["\"Logger * does not exist!\"", "*is no logger\""],
        LOGGER_WORDS,
    ),
    accept("Produce", "Responses{*}.PartitionResponses{*}.ErrorCode", ["87", "0"], PRODUCE_LENIENT),
    accept("Produce", "Responses{*}.PartitionResponses{*}.ErrorCode", ["-1", "0"], PRODUCE_LENIENT),
    accept("Produce", "Responses{*}.PartitionResponses{*}.ErrorCode", ["-1", "76"], PRODUCE_ERRORS),
    accept("Produce", "Responses{*}.PartitionResponses{*}.ErrorCode", ["53", "48"], PRODUCE_ERRORS),
    accept("Produce", "Responses{*}.PartitionResponses{*}.ErrorCode", ["0", "19"], PRODUCE_MIN_ISR),
    accept("Produce", "Responses{*}.PartitionResponses{*}.BaseOffset", ["*", "*"], PRODUCE_LENIENT),
    accept("Produce", "Responses{*}.PartitionResponses{*}.LogStartOffset", ["0", "-1"], PRODUCE_START),
    accept("Produce", "Responses{*}.PartitionResponses{*}.ErrorMessage", ["*", "*"], PRODUCE_WORDS),
    accept("Produce", "Responses{*}.PartitionResponses{*}.RecordErrors*", ["*", "*"], PRODUCE_WORDS),
    accept("ListOffsets", "Topics{produce-*}.Partitions{*}.Offset", ["*", "*"], PRODUCE_LENIENT),
    accept(
        "DescribeLogDirs",
        "Results{*}.Topics{produce-*}.Partitions{*}.PartitionSize",
        ["*", "*"],
        PRODUCE_LENIENT,
    ),
    accept("Fetch", "Responses{*}.Partitions{*}.ErrorCode", ["-1", "0"], KAFKA_FAILS),
    accept("Fetch", "Responses{*}.Partitions{*}.HighWatermark", ["-1", "*"], KAFKA_FAILS),
    accept("Fetch", "Responses{*}.Partitions{*}.LastStableOffset", ["-1", "*"], KAFKA_FAILS),
    accept("Fetch", "Responses{*}.Partitions{*}.LogStartOffset", ["-1", "0"], KAFKA_FAILS),
    accept("Fetch", "Responses{*}.Partitions{*}.Records", ["*", "*"], FETCH_SIZES),
    accept("Fetch", "Responses{*}.Partitions{*}.DivergingEpoch.*", ["*", "absent"], FETCH_EPOCHS),
    accept("Fetch", "Responses{*}.Partitions{*}.CurrentLeader.*", ["absent", "*"], FETCH_EPOCHS),
    accept("AlterReplicaLogDirs", "Results{*}.Partitions{*}.ErrorCode", ["57", "3"], MOVE_ORDER),
    accept("AlterReplicaLogDirs", "Results{*}.Partitions{*}.ErrorCode", ["17", "3"], MOVE_ORDER),
    accept("UpdateFeatures", "ErrorCode", ["0", "95"], STATIC_VOTERS),
    accept(
        "UpdateFeatures",
        "ErrorMessage",
        ["null", "*version 1 for feature kraft.version*"],
        STATIC_VOTERS,
    ),
    accept("UpdateFeatures", "Results[0]", ["{*\"kraft.version\"*", "absent"], STATIC_VOTERS),
];
