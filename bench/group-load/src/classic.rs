//! A member of the classic protocol.

use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use medallion_wire::ResponseError;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use medallion_wire::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};

use crate::member::{Member, error_of, is_getting_ready, text};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const LEAVE: i16 = 5;
const PROTOCOL: &str = "range";

/// Lives until it is told to leave.
pub(crate) async fn live(mut member: Member) {
    let mut id = String::new();
    if let Err(error) = live_on(&mut member, &mut id).await {
        member.board.trouble(|| format!("a member's connection: {error}"));
    }
    member.board.take(&member.group, member.number);
}

async fn live_on(member: &mut Member, id: &mut String) -> io::Result<()> {
    loop {
        let Some(generation) = enter(member, id).await? else { continue };
        loop {
            if member.sleep(Duration::from_millis(member.heartbeat_ms)).await {
                return leave(member, id).await;
            }
            let beat = HeartbeatRequest::default()
                .with_group_id(text(&member.group).into())
                .with_generation_id(generation)
                .with_member_id(text(id));
            member.board.count_request();
            match error_of(member.connection.call(&beat, HEARTBEAT).await?.error_code) {
                None => {}
                Some(ResponseError::RebalanceInProgress) => break,
                Some(error) => {
                    id.clear();
                    member.trouble("Heartbeat", error).await;
                    break;
                }
            }
        }
    }
}

/// Joins and gets the assignment; gives the generation, or nothing where it has to begin anew.
async fn enter(member: &mut Member, id: &mut String) -> io::Result<Option<i32>> {
    let joined = member.connection.call(&join_request(member, id), JOIN).await?;
    member.board.count_request();
    match error_of(joined.error_code) {
        None => joined.member_id.as_str().clone_into(id),
        Some(ResponseError::MemberIdRequired) => {
            joined.member_id.as_str().clone_into(id);
            return Ok(None);
        }
        Some(error) => {
            if is_getting_ready(error) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            } else {
                id.clear();
                member.trouble("JoinGroup", error).await;
            }
            return Ok(None);
        }
    }
    let sync = SyncGroupRequest::default()
        .with_group_id(text(&member.group).into())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text(PROTOCOL)))
        .with_assignments(assignments(member, &joined));
    let synced = member.connection.call(&sync, SYNC).await?;
    member.board.count_request();
    match error_of(synced.error_code) {
        None => {
            member.has(id, joined.generation_id, count(synced.assignment));
            Ok(Some(joined.generation_id))
        }
        Some(ResponseError::RebalanceInProgress) => Ok(None),
        Some(error) => {
            id.clear();
            member.trouble("SyncGroup", error).await;
            Ok(None)
        }
    }
}

fn join_request(member: &Member, id: &str) -> JoinGroupRequest {
    let mut subscription = BytesMut::new();
    subscription.put_i16(0);
    subscription.put_i32(1);
    put_text(&mut subscription, &member.topic);
    subscription.put_i32(-1);
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text(PROTOCOL)).with_metadata(subscription.freeze());
    JoinGroupRequest::default()
        .with_group_id(text(&member.group).into())
        .with_session_timeout_ms(45_000)
        .with_rebalance_timeout_ms(300_000)
        .with_member_id(text(id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// What the leader gives to whom: partitions in turns. Others give nothing.
fn assignments(member: &Member, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
    if joined.leader != joined.member_id {
        return Vec::new();
    }
    let count = joined.members.len().max(1);
    let of = |index: usize| {
        let own: Vec<usize> = (index..member.partitions).step_by(count).collect();
        let mut assignment = BytesMut::new();
        assignment.put_i16(0);
        assignment.put_i32(1);
        put_text(&mut assignment, &member.topic);
        assignment.put_i32(i32::try_from(own.len()).unwrap_or(i32::MAX));
        for partition in own {
            assignment.put_i32(i32::try_from(partition).unwrap_or(i32::MAX));
        }
        assignment.put_i32(-1);
        assignment.freeze()
    };
    let members = joined.members.iter().enumerate().map(|(index, to)| {
        SyncGroupRequestAssignment::default().with_member_id(to.member_id.clone()).with_assignment(of(index))
    });
    members.collect()
}

fn put_text(bytes: &mut BytesMut, text: &str) {
    bytes.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
    bytes.put_slice(text.as_bytes());
}

/// How many partitions an assignment of one topic has.
fn count(mut assignment: Bytes) -> usize {
    if assignment.len() < 8 || assignment.get_i16() < 0 || assignment.get_i32() < 1 {
        return 0;
    }
    let name = usize::try_from(assignment.get_i16()).unwrap_or(0);
    assignment.advance(name.min(assignment.len()));
    if assignment.len() < 4 { 0 } else { usize::try_from(assignment.get_i32()).unwrap_or(0) }
}

async fn leave(member: &Member, id: &str) -> io::Result<()> {
    let identity = MemberIdentity::default().with_member_id(text(id));
    let request =
        LeaveGroupRequest::default().with_group_id(text(&member.group).into()).with_members(vec![identity]);
    member.connection.call(&request, LEAVE).await.map(drop)
}
