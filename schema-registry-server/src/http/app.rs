//! One request from its head to its answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request as HttpRequest;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::connections::Connections;
use super::large_bodies::{LargeBodies, Work};
use super::operational;
use super::respond::{Answer, Denied, respond};
use crate::access::Access;
use crate::api::{self, About, Command, Limits, Parsed, Problem, Read, Reply, Write};
use crate::election::{ForwardError, Forwarder};
use crate::metrics::Metrics;
use crate::topic::{Leadership, ParsedCache, Reader, State, Writer};

/// The wait before another look at who leads, after the last one was wrong.
const CHANGE_PAUSE: Duration = Duration::from_millis(200);
/// See [`Problem::unknown_leader`].
const UNKNOWN_LEADER: i32 = 50_004;
/// How long a write waits for the end of an election.
const ELECTION_PATIENCE: Duration = Duration::from_secs(10);
/// How long an instance that is not the leader any more may take for its last answers, as long as it is alive.
const MOVED_PATIENCE: Duration = Duration::from_secs(8);
/// How often it is asked whether it is alive, and how long it may take to say so.
const MOVED_LOOK_EVERY: Duration = Duration::from_secs(1);
/// The header of a write that another instance has forwarded; such a one is not forwarded again.
pub(crate) const FORWARDED: &str = "x-forward";

/// What requests are answered from.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) large: LargeBodies,
    pub(crate) state: Arc<State>,
    pub(crate) parsed: Option<Arc<ParsedCache>>,
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) forwarder: Forwarder,
    pub(crate) access: Access,
    pub(crate) metrics: Metrics,
    pub(crate) connections: Arc<Connections>,
    pub(crate) changes: Changes,
    pub(crate) fixed: Fixed,
}

/// How many changes are under way.
#[derive(Debug, Default)]
pub(crate) struct Changes(watch::Sender<usize>);

/// One of them.
struct Change<'a>(&'a Changes);

impl Changes {
    fn begin(&self) -> Change<'_> {
        self.0.send_modify(|count| *count += 1);
        Change(self)
    }

    /// Waits until there is none.
    pub(crate) async fn ended(&self) {
        // The sender is here, so it does not end.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// What does not change while the registry runs.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) cluster_id: String,
    pub(crate) group_id: String,
    pub(crate) limits: Limits,
    pub(crate) body_bytes_max: usize,
    pub(crate) request_timeout: Duration,
    /// How long the whole body of a request may take.
    pub(crate) body_timeout: Duration,
    /// How long the next part of it may take.
    pub(crate) idle_timeout: Duration,
    pub(crate) incompatible_code: i32,
}

/// Answers a request to any address.
pub(super) async fn handle(app: Arc<App>, request: HttpRequest) -> Response {
    if let Some(response) = operational::answer(&app, request.method(), request.uri().path()) {
        return response;
    }
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let (endpoint, answer) = app.answer_in_time(&parts, body).await;
    let status = answer.status();
    app.metrics.note_request(endpoint, &parts.method, status, started.elapsed());
    debug!(method = %parts.method, path = parts.uri.path(), %status, "answered");
    respond(answer)
}

impl App {
    async fn answer_in_time(self: &Arc<Self>, parts: &Parts, body: Body) -> (&'static str, Answer) {
        let patience = self.fixed.request_timeout;
        timeout(patience, self.answer(parts, body)).await.unwrap_or_else(|_| {
            let after_ms = patience.as_millis();
            let problem = Problem::new(504, format!("No answer within {after_ms} ms (request.timeout.ms)"));
            (api::endpoint_name(&request(parts, &[])), Answer::Problem(problem))
        })
    }

