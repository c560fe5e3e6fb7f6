//! Answers as HTTP responses.

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{MediaType, Problem, Reply};

/// What is answered.
pub(super) enum Answer {
    Reply(Reply, MediaType),
    Problem(Problem),
    Denied(Denied),
    /// What the leader has answered.
    Forwarded(Response),
}

/// A request that is not carried out because of who asks.
#[derive(Debug)]
pub(crate) struct Denied {
    problem: Problem,
    /// The header `WWW-Authenticate`.
    challenge: Option<HeaderValue>,
}

impl Denied {
    /// Whoever asks has not proved who they are.
    pub(crate) fn unauthenticated(scheme: &str, realm: &str) -> Self {
        let realm = realm.replace(['"', '\\'], "");
        let challenge = HeaderValue::from_str(&format!("{scheme} realm=\"{realm}\"")).ok();
        Self { problem: Problem::new(401, "Unauthorized"), challenge }
    }

    /// A token that proves nothing (RFC 6750).
    pub(crate) fn invalid_token(realm: &str, reason: &impl std::fmt::Display) -> Self {
        let realm = realm.replace(['"', '\\'], "");
        let challenge = format!("Bearer realm=\"{realm}\", error=\"invalid_token\"");
        let problem = Problem::new(401, format!("Unauthorized: the token is not taken: {reason}"));
        Self { problem, challenge: HeaderValue::from_str(&challenge).ok() }
    }

    /// Whoever asks may not have it.
    pub(crate) fn forbidden() -> Self {
        Self { problem: Problem::new(403, "User is denied operation on this resource"), challenge: None }
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Reply(Reply::Nothing, _) => StatusCode::NO_CONTENT,
            Self::Reply(..) => StatusCode::OK,
            Self::Problem(problem) => problem.status(),
            Self::Denied(denied) => denied.problem.status(),
            Self::Forwarded(response) => response.status(),
        }
    }
}

pub(super) fn respond(answer: Answer) -> Response {
    let status = answer.status();
    let (body, media) = match answer {
        Answer::Forwarded(response) => return response,
        Answer::Reply(Reply::Nothing, _) => return status.into_response(),
        Answer::Reply(Reply::Json(json), media) => (json.to_string(), media),
        Answer::Reply(Reply::Raw(text), media) => (text, media),
        Answer::Problem(problem) => {
            let mut response = respond_with(status, problem.body().to_string(), MediaType::V1);
            if let Some(allowed) = allow(problem.allowed) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            return response;
        }
        Answer::Denied(denied) => {
            let body = denied.problem.body().to_string();
            let mut response = respond_with(status, body, MediaType::V1);
            if let Some(challenge) = denied.challenge {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            return response;
        }
    };
    respond_with(status, body, media)
}

/// The header `Allow` (RFC 9110, 10.2.1); GET stands for HEAD, too.
fn allow(methods: &[Method]) -> Option<HeaderValue> {
    let heads = methods.contains(&Method::GET).then_some(Method::HEAD);
    let names: Vec<&str> = methods.iter().chain(&heads).map(Method::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).ok().filter(|allowed| !allowed.is_empty())
}

fn respond_with(status: StatusCode, body: String, media: MediaType) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media.as_str()));
    response
}
