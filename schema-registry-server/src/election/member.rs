//! This instance as a member of the group: it joins, takes part in elections, and gives signs of life.
//!
//! What keeps two instances from writing: the leader counts as one only until a session timeout after its last sign of life that
//! was answered, counted from when it was sent; and it stops to write before it joins again, because from then on another
//! may be chosen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_client::{Client, Coordinator, Error};
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use medallion_wire::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::identity::{Identity, Outcome, PROTOCOL, PROTOCOL_TYPE, elect};
use crate::settings::RegistrySettings;
use crate::topic::Leadership;

/// The wait after an error.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is told that the group cannot be joined.
const NEWS_EVERY: Duration = Duration::from_secs(30);
/// How long leaving the group may take at a stop.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);
/// What an answer may take beyond what the group waits for.
const SLACK: Duration = Duration::from_secs(10);

/// The membership of this instance.
#[derive(Debug)]
pub(crate) struct Election {
    task: JoinHandle<()>,
}

impl Election {
    /// Joins the group. Who leads is told through the receiver; nobody does until the first election is over.
    ///
    /// `writing` is held by the writer while records are on their way: whoever joins again waits for it.
    pub(crate) fn start(
        client: &Client,
        settings: &RegistrySettings,
        (host, port): (String, u16),
        writing: Arc<Mutex<()>>,
        stop: watch::Receiver<bool>,
    ) -> (Self, watch::Receiver<Leadership>) {
        let (leadership, view) = watch::channel(Leadership::Unknown);
        let identity = Identity {
            scheme: settings.inter_instance_protocol,
            host,
            port,
            is_eligible: settings.leader_eligibility,
            is_leader: false,
        };
        info!(instance = identity.url(), group = settings.group_id, "joining the group of schema registries");
        let member = Member {
            coordinator: Coordinator::new(client, &settings.group_id),
            identity,
            is_sticky: settings.leader_sticky,
            session_timeout: settings.session_timeout,
            rebalance_timeout: settings.rebalance_timeout,
            heartbeat_interval: settings.heartbeat_interval,
            member_id: StrBytes::default(),
            leadership,
            writing,
        };
        let task = tokio::spawn(member.run(stop));
        (Self { task }, view)
    }

    /// Waits until this instance has left the group, so that the others need not wait for its session's end.
    pub(crate) async fn ended(self) {
        if timeout(LEAVE_PATIENCE * 2, self.task).await.is_err() {
            warn!("leaving the group of schema registries took too long");
        }
    }
}

struct Member {
    coordinator: Coordinator,
    identity: Identity,
    is_sticky: bool,
    session_timeout: Duration,
    rebalance_timeout: Duration,
    heartbeat_interval: Duration,
    /// Empty before the coordinator has given one.
    member_id: StrBytes,
    leadership: watch::Sender<Leadership>,
    writing: Arc<Mutex<()>>,
}

/// A generation that this instance is part of.
struct Generation {
    number: i32,
    outcome: Outcome,
    /// When the last sign of life that was answered was sent.
    alive: Instant,
}

