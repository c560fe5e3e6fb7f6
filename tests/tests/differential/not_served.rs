//! APIs and versions that Kafka's brokers advertise and Medallion does not, with what they come with.

use std::collections::BTreeSet;

use medallion_tests::differential::pair::Pair;
use medallion_tests::differential::schema::Apis;
use medallion_tests::differential::script::ranges;
use serde_json::json;

/// API, and why it is not served yet.
pub(crate) const NOT_SERVED: &[(&str, &str)] = &[
    ("AddOffsetsToTxn", "comes with transactions"),
    ("AddPartitionsToTxn", "comes with transactions"),
    ("EndTxn", "comes with transactions"),
    ("TxnOffsetCommit", "comes with transactions"),
    ("WriteTxnMarkers", "comes with transactions"),
    ("DescribeTransactions", "comes with transactions"),
    ("ListTransactions", "comes with transactions"),
    ("AlterShareGroupOffsets", "comes with share groups"),
    ("DeleteShareGroupOffsets", "comes with share groups"),
    ("DeleteShareGroupState", "comes with share groups"),
    ("DescribeShareGroupOffsets", "comes with share groups"),
    ("InitializeShareGroupState", "comes with share groups"),
    ("ReadShareGroupState", "comes with share groups"),
    ("ReadShareGroupStateSummary", "comes with share groups"),
    ("ShareAcknowledge", "comes with share groups"),
    ("ShareFetch", "comes with share groups"),
    ("ShareGroupDescribe", "comes with share groups"),
    ("ShareGroupHeartbeat", "comes with share groups"),
    ("WriteShareGroupState", "comes with share groups"),
    ("StreamsGroupDescribe", "comes with streams groups"),
    ("StreamsGroupHeartbeat", "comes with streams groups"),
    ("SaslAuthenticate", "comes with authentication"),
    ("SaslHandshake", "comes with authentication"),
    ("CreateDelegationToken", "comes with authentication"),
    ("DescribeDelegationToken", "comes with authentication"),
    ("ExpireDelegationToken", "comes with authentication"),
    ("RenewDelegationToken", "comes with authentication"),
    ("AddRaftVoter", "comes with clusters of several nodes"),
    ("RemoveRaftVoter", "comes with clusters of several nodes"),
    ("UnregisterBroker", "comes with clusters of several nodes"),
];

/// APIs that Kafka serves only where a plug-in receives clients' metrics. Medallion always does.
const SERVED_BEYOND: &[&str] = &["GetTelemetrySubscriptions", "PushTelemetry"];

/// Holds what both advertise to their clients against the list; where they differ otherwise, that is a problem.
pub(crate) fn check(pair: &mut Pair, apis: &Apis) -> Vec<String> {
    let [kafka, medallion] = pair.ask(&apis["ApiVersions"], 0, &json!({})).map(|reply| ranges(&reply));
    let key = |name: &str| apis.get(name).unwrap_or_else(|| panic!("Kafka has no {name}")).key;
    let listed: BTreeSet<i16> = NOT_SERVED.iter().map(|(name, _)| key(name)).collect();
    let mut problems = Vec::new();
    for api in apis.values() {
        match (kafka.get(&api.key), medallion.get(&api.key), listed.contains(&api.key)) {
            (None, Some(_), false) if SERVED_BEYOND.contains(&api.name.as_str()) => {}
            (None, Some(_), _) => problems.push(format!("Kafka does not serve {}", api.name)),
            (None, None, true) => {
                problems.push(format!("Kafka does not serve {}: take it off the list", api.name));
            }
            (Some(_), Some(_), true) => {
                problems.push(format!("{} is served: take it off the list", api.name));
            }
            (Some(_), None, false) => problems.push(format!("{} is not served", api.name)),
            (Some(theirs), Some(ours), false) if theirs != ours => {
                problems.push(format!("{}: Kafka serves {theirs:?}, Medallion {ours:?}", api.name));
            }
            _ => {}
        }
    }
    problems
}