    /// The endpoint's name for metrics, and the answer.
    async fn answer(self: &Arc<Self>, parts: &Parts, body: Body) -> (&'static str, Answer) {
        let request = request(parts, &[]);
        let endpoint = api::endpoint_name(&request);
        let user = match self.access.authenticate(parts).await {
            Ok(user) => user,
            Err(denied) => return (endpoint, Answer::Denied(denied)),
        };
        let body = match self.read_body(&parts.headers, body).await {
            Ok(body) => body,
            Err(problem) => return (endpoint, Answer::Problem(problem)),
        };
        let route = match api::find_route(&request) {
            Ok(route) => route,
            Err(problem) => return (endpoint, Answer::Problem(problem)),
        };
        if !self.access.allows(user.as_ref(), &route) {
            return (endpoint, Answer::Denied(Denied::forbidden()));
        }
        let place = match self.large.place(&body) {
            Ok(place) => place,
            Err(problem) => return (endpoint, Answer::Problem(problem)),
        };
        let work = match &place {
            Some(place) => self.large.work(place).await,
            None => None,
        };
        let parsed = match self.parse(work.clone(), parts, &body).await {
            Ok(parsed) => parsed,
            Err(problem) => return (endpoint, Answer::Problem(problem)),
        };
        let media = parsed.media;
        let answer = match self.carry_out(parsed, parts, body, work).await {
            Ok(Outcome::Own(reply)) => Answer::Reply(reply, media),
            Ok(Outcome::Leaders(response)) => Answer::Forwarded(response),
            Err(problem) if problem.code == 409 => {
                Answer::Problem(Problem { code: self.fixed.incompatible_code, ..problem })
            }
            Err(problem) => Answer::Problem(problem),
        };
        (endpoint, answer)
    }

    async fn read_body(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
        let encoding = text(headers, header::CONTENT_ENCODING).unwrap_or("identity");
        if !encoding.eq_ignore_ascii_case("identity") {
            let message = format!("Request bodies are not unpacked: Content-Encoding is {encoding}");
            return Err(Problem::new(415, message));
        }
        let read = timeout(self.fixed.body_timeout, self.read_parts(body.into_data_stream())).await;
        read.unwrap_or_else(|_| Err(slow("medallion.request.body.timeout.ms", self.fixed.body_timeout)))
    }

    async fn read_parts(&self, mut parts: BodyDataStream) -> Result<Bytes, Problem> {
        let (max, idle_timeout) = (self.fixed.body_bytes_max, self.fixed.idle_timeout);
        let mut body = BytesMut::new();
        loop {
            let part = timeout(idle_timeout, parts.next()).await;
            let part = match part.map_err(|_| slow("idle.timeout.ms", idle_timeout))? {
                None => return Ok(body.freeze()),
                Some(part) => part.map_err(|error| {
                    Problem::new(400, format!("The request body could not be read: {error}"))
                })?,
            };
            if body.len() + part.len() > max {
                let reason =
                    format!("The request body is larger than {max} bytes (medallion.request.max.bytes)");
                return Err(Problem::new(413, reason));
            }
            body.extend_from_slice(&part);
        }
    }

    async fn carry_out(
        self: &Arc<Self>,
        parsed: Parsed,
        parts: &Parts,
        body: Bytes,
        work: Option<Work>,
    ) -> Result<Outcome, Problem> {
        let write = match parsed.command {
            Command::Read(read) => return self.look(read, work).await.map(Outcome::Own),
            Command::Write(write) => write,
        };
        if let Some(reply) = self.is_registered(&write, work).await {
            return Ok(Outcome::Own(reply));
        }
        self.change(write, parts, body).await
    }

