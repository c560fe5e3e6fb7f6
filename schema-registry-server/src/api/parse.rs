//! From requests to commands.

use axum::http::Method;
use medallion_schema_registry::json::Json;
use medallion_schema_registry::store::{ConfigError, ConfigUpdate, Deleted, VersionNumber};
use medallion_schema_registry::{Refusal, Subject};
use percent_encoding::percent_decode_str;

use super::command::{Command, Read, Write};
use super::negotiation::{MediaType, check_content_type};
use super::paging::Page;
use super::problem::Problem;
use super::query::Query;
use super::route::{Endpoint, Route};
use super::{Request, body, context};

/// A request that was understood.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// Where it goes.
    pub route: Route,
    /// What it asks for.
    pub command: Command,
    /// What the reply is written as.
    pub(crate) media: MediaType,
}

fn route<'a>(request: &Request<'a>) -> Result<(Route, Query<'a>), Problem> {
    let mut query = Query::parse(request.query);
    let segments = context::rewrite(segments(request.path)?, &mut query)?;
    let route = Route::new(Endpoint::find(&segments)?, request.method)?;
    Ok((route, query))
}

/// Reads a request.
///
/// # Errors
/// HTTP's own codes for what is no request to this API, Confluent's for parameters that are not valid.
pub fn parse(request: &Request<'_>) -> Result<Parsed, Problem> {
    let (route, query) = route(request)?;
    if route.has_body() {
        check_content_type(request.content_type)?;
    }
    let media = MediaType::accepted(request.accept)?;
    refuse_unsupported(&query)?;
    let body = if route.has_body() { body::object(request.body)? } else { Json::Null };
    let command = command(&route, &query, &body)?;
    Ok(Parsed { route, command, media })
}

/// The parts of an address. One that is no UTF-8 is refused: it would be another name than the client's, and one that
/// several names have in common.
fn segments(path: &str) -> Result<Vec<String>, Problem> {
    let decoded = |segment| {
        let decoded = percent_decode_str(segment).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| Problem::new(400, format!("The address is not UTF-8 in its part {segment}")))
    };
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut segments = path.split('/').map(decoded).collect::<Result<Vec<String>, Problem>>()?;
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    Ok(segments)
}

/// Parameters that would change the answer and are not followed.
fn refuse_unsupported(query: &Query<'_>) -> Result<(), Problem> {
    let unsupported = [
        ("findTags", "tags within schemas are not looked for here"),
        ("resourceType", "there are no associations here"),
        ("associationType", "there are no associations here"),
        ("lifecycle", "there are no associations here"),
    ];
    match unsupported.iter().find(|(name, _)| query.get(name).is_some_and(|value| !value.is_empty())) {
        Some((name, reason)) => Err(Problem::new(422, format!("{name} is not supported: {reason}"))),
        None => Ok(()),
    }
}

fn command(route: &Route, query: &Query<'_>, body: &Json) -> Result<Command, Problem> {
    if route.method == Method::GET || matches!(route.endpoint, Endpoint::Root | Endpoint::Compatibility(..)) {
        return read(&route.endpoint, query, body).map(Command::Read);
    }
    if let (Endpoint::Subject(subject), &Method::POST) = (&route.endpoint, &route.method) {
        let mut request = body::register_request(body)?;
        request.normalize = query.flag("normalize");
        return Ok(Command::Read(Read::Lookup {
            subject: Subject::parse(subject),
            request: Box::new(request),
            format: query.text("format"),
            deleted: deleted(query),
        }));
    }
    write(route, query, body).map(Command::Write)
}

fn read(endpoint: &Endpoint, query: &Query<'_>, body: &Json) -> Result<Read, Problem> {
    let format = || query.text("format");
    let page = || Page::parse(query);
    Ok(match endpoint {
        Endpoint::Root | Endpoint::Context(_) => Read::Nothing,
        Endpoint::Schemas => Read::Schemas {
            prefix: query.text("subjectPrefix"),
            deleted: deleted(query),
            latest_only: query.flag("latestOnly"),
            aliases: query.flag("aliases"),
            rule_type: query.text("ruleType"),
            page: page()?,
        },
        Endpoint::Types => Read::Types,
        Endpoint::SchemaById(_)
        | Endpoint::SchemaTextById(_)
        | Endpoint::SubjectsOfId(_)
        | Endpoint::VersionsOfId(_) => read_id(endpoint, query)?,
        Endpoint::SchemaByGuid(guid) => Read::SchemaByGuid { guid: guid.clone(), format: format() },
        Endpoint::IdsOfGuid(guid) => Read::IdsOfGuid { guid: guid.clone() },
        Endpoint::Subjects => Read::Subjects {
            prefix: query.get("subjectPrefix").unwrap_or(":*:").to_owned(),
            deleted: deleted(query),
            page: page()?,
        },
        // There is no GET of these two; `Route::new` has said so.
        Endpoint::Subject(subject) | Endpoint::WithMetadata(subject) => Read::WithMetadata {
            subject: Subject::parse(subject),
            wanted: query
                .all("key")
                .zip(query.all("value"))
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
            format: format(),
            deleted: deleted(query),
        },
        Endpoint::Versions(_)
        | Endpoint::Version(..)
        | Endpoint::VersionText(..)
        | Endpoint::ReferencedBy(..) => read_version(endpoint, query)?,
        Endpoint::Compatibility(subject, version) => {
            let against = version.as_deref().map(VersionNumber::parse).transpose()?;
            let mut request = body::register_request(body)?;
            request.normalize = query.flag("normalize");
            let (subject, request) = (Subject::parse(subject), Box::new(request));
            Read::Compatibility { subject, against, request, verbose: query.flag("verbose") }
        }
        Endpoint::Config(subject) => {
            Read::Config { subject: scope(subject.as_deref()), in_scope: query.flag("defaultToGlobal") }
        }
        Endpoint::Mode(subject) => {
            Read::Mode { subject: scope(subject.as_deref()), in_scope: query.flag("defaultToGlobal") }
        }
        Endpoint::Contexts => Read::Contexts { prefix: query.text("contextPrefix"), page: page()? },
        Endpoint::ClusterId => Read::ClusterId,
        Endpoint::ServerVersion => Read::ServerVersion,
        Endpoint::Deployment => Read::Deployment,
        Endpoint::Leader => Read::Leader,
    })
}

