//! A member of the consumer protocol (KIP-848).

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use medallion_wire::messages::ConsumerGroupHeartbeatRequest;
use medallion_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use medallion_wire::messages::consumer_group_heartbeat_response::Assignment;
use medallion_wire::types::Uuid;

use crate::member::{Member, error_of, is_getting_ready, text};

const HEARTBEAT: i16 = 1;
const LEAVING: i32 = -1;

/// Partitions by topic id.
type Owned = BTreeMap<Uuid, Vec<i32>>;

/// Lives until it is told to leave.
pub(crate) async fn live(mut member: Member) {
    if let Err(error) = live_on(&mut member).await {
        member.board.trouble(|| format!("a member's connection: {error}"));
    }
    member.board.take(&member.group, member.number);
}

async fn live_on(member: &mut Member) -> io::Result<()> {
    let id = format!("member-{:08}", member.number);
    let (mut epoch, mut owned) = (0, Owned::new());
    // What the next heartbeat says to own; nothing where that has not changed.
    let mut says = Some(Owned::new());
    loop {
        let request = request(member, &id, epoch, says.take());
        let answer = member.connection.call(&request, HEARTBEAT).await?;
        member.board.count_request();
        if let Some(error) = error_of(answer.error_code) {
            (epoch, owned, says) = (0, Owned::new(), Some(Owned::new()));
            if is_getting_ready(error) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            } else {
                member.trouble("ConsumerGroupHeartbeat", error).await;
            }
            continue;
        }
        epoch = answer.member_epoch;
        let interval = Duration::from_millis(u64::try_from(answer.heartbeat_interval_ms).unwrap_or(0));
        if let Some(given) = answer.assignment.map(owned_of).filter(|given| *given != owned) {
            owned = given;
            says = Some(owned.clone()); // a consumer says at once what it owns now
        }
        member.has(&id, epoch, owned.values().map(Vec::len).sum());
        if says.is_none() && member.sleep(interval).await {
            let leave = request_leave(member, &id);
            return member.connection.call(&leave, HEARTBEAT).await.map(drop);
        }
    }
}

fn request(member: &Member, id: &str, epoch: i32, says: Option<Owned>) -> ConsumerGroupHeartbeatRequest {
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(text(&member.group).into())
        .with_member_id(text(id))
        .with_member_epoch(epoch)
        .with_topic_partitions(says.map(|owned| {
            let topics = owned.into_iter();
            topics
                .map(|(id, own)| TopicPartitions::default().with_topic_id(id).with_partitions(own))
                .collect()
        }));
    if epoch != 0 {
        return request.with_rebalance_timeout_ms(-1);
    }
    request
        .with_rebalance_timeout_ms(300_000)
        .with_subscribed_topic_names(Some(vec![text(&member.topic).into()]))
        .with_server_assignor(Some(text(&member.assignor)))
}

fn request_leave(member: &Member, id: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(text(&member.group).into())
        .with_member_id(text(id))
        .with_member_epoch(LEAVING)
        .with_rebalance_timeout_ms(-1)
}

fn owned_of(assignment: Assignment) -> Owned {
    let topics = assignment.topic_partitions.into_iter();
    topics.map(|topic| (topic.topic_id, topic.partitions)).collect()
}