    async fn look(self: &Arc<Self>, read: Read, work: Option<Work>) -> Result<Reply, Problem> {
        if !read.is_heavy() {
            return self.look_now(&read);
        }
        let app = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            let _work = work;
            app.look_now(&read)
        });
        looked.await.unwrap_or_else(|error| Err(Problem::new(500, format!("Internal error: {error}"))))
    }

    fn look_now(&self, read: &Read) -> Result<Reply, Problem> {
        let fixed = &self.fixed;
        let about = About {
            cluster_id: &fixed.cluster_id,
            group_id: &fixed.group_id,
            version: env!("CARGO_PKG_VERSION"),
            has_leader: *self.leadership.borrow() != Leadership::Unknown,
            limits: &fixed.limits,
        };
        api::answer(&self.state.store(), &about, read)
    }

    /// Here, where this instance writes; else there where it is done.
    async fn change(self: &Arc<Self>, write: Write, parts: &Parts, body: Bytes) -> Result<Outcome, Problem> {
        let _change = self.changes.begin();
        // Again where the leader has gone, and nothing was written or sent: another one comes.
        let deadline = Instant::now() + ELECTION_PATIENCE;
        loop {
            let is_last = Instant::now() >= deadline;
            match self.leader().await {
                Leadership::Here { .. } => match self.writer.write(write.clone()).await {
                    Err(problem) if problem.code == UNKNOWN_LEADER && !is_last => {}
                    outcome => return outcome.map(Outcome::Own),
                },
                Leadership::At(_) if parts.headers.contains_key(FORWARDED) => {
                    return Err(Problem::unknown_leader(
                        "This instance is not the leader that it was taken for",
                    ));
                }
                Leadership::At(leader) => match self.forward(&leader, parts, body.clone()).await {
                    Err(ForwardError::Unreachable(_)) if !is_last => {}
                    Err(ForwardError::Unreachable(problem) | ForwardError::Failed(problem)) => {
                        return Err(problem);
                    }
                    Ok(response) => return Ok(Outcome::Leaders(response)),
                },
                Leadership::Unknown => return Err(Problem::unknown_leader("Leader not known.")),
            }
            sleep(CHANGE_PAUSE).await;
        }
    }

    /// What the leader answers. One that leads no more is waited for no longer: it may be frozen.
    async fn forward(&self, leader: &str, parts: &Parts, body: Bytes) -> Result<Response, ForwardError> {
        let mut answer = pin!(self.forwarder.forward(leader, parts, body));
        let mut leadership = self.leadership.clone();
        let has_moved = leadership.wait_for(|now| match now {
            Leadership::Unknown => false,
            Leadership::Here { .. } => true,
            Leadership::At(other) => other != leader,
        });
        tokio::select! {
            answer = answer.as_mut() => return answer,
            _ = has_moved => {}
        }
        // It may be about to answer, as one does that gave the leadership away while it wrote.
        let deadline = Instant::now() + MOVED_PATIENCE;
        loop {
            if let Ok(answer) = timeout(MOVED_LOOK_EVERY, answer.as_mut()).await {
                return answer;
            }
            let is_alive =
                Instant::now() < deadline && self.forwarder.is_alive(leader, MOVED_LOOK_EVERY).await;
            if !is_alive {
                let message = format!("The leader {leader} has not answered, and is not the leader any more");
                let given_up = Err(ForwardError::Failed(Problem::forwarding(message)));
                return answer.now_or_never().unwrap_or(given_up);
            }
        }
    }

    /// Who leads; an election is waited for.
    async fn leader(&self) -> Leadership {
        let mut leadership = self.leadership.clone();
        let known = timeout(ELECTION_PATIENCE, leadership.wait_for(|now| *now != Leadership::Unknown)).await;
        match known {
            Ok(Ok(known)) => known.clone(),
            _ => Leadership::Unknown,
        }
    }

    /// A large body may take a second: it is read in its turn, where nobody waits behind it.
    async fn parse(&self, work: Option<Work>, parts: &Parts, body: &Bytes) -> Result<Parsed, Problem> {
        if work.is_none() {
            return api::parse(&request(parts, body));
        }
        let turn = self.large.turn().await;
        let (parts, body) = (parts.clone(), body.clone());
        let parsed = tokio::task::spawn_blocking(move || {
            let _held = (turn, work);
            api::parse(&request(&parts, &body))
        });
        let parsed = parsed.await;
        parsed.unwrap_or_else(|error| Err(Problem::new(500, format!("Internal error: {error}"))))
    }

    /// A schema that is registered already needs nobody who writes.
    async fn is_registered(self: &Arc<Self>, write: &Write, work: Option<Work>) -> Option<Reply> {
        if !matches!(write, Write::Register { .. }) {
            return None;
        }
        let (app, write) = (Arc::clone(self), write.clone());
        let decided = tokio::task::spawn_blocking(move || {
            let _work = work;
            api::registered(&app.state.store(), &write)
        });
        decided.await.ok().flatten()
    }
}

fn slow(setting: &str, patience: Duration) -> Problem {
    let after_ms = patience.as_millis();
    Problem::new(408, format!("The request body did not come within {after_ms} ms ({setting})"))
}

/// Where an answer is from.
enum Outcome {
    Own(Reply),
    Leaders(Response),
}

fn request<'a>(parts: &'a Parts, body: &'a [u8]) -> api::Request<'a> {
    api::Request {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        content_type: text(&parts.headers, header::CONTENT_TYPE),
        accept: text(&parts.headers, header::ACCEPT),
        body,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
