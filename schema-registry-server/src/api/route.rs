//! Which address means what.

use axum::http::Method;

use super::problem::Problem;

/// What an address names. Subjects and versions are texts here; `parse` says what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "docs/registry-api.md lists them with what they do")]
pub enum Endpoint {
    Root,
    Schemas,
    Types,
    SchemaById(i32),
    SchemaTextById(i32),
    SubjectsOfId(i32),
    VersionsOfId(i32),
    SchemaByGuid(String),
    IdsOfGuid(String),
    Subjects,
    Subject(String),
    WithMetadata(String),
    Versions(String),
    Version(String, String),
    VersionText(String, String),
    ReferencedBy(String, String),
    Compatibility(String, Option<String>),
    Config(Option<String>),
    Mode(Option<String>),
    Contexts,
    Context(String),
    ClusterId,
    ServerVersion,
    Deployment,
    Leader,
}

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// It looks.
    Read,
    /// It changes schemas.
    Write,
    /// It changes settings, modes or contexts.
    Admin,
}

/// An endpoint with a method that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// How.
    pub method: Method,
}

impl Endpoint {
    /// The endpoint of an address, by its decoded segments.
    pub(super) fn find(segments: &[String]) -> Result<Self, Problem> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let owned = |text: &str| text.to_owned();
        Ok(match segments[..] {
            [] => Self::Root,
            ["schemas"] => Self::Schemas,
            ["schemas", "types"] => Self::Types,
            ["schemas", "ids", id] => Self::SchemaById(number(id)?),
            ["schemas", "ids", id, "schema"] => Self::SchemaTextById(number(id)?),
            ["schemas", "ids", id, "subjects"] => Self::SubjectsOfId(number(id)?),
            ["schemas", "ids", id, "versions"] => Self::VersionsOfId(number(id)?),
            ["schemas", "guids", guid] => Self::SchemaByGuid(owned(guid)),
            ["schemas", "guids", guid, "ids"] => Self::IdsOfGuid(owned(guid)),
            ["subjects"] => Self::Subjects,
            ["subjects", subject] => Self::Subject(owned(subject)),
            ["subjects", subject, "metadata"] => Self::WithMetadata(owned(subject)),
            ["subjects", subject, "versions"] => Self::Versions(owned(subject)),
            ["subjects", subject, "versions", version] => Self::Version(owned(subject), owned(version)),
            ["subjects", subject, "versions", version, "schema"] => {
                Self::VersionText(owned(subject), owned(version))
            }
            ["subjects", subject, "versions", version, "referencedby"] => {
                Self::ReferencedBy(owned(subject), owned(version))
            }
            ["compatibility", "subjects", subject, "versions"] => Self::Compatibility(owned(subject), None),
            ["compatibility", "subjects", subject, "versions", version] => {
                Self::Compatibility(owned(subject), Some(owned(version)))
            }
            ["config"] => Self::Config(None),
            ["config", subject] => Self::Config(Some(owned(subject))),
            ["mode"] => Self::Mode(None),
            ["mode", subject] => Self::Mode(Some(owned(subject))),
            ["contexts"] => Self::Contexts,
            ["contexts", context] => Self::Context(owned(context)),
            ["v1", "metadata", "id"] => Self::ClusterId,
            ["v1", "metadata", "version"] => Self::ServerVersion,
            ["v1", "metadata", "deployment"] => Self::Deployment,
            ["master_available"] => Self::Leader,
            _ => return Err(Problem::not_found()),
        })
    }

    /// The methods that it has; GET stands for HEAD, too.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Subject(_) => &[Method::POST, Method::DELETE],
            Self::Root | Self::Versions(_) => &[Method::GET, Method::POST],
            Self::Version(..) => &[Method::GET, Method::DELETE],
            Self::Compatibility(..) => &[Method::POST],
            Self::Config(_) | Self::Mode(_) => &[Method::GET, Method::PUT, Method::DELETE],
            Self::Context(_) => &[Method::DELETE],
            _ => &[Method::GET],
        }
    }

    /// The endpoint's name in metrics: its address without names and numbers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Schemas => "/schemas",
            Self::Types => "/schemas/types",
            Self::SchemaById(_) => "/schemas/ids/{id}",
            Self::SchemaTextById(_) => "/schemas/ids/{id}/schema",
            Self::SubjectsOfId(_) => "/schemas/ids/{id}/subjects",
            Self::VersionsOfId(_) => "/schemas/ids/{id}/versions",
            Self::SchemaByGuid(_) => "/schemas/guids/{guid}",
            Self::IdsOfGuid(_) => "/schemas/guids/{guid}/ids",
            Self::Subjects => "/subjects",
            Self::Subject(_) => "/subjects/{subject}",
            Self::WithMetadata(_) => "/subjects/{subject}/metadata",
            Self::Versions(_) => "/subjects/{subject}/versions",
            Self::Version(..) => "/subjects/{subject}/versions/{version}",
            Self::VersionText(..) => "/subjects/{subject}/versions/{version}/schema",
            Self::ReferencedBy(..) => "/subjects/{subject}/versions/{version}/referencedby",
            Self::Compatibility(_, None) => "/compatibility/subjects/{subject}/versions",
            Self::Compatibility(..) => "/compatibility/subjects/{subject}/versions/{version}",
            Self::Config(None) => "/config",
            Self::Config(Some(_)) => "/config/{subject}",
            Self::Mode(None) => "/mode",
            Self::Mode(Some(_)) => "/mode/{subject}",
            Self::Contexts => "/contexts",
            Self::Context(_) => "/contexts/{context}",
            Self::ClusterId => "/v1/metadata/id",
            Self::ServerVersion => "/v1/metadata/version",
            Self::Deployment => "/v1/metadata/deployment",
            Self::Leader => "/master_available",
        }
    }
}

