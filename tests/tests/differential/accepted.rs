//! Every difference between Medallion's answers and Kafka's that is meant, with its reason.

use medallion_tests::differential::compare::{Accepted, AcceptedField};

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
    reason: &'static str,
    fields: &'static [AcceptedField],
) -> Accepted {
    Accepted { api, versions, fields, reason, is_timing: false }
}

/// As [`accept`], for what depends on who is faster.
const fn at_times(entry: Accepted) -> Accepted {
    Accepted { is_timing: true, ..entry }
}

/// All of them. A difference that is not here fails the test, and so does a field that no case needs.
pub(crate) const ACCEPTED: &[Accepted] = &[
    accept(
        "Metadata",
        "0+",
        CREATED_BEFORE,
        &[
            ("Topics{*}.ErrorCode", "3", "0"),
            ("Topics{*}.Partitions{0}", "absent", "{*"),
            ("Topics{*}.TopicId", "\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"<id:*"),
        ],
    ),
    at_times(accept("Metadata", "0+", CREATED_LATER, &[("Topics{*}", "absent", "{*")])),
    accept("DescribeConfigs", "1+", OWN_SETTINGS, &[("Results{4,*}.Configs{medallion.*}*", "*", "*")]),
    accept(
        "UpdateFeatures",
        "1+",
        STATIC_VOTERS,
        &[
            ("ErrorCode", "0", "95"),
            ("ErrorMessage", "null", "*version 1 for feature kraft.version*"),
            ("Results[0]", "{*\"kraft.version\"*", "absent"),
        ],
    ),
    accept(
        "IncrementalAlterConfigs",
        "0+",
        KAFKA_FAILS,
        &[
            ("Responses{*}.ErrorCode", "-1", "42"),
            ("Responses{*}.ErrorMessage", "null", "\"Unknown operation*"),
        ],
    ),
    accept(
        "IncrementalAlterConfigs",
        "0+",
        LISTENERS,
        &[("Responses{4,*}.ErrorMessage", "\"*listeners*", NO_LISTENERS)],
    ),
    accept(
        "AlterConfigs",
        "0+",
        LISTENERS,
        &[("Responses{4,*}.ErrorMessage", "\"*listeners*", NO_LISTENERS)],
    ),
    accept(
        "Produce",
        "3+",
        COMPRESSED,
        &[
            ("Responses{*garbage*}.PartitionResponses{0}.ErrorCode", "-1", "0"),
            ("Responses{*garbage*}.PartitionResponses{0}.BaseOffset", "-1", "*"),
        ],
    ),
    accept(
        "Produce",
        "3+",
        KAFKA_FAILS,
        &[
            ("Responses{*garbage*}.PartitionResponses{0}.ErrorCode", "-1", "76"),
            ("Responses{*garbage*}.PartitionResponses{0}.ErrorCode", "-1", "87"),
            ("Responses{*garbage*}.PartitionResponses{0}.LogStartOffset", "-1", "0"),
        ],
    ),
    accept(
        "Produce",
        "8+",
        "Medallion says why it refuses records",
        &[("Responses{*}.PartitionResponses{*}.ErrorMessage", "null", "\"*")],
    ),
    accept(
        "ConsumerGroupHeartbeat",
        "1",
        "each library for regular expressions says in its own words what is wrong",
        &[("ErrorMessage", "\"SubscribedTopicRegex*", "\"SubscribedTopicRegex*")],
    ),
    at_times(accept(
        "ConsumerGroupHeartbeat",
        "1",
        "a regular expression is resolved before the member is answered; Kafka answers before",
        &[("MemberEpoch", "1", "2"), ("Assignment.TopicPartitions[0]", "absent", "{*")],
    )),
    accept(
        "ConsumerGroupHeartbeat",
        "0+",
        "a static member whose answer was lost asks again and gets it; Kafka tells it that its own name is taken",
        &[
            ("ErrorCode", "111", "0"),
            ("ErrorMessage", "\"Static member*", "null"),
            ("MemberId", "null", "\"any\""),
            ("MemberEpoch", "0", "*"),
            ("HeartbeatIntervalMs", "0", "5000"),
            ("Assignment", "null", "{*"),
        ],
    ),
    accept(
        "DescribeLogDirs",
        "1+",
        "an assignment that is computed beside the coordinator's turn is a batch of its own",
        &[("Results{*}.Topics{__consumer_offsets}.Partitions{*}.PartitionSize", "*", "*")],
    ),
];