fn read_version(endpoint: &Endpoint, query: &Query<'_>) -> Result<Read, Problem> {
    let (deleted, format) = (deleted(query), query.text("format"));
    Ok(match endpoint {
        Endpoint::Versions(subject) => Read::Versions {
            subject: Subject::parse(subject),
            deleted,
            negative: query.flag("deletedAsNegative"),
            page: Page::parse(query)?,
        },
        Endpoint::Version(subject, version) => {
            let (subject, number) = place(subject, version)?;
            let qualified = query.get("referenceFormat") == Some("qualified");
            Read::Version { subject, number, format, deleted, qualified }
        }
        Endpoint::VersionText(subject, version) => {
            let (subject, number) = place(subject, version)?;
            Read::VersionText { subject, number, format, deleted }
        }
        Endpoint::ReferencedBy(subject, version) => {
            let (subject, number) = place(subject, version)?;
            Read::ReferencedBy { subject, number, deleted, page: Page::parse(query)? }
        }
        _ => return Err(Problem::not_found()),
    })
}

fn read_id(endpoint: &Endpoint, query: &Query<'_>) -> Result<Read, Problem> {
    let subject = query.get("subject").map(Subject::parse);
    let format = query.text("format");
    Ok(match *endpoint {
        Endpoint::SchemaTextById(id) => Read::SchemaTextById { id, subject, format },
        Endpoint::SubjectsOfId(id) => {
            Read::SubjectsOfId { id, subject, deleted: deleted(query), page: Page::parse(query)? }
        }
        Endpoint::VersionsOfId(id) => {
            Read::VersionsOfId { id, subject, deleted: deleted(query), page: Page::parse(query)? }
        }
        Endpoint::SchemaById(id) => {
            let qualified = query.get("referenceFormat") == Some("qualified");
            Read::SchemaById { id, subject, format, qualified, max_id: query.flag("fetchMaxId") }
        }
        _ => return Err(Problem::not_found()),
    })
}

fn write(route: &Route, query: &Query<'_>, body: &Json) -> Result<Write, Problem> {
    let permanent = query.flag("permanent");
    let is_put = route.method == Method::PUT;
    Ok(match &route.endpoint {
        Endpoint::Versions(subject) => {
            let mut request = body::register_request(body)?;
            request.normalize = query.flag("normalize");
            request.force = query.flag("force");
            let (subject, request) = (Subject::parse(subject), Box::new(request));
            Write::Register { subject, request, format: query.text("format") }
        }
        Endpoint::Version(subject, version) => {
            let (subject, number) = place(subject, version)?;
            Write::DeleteVersion { subject, number, permanent }
        }
        Endpoint::Subject(subject) => Write::DeleteSubject { subject: Subject::parse(subject), permanent },
        Endpoint::Config(subject) if is_put => {
            Write::UpdateConfig { subject: scope(subject.as_deref()), update: Box::new(config_update(body)?) }
        }
        Endpoint::Config(subject) => Write::DeleteConfig { subject: scope(subject.as_deref()) },
        Endpoint::Mode(subject) if is_put => {
            let (mode, name) = body::mode_update(body)?;
            Write::UpdateMode { subject: scope(subject.as_deref()), mode, name, force: query.flag("force") }
        }
        Endpoint::Mode(subject) => {
            Write::DeleteMode { subject: scope(subject.as_deref()), recursive: query.flag("recursive") }
        }
        Endpoint::Context(context) => {
            Write::DeleteContext { context: Subject::parse(&context::qualified(context)?) }
        }
        _ => return Err(Problem::not_found()),
    })
}

fn config_update(body: &Json) -> Result<ConfigUpdate, Problem> {
    ConfigUpdate::from_json(body).map_err(|error| match error {
        ConfigError::Level(_) => Refusal::InvalidCompatibilityLevel.into(),
        ConfigError::Policy(_) => Problem::new(42_203, error.to_string()),
        ConfigError::Malformed(_) => Problem::new(400, error.to_string()),
    })
}

/// Both of `deleted` and `deletedOnly` mean the deleted ones.
fn deleted(query: &Query<'_>) -> Deleted {
    if query.flag("deletedOnly") {
        Deleted::Only
    } else if query.flag("deleted") {
        Deleted::With
    } else {
        Deleted::Without
    }
}

fn place(subject: &str, version: &str) -> Result<(Subject, VersionNumber), Problem> {
    Ok((Subject::parse(subject), VersionNumber::parse(version)?))
}

/// The default context's settings are the registry's.
fn scope(subject: Option<&str>) -> Option<Subject> {
    let subject = subject.map(Subject::parse)?;
    (!subject.is_in_default_context() || !subject.name().is_empty()).then_some(subject)
}

/// The endpoint of a request, without a look at its body.
///
/// # Errors
/// 404 and 405.
pub(crate) fn find_route(request: &Request<'_>) -> Result<Route, Problem> {
    route(request).map(|(route, _)| route)
}

/// The endpoint's name in metrics; `other` where there is none.
pub(crate) fn endpoint_name(request: &Request<'_>) -> &'static str {
    find_route(request).map_or("other", |route| route.endpoint.name())
}
