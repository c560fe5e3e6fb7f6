//! Every difference between Medallion's answers and Kafka's that is meant, with its reason.

use medallion_tests::differential::compare::Accepted;

/// `Metadata` creates topics before it answers, Kafka after.
const CREATED_BEFORE: &str =
    "a topic that Metadata creates is there when Medallion answers; Kafka answers before";
/// Kafka's handler throws where it means to refuse.
const KAFKA_FAILS: &str = "Kafka fails with an internal error, Medallion says what is wrong";
/// See `medallion_log::append_validation`.
const COMPRESSED: &str = "compressed records are stored without decompressing them, so that what does not decompress under a right checksum is \
    found by its readers";
/// Medallion's settings are not Kafka's.
const OWN_SETTINGS: &str = "settings of Medallion's own, which Kafka does not know";
/// KIP-853's upgrade of a quorum.
const STATIC_VOTERS: &str = "static voters become dynamic ones when there are clusters of several nodes";
/// Kafka creates a topic that `Metadata` names at some time after its answer.
const CREATED_LATER: &str = "Kafka may not yet have created what an earlier Metadata named";

/// Kafka opens and closes listeners.
const LISTENERS: &str = "listeners do not change while Medallion runs";
const NO_LISTENERS: &str = "\"Cannot update these configs dynamically: [listeners]\"";

const fn accept(
    api: &'static str,
    versions: &'static str,
    path: &'static str,
    [kafka, medallion]: [&'static str; 2],
    reason: &'static str,
) -> Accepted {
    Accepted { api, versions, path, kafka, medallion, reason, is_timing: false }
}

/// As [`accept`], for what depends on who is faster.
const fn at_times(entry: Accepted) -> Accepted {
    Accepted { is_timing: true, ..entry }
}

/// All of them. A difference that is not here fails the test, and so does an entry that no case needs.
pub(crate) const ACCEPTED: &[Accepted] = &[
    accept("Metadata", "0+", "Topics{*}.ErrorCode", ["3", "0"], CREATED_BEFORE),
    accept("Metadata", "0+", "Topics{*}.Partitions{0}", ["absent", "{*"], CREATED_BEFORE),
    accept("Metadata", "10+", "Topics{*}.TopicId", ["\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"<id:*"], CREATED_BEFORE),
    at_times(accept("Metadata", "0+", "Topics{*}", ["absent", "{*"], CREATED_LATER)),
    accept("DescribeConfigs", "1+", "Results{4,*}.Configs{medallion.*}*", ["*", "*"], OWN_SETTINGS),
    accept("UpdateFeatures", "1+", "ErrorCode", ["0", "95"], STATIC_VOTERS),
    accept(
        "UpdateFeatures",
        "1+",
        "ErrorMessage",
        ["null", "*version 1 for feature kraft.version*"],
        STATIC_VOTERS,
    ),
    accept("UpdateFeatures", "1", "Results[0]", ["{*\"kraft.version\"*", "absent"], STATIC_VOTERS),
    accept("IncrementalAlterConfigs", "0+", "Responses{*}.ErrorCode", ["-1", "42"], KAFKA_FAILS),
    accept(
        "IncrementalAlterConfigs",
        "0+",
        "Responses{*}.ErrorMessage",
        ["null", "\"Unknown operations*"],
        KAFKA_FAILS,
    ),
    accept(
        "IncrementalAlterConfigs",
        "0+",
        "Responses{4,*}.ErrorMessage",
        ["\"*listeners*", NO_LISTENERS],
        LISTENERS,
    ),
    accept("AlterConfigs", "0+", "Responses{4,*}.ErrorMessage", ["\"*listeners*", NO_LISTENERS], LISTENERS),
    accept("DescribeTopicPartitions", "0", "Topics[*].ErrorCode", ["-1", "17"], KAFKA_FAILS),
    accept(
        "DescribeTopicPartitions",
        "0",
        "Topics[*].TopicAuthorizedOperations",
        ["-2147483648", "3576"],
        KAFKA_FAILS,
    ),
    accept("Produce", "3+", "Responses{*garbage*}.PartitionResponses{0}.ErrorCode", ["-1", "0"], COMPRESSED),
    accept("Produce", "3+", "Responses{*garbage*}.PartitionResponses{0}.BaseOffset", ["-1", "*"], COMPRESSED),
    accept(
        "Produce",
        "3+",
        "Responses{*garbage*}.PartitionResponses{0}.ErrorCode",
        ["-1", "76"],
        KAFKA_FAILS,
    ),
    accept(
        "Produce",
        "3+",
        "Responses{*garbage*}.PartitionResponses{0}.ErrorCode",
        ["-1", "87"],
        KAFKA_FAILS,
    ),
    accept(
        "Produce",
        "5-6",
        "Responses{*garbage*}.PartitionResponses{0}.LogStartOffset",
        ["-1", "0"],
        KAFKA_FAILS,
    ),
    accept(
        "Produce",
        "8+",
        "Responses{*}.PartitionResponses{*}.ErrorMessage",
        ["null", "\"*"],
        "Medallion says why it refuses records",
    ),
    accept(
        "ConsumerGroupHeartbeat",
        "1",
        "ErrorMessage",
        ["\"SubscribedTopicRegex*", "\"SubscribedTopicRegex*"],
        "each library for regular expressions says in its own words what is wrong",
    ),
    accept(
        "DescribeLogDirs",
        "1+",
        "Results{*}.Topics{__consumer_offsets}.Partitions{*}.PartitionSize",
        ["*", "*"],
        "an assignment that is computed beside the coordinator's turn is a batch of its own",
    ),
];