impl Route {
    pub(super) fn new(endpoint: Endpoint, method: &Method) -> Result<Self, Problem> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        if !endpoint.methods().contains(method) {
            return Err(Problem::method_not_allowed(method, endpoint.methods()));
        }
        Ok(Self { endpoint, method: method.clone() })
    }

    /// Whether there is a body to read.
    pub(super) fn has_body(&self) -> bool {
        self.method == Method::POST || self.method == Method::PUT
    }

    /// What whoever asks must be allowed.
    pub fn right(&self) -> Right {
        match (&self.endpoint, &self.method) {
            (
                Endpoint::Config(_) | Endpoint::Mode(_) | Endpoint::Context(_),
                &Method::PUT | &Method::DELETE,
            ) => Right::Admin,
            (Endpoint::Versions(_), &Method::POST)
            | (Endpoint::Subject(_) | Endpoint::Version(..), &Method::DELETE) => Right::Write,
            _ => Right::Read,
        }
    }

    /// The subject that is asked for, where it is one.
    pub fn subject(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Subject(subject)
            | Endpoint::WithMetadata(subject)
            | Endpoint::Versions(subject)
            | Endpoint::Version(subject, _)
            | Endpoint::VersionText(subject, _)
            | Endpoint::ReferencedBy(subject, _)
            | Endpoint::Compatibility(subject, _)
            | Endpoint::Config(Some(subject))
            | Endpoint::Mode(Some(subject)) => Some(subject),
            _ => None,
        }
    }
}

/// JAX-RS answers 404 to a number in an address that is none.
fn number(text: &str) -> Result<i32, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operations of Confluent's registry (8.4), but for those that `docs/registry-api.md` leaves out.
    const OPERATIONS: &[(&str, &str)] = &[
        ("/", "GET POST"),
        ("/schemas", "GET"),
        ("/schemas/types", "GET"),
        ("/schemas/ids/1", "GET"),
        ("/schemas/ids/1/schema", "GET"),
        ("/schemas/ids/1/subjects", "GET"),
        ("/schemas/ids/1/versions", "GET"),
        ("/schemas/guids/g", "GET"),
        ("/schemas/guids/g/ids", "GET"),
        ("/subjects", "GET"),
        ("/subjects/s", "POST DELETE"),
        ("/subjects/s/metadata", "GET"),
        ("/subjects/s/versions", "GET POST"),
        ("/subjects/s/versions/1", "GET DELETE"),
        ("/subjects/s/versions/1/schema", "GET"),
        ("/subjects/s/versions/1/referencedby", "GET"),
        ("/compatibility/subjects/s/versions", "POST"),
        ("/compatibility/subjects/s/versions/latest", "POST"),
        ("/config", "GET PUT DELETE"),
        ("/config/s", "GET PUT DELETE"),
        ("/mode", "GET PUT DELETE"),
        ("/mode/s", "GET PUT DELETE"),
        ("/contexts", "GET"),
        ("/contexts/.c", "DELETE"),
        ("/v1/metadata/id", "GET"),
        ("/v1/metadata/version", "GET"),
        ("/v1/metadata/deployment", "GET"),
    ];

    #[test]
    fn each_operation_of_confluents_registry_is_there_and_no_other() {
        for (path, methods) in OPERATIONS {
            let segments: Vec<String> =
                path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
            let endpoint = Endpoint::find(&segments).unwrap();
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let outcome = Route::new(endpoint.clone(), &method.parse().unwrap());
                let expected = if methods.split(' ').any(|one| one == method) { Ok(()) } else { Err(405) };
                assert_eq!(outcome.map(drop).map_err(|problem| problem.code), expected, "{method} {path}");
            }
        }
    }
}