impl Member {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.take_part() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.stand_down().await;
        self.leave().await;
    }

    async fn take_part(&mut self) {
        let (mut failing_since, mut news_at) = (None, None);
        loop {
            self.stand_down().await;
            match self.join().await {
                Ok(generation) => {
                    (failing_since, news_at) = (None, None);
                    let reason = self.stay(generation).await;
                    info!(%reason, "the group of schema registries elects again");
                }
                Err(error) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    // A coordinator that moves is no news for a while, and one that stays away none at each attempt.
                    let is_news = news_at.is_none_or(|at: Instant| at.elapsed() > NEWS_EVERY);
                    if since.elapsed() > self.session_timeout && is_news {
                        news_at = Some(Instant::now());
                        warn!(%error, "this instance cannot join the group of schema registries; trying again");
                    }
                    self.note(&error);
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Nobody leads that this instance knows; what it was writing is over, one way or the other.
    async fn stand_down(&self) {
        self.leadership.send_replace(Leadership::Unknown);
        drop(self.writing.lock().await);
    }

    /// Forgets a member id that the coordinator does not know, and takes one that it has given.
    fn note(&mut self, error: &Error) {
        if matches!(error.code(), Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId)) {
            self.member_id = StrBytes::default();
        }
    }

    async fn join(&mut self) -> Result<Generation, Error> {
        let mut joined = self.ask_to_join().await?;
        if joined.error_code == ResponseError::MemberIdRequired.code() {
            self.member_id = joined.member_id;
            joined = self.ask_to_join().await?;
        }
        self.coordinator.check(joined.error_code)?;
        self.member_id = joined.member_id.clone();
        let assignments = if joined.leader == joined.member_id && !joined.skip_assignment {
            self.assignments(&joined)
        } else {
            Vec::new()
        };
        let request = SyncGroupRequest::default()
            .with_group_id(self.group())
            .with_generation_id(joined.generation_id)
            .with_member_id(self.member_id.clone())
            .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
            .with_protocol_name(Some(StrBytes::from_static_str(PROTOCOL)))
            .with_assignments(assignments);
        let alive = Instant::now();
        let synced = self.coordinator.sync(request, self.rebalance_timeout + SLACK).await?;
        self.coordinator.check(synced.error_code)?;
        let outcome =
            Outcome::decode(&synced.assignment).map_err(|reason| malformed("the assignment", reason))?;
        Ok(Generation { number: joined.generation_id, outcome, alive })
    }

    async fn ask_to_join(&self) -> Result<JoinGroupResponse, Error> {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str(PROTOCOL))
            .with_metadata(Bytes::from(self.identity.encode()));
        let request = JoinGroupRequest::default()
            .with_group_id(self.group())
            .with_session_timeout_ms(millis(self.session_timeout))
            .with_rebalance_timeout_ms(millis(self.rebalance_timeout))
            .with_member_id(self.member_id.clone())
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_protocols(vec![protocol]);
        self.coordinator.join(request, self.rebalance_timeout + SLACK).await
    }

    /// What this member, as the group's own leader, makes of all members: the same for each.
    fn assignments(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let mut members = Vec::new();
        for member in &joined.members {
            match Identity::decode(&member.metadata) {
                Ok(identity) => members.push((member.member_id.to_string(), identity)),
                Err(reason) => {
                    warn!(member = %member.member_id, reason, "a member of the group is no schema registry");
                }
            }
        }
        let outcome = elect(&members, self.is_sticky);
        let leader = outcome.leader.as_ref().map(|(_, identity)| identity.url());
        info!(members = members.len(), leader, "elected the schema registry that writes");
        let assignment = Bytes::from(outcome.encode());
        let one = |member: &StrBytes| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member.clone())
                .with_assignment(assignment.clone())
        };
        joined.members.iter().map(|member| one(&member.member_id)).collect()
    }

    /// Gives signs of life until the group elects again; the reason for that.
    async fn stay(&mut self, mut generation: Generation) -> Error {
        self.publish(&generation);
        loop {
            sleep(self.heartbeat_interval).await;
            let request = HeartbeatRequest::default()
                .with_group_id(self.group())
                .with_generation_id(generation.number)
                .with_member_id(self.member_id.clone());
            let sent = Instant::now();
            let answered = self.coordinator.heartbeat(request, self.session_timeout).await;
            let answered = answered.and_then(|response| self.coordinator.check(response.error_code));
            match answered {
                Ok(()) => {
                    generation.alive = sent;
                    self.publish(&generation);
                }
                Err(error) if is_about_membership(&error) => {
                    self.note(&error);
                    return error;
                }
                Err(error) if sent.duration_since(generation.alive) > self.session_timeout => return error,
                // The coordinator may be back before the session ends.
                Err(_) => {}
            }
        }
    }

    fn publish(&mut self, generation: &Generation) {
        if generation.outcome.has_duplicates {
            error!(
                instance = self.identity.url(),
                "instances of the schema registry have one address, so that nobody can write: set host.name"
            );
        }
        let leader = generation.outcome.leader.as_ref().filter(|_| !generation.outcome.has_duplicates);
        let is_here = leader.is_some_and(|(member, _)| **member == *self.member_id);
        self.identity.is_leader = is_here;
        let now = match leader {
            None => Leadership::Unknown,
            Some(_) if is_here => Leadership::Here {
                term: u64::try_from(generation.number).unwrap_or(0),
                until: Some(generation.alive + self.session_timeout),
            },
            Some((_, identity)) => Leadership::At(identity.url()),
        };
        let before = self.leadership.send_replace(now.clone());
        if std::mem::discriminant(&before) != std::mem::discriminant(&now) {
            match &now {
                Leadership::Here { term, .. } => info!(term, "this instance writes"),
                Leadership::At(leader) => info!(leader, "another instance writes"),
                Leadership::Unknown => warn!("nobody writes: no instance is eligible"),
            }
        }
    }

    async fn leave(&self) {
        if self.member_id.is_empty() {
            return;
        }
        let member = MemberIdentity::default()
            .with_member_id(self.member_id.clone())
            .with_reason(Some(StrBytes::from_static_str("the schema registry stops")));
        let request = LeaveGroupRequest::default().with_group_id(self.group()).with_members(vec![member]);
        match timeout(LEAVE_PATIENCE, self.coordinator.leave(request, LEAVE_PATIENCE)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(%error, "this instance could not leave the group of schema registries"),
            Err(_) => warn!("this instance could not leave the group of schema registries in time"),
        }
    }

    fn group(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.coordinator.group().to_owned()))
    }
}

/// Whether the coordinator says that there is to be an election, or that this is no member.
fn is_about_membership(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            ResponseError::RebalanceInProgress
                | ResponseError::IllegalGeneration
                | ResponseError::UnknownMemberId
                | ResponseError::FencedInstanceId
        )
    )
}

fn malformed(what: &str, reason: String) -> Error {
    Error::Malformed { what: what.into(), reason: reason.into() }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
