//! What is taken out of replies before they are compared: the servers' own ids and times, and orders that mean nothing.

use medallion_tests::differential::normalise::{Keep, Rule};

const fn rule(api: &'static str, path: &'static str, keep: Keep) -> Rule {
    Rule { api, path, keep }
}

/// All rules. Topics' ids, folders and addresses are replaced by names that both servers share, apart from these.
pub(crate) const RULES: &[Rule] = &[
    // The servers' own.
    rule("*", "Port", Keep::Nothing),
    rule("*", "ClusterId", Keep::Nothing),
    // Compared by `not_served`.
    rule("ApiVersions", "ApiKeys", Keep::Nothing),
    rule("ApiVersions", "FinalizedFeaturesEpoch", Keep::Sign),
    rule("Fetch", "SessionId", Keep::Sign),
    rule("InitProducerId", "ProducerId", Keep::Sign),
    rule("DescribeProducers", "Topics.Partitions.ActiveProducers.LastTimestamp", Keep::Sign),
    rule("DescribeLogDirs", "Results.TotalBytes", Keep::Sign),
    rule("DescribeLogDirs", "Results.UsableBytes", Keep::Sign),
    rule("DescribeQuorum", "Topics.Partitions.LeaderEpoch", Keep::Sign),
    rule("DescribeQuorum", "Topics.Partitions.HighWatermark", Keep::Sign),
    rule("DescribeQuorum", "Topics.Partitions.CurrentVoters.LogEndOffset", Keep::Sign),
    rule("DescribeQuorum", "Topics.Partitions.CurrentVoters.LastFetchTimestamp", Keep::Sign),
    rule("DescribeQuorum", "Topics.Partitions.CurrentVoters.LastCaughtUpTimestamp", Keep::Sign),
    rule("DescribeQuorum", "Topics.Partitions.CurrentVoters.ReplicaDirectoryId", Keep::Nothing),
    rule("DescribeQuorum", "Nodes.Listeners.Port", Keep::Nothing),
    rule("Produce", "Responses.PartitionResponses.LogAppendTimeMs", Keep::Sign),
    rule("Produce", "Responses.PartitionResponses.RecordErrors.BatchIndexErrorMessage", Keep::WithoutDigits),
    // Members' ids, apart from those that a scenario has given a name.
    rule("JoinGroup", "MemberId", Keep::WithoutUuids),
    rule("JoinGroup", "Leader", Keep::WithoutUuids),
    rule("JoinGroup", "Members.MemberId", Keep::WithoutUuids),
    rule("DescribeGroups", "Groups.Members.MemberId", Keep::WithoutUuids),
    // Kafka cuts the last batch off where the size asked for ends.
    rule("Fetch", "Responses.Partitions.Records", Keep::WholeBatches),
    // Texts of Kafka's own.
    rule("DescribeConfigs", "Results.Configs.Documentation", Keep::Nothing),
    // Kafka's order is that of hash maps.
    rule("ApiVersions", "SupportedFeatures", Keep::ByField(&["Name"])),
    rule("ApiVersions", "FinalizedFeatures", Keep::ByField(&["Name"])),
    rule("CreateTopics", "Topics", Keep::ByField(&["Name"])),
    rule("CreateTopics", "Topics.Configs", Keep::ByField(&["Name"])),
    rule("CreatePartitions", "Results", Keep::ByField(&["Name"])),
    rule("DeleteTopics", "Responses", Keep::ByField(&["Name", "TopicId"])),
    rule("ElectLeaders", "ReplicaElectionResults", Keep::ByField(&["Topic"])),
    rule("Metadata", "Topics", Keep::ByField(&["Name"])),
    rule("Metadata", "Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("DescribeConfigs", "Results", Keep::ByField(&["ResourceType", "ResourceName"])),
    rule("DescribeConfigs", "Results.Configs", Keep::ByField(&["Name"])),
    rule("AlterConfigs", "Responses", Keep::ByField(&["ResourceType", "ResourceName"])),
    rule("IncrementalAlterConfigs", "Responses", Keep::ByField(&["ResourceType", "ResourceName"])),
    rule("ListConfigResources", "ConfigResources", Keep::ByField(&["ResourceType", "ResourceName"])),
    rule("ListOffsets", "Topics", Keep::ByField(&["Name"])),
    rule("ListOffsets", "Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("OffsetForLeaderEpoch", "Topics", Keep::ByField(&["Topic"])),
    rule("OffsetForLeaderEpoch", "Topics.Partitions", Keep::ByField(&["Partition"])),
    rule("DeleteRecords", "Topics", Keep::ByField(&["Name"])),
    rule("DeleteRecords", "Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("DescribeProducers", "Topics.Partitions.ActiveProducers", Keep::ByField(&["ProducerId"])),
    rule("DescribeLogDirs", "Results", Keep::ByField(&["LogDir"])),
    rule("DescribeLogDirs", "Results.Topics", Keep::ByField(&["Name"])),
    rule("DescribeLogDirs", "Results.Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("AlterReplicaLogDirs", "Results", Keep::ByField(&["TopicName"])),
    rule("AlterReplicaLogDirs", "Results.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("Fetch", "Responses", Keep::ByField(&["Topic", "TopicId"])),
    rule("Fetch", "Responses.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("FindCoordinator", "Coordinators", Keep::ByField(&["Key"])),
    rule("JoinGroup", "Members", Keep::ByField(&["MemberId"])),
    rule("DescribeGroups", "Groups", Keep::ByField(&["GroupId"])),
    rule("DescribeGroups", "Groups.Members", Keep::ByField(&["MemberId"])),
    rule("ListGroups", "Groups", Keep::ByField(&["GroupId"])),
    rule("DeleteGroups", "Results", Keep::ByField(&["GroupId"])),
    rule("OffsetCommit", "Topics", Keep::ByField(&["Name", "TopicId"])),
    rule("OffsetCommit", "Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("OffsetFetch", "Topics", Keep::ByField(&["Name"])),
    rule("OffsetFetch", "Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("OffsetFetch", "Groups", Keep::ByField(&["GroupId"])),
    rule("OffsetFetch", "Groups.Topics", Keep::ByField(&["Name", "TopicId"])),
    rule("OffsetFetch", "Groups.Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("OffsetDelete", "Topics", Keep::ByField(&["Name"])),
    rule("OffsetDelete", "Topics.Partitions", Keep::ByField(&["PartitionIndex"])),
    rule("Produce", "Responses", Keep::ByField(&["Name", "TopicId"])),
    rule("Produce", "Responses.PartitionResponses", Keep::ByField(&["Index"])),
];
