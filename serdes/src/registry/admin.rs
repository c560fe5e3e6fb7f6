//! What is done to subjects: deletes, compatibility, settings, modes.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::http::Call;
use super::schemas::in_path;
use super::{RegistryClient, RegistryError, Schema, VersionNumber};

/// Whether a schema may follow others, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Compatibility {
    /// Whether it may.
    pub is_compatible: bool,
    /// Why not, in the registry's words.
    #[serde(default)]
    pub messages: Vec<String>,
}

/// Settings of a subject, or of all. What is absent is not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SubjectConfig {
    /// `BACKWARD`, `FORWARD`, `FULL`, each also with `_TRANSITIVE`, or `NONE`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename(serialize = "compatibility"),
        alias = "compatibility"
    )]
    pub compatibility_level: Option<String>,
    /// `STRICT` or `LENIENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_policy: Option<String>,
    /// The property that divides versions into groups, which are compatible each for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_group: Option<String>,
    /// Another name of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whether schemas that mean the same are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// Everything else, as the registry has it.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl SubjectConfig {
    /// Only a level.
    pub fn compatibility(level: impl Into<String>) -> Self {
        Self { compatibility_level: Some(level.into()), ..Self::default() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Mode {
    mode: String,
}

/// `/config` and `/config/subject`.
fn of(what: &str, subject: Option<&str>) -> String {
    subject.map_or_else(|| format!("/{what}"), |subject| format!("/{what}/{}", in_path(subject)))
}

impl RegistryClient {
    /// Deletes a subject, for good where it was deleted before and `permanent` says so. Returns its versions.
    ///
    /// # Errors
    /// 40401, 40404, 40405 where it does not exist or not in that state, 42206 where others refer to it.
    pub async fn delete_subject(&self, subject: &str, permanent: bool) -> Result<Vec<i32>, RegistryError> {
        let path = format!("/subjects/{}?permanent={permanent}", in_path(subject));
        let deleted = self.http().call(&Call::new(Method::DELETE, path)).await;
        self.clear_caches();
        deleted
    }

    /// Deletes a version. Returns its number.
    ///
    /// # Errors
    /// 40402, 40406, 40407 where it does not exist or not in that state, 42206 where others refer to it.
    pub async fn delete_version(
        &self,
        subject: &str,
        version: impl Into<VersionNumber>,
        permanent: bool,
    ) -> Result<i32, RegistryError> {
        let path =
            format!("/subjects/{}/versions/{}?permanent={permanent}", in_path(subject), version.into());
        let deleted = self.http().call(&Call::new(Method::DELETE, path)).await;
        self.clear_caches();
        deleted
    }

    /// Asks whether a schema may follow a version, or, without one, those that the subject's level names.
    ///
    /// # Errors
    /// 40401 and 40402 where there is no such version, 42201 where it is no schema.
    pub async fn check_compatibility(
        &self,
        subject: &str,
        version: Option<VersionNumber>,
        schema: &Schema,
        normalize: bool,
    ) -> Result<Compatibility, RegistryError> {
        let mut path = format!("/compatibility/subjects/{}/versions", in_path(subject));
        if let Some(version) = version {
            path = format!("{path}/{version}");
        }
        path = format!("{path}?verbose=true&normalize={normalize}");
        self.http().call(&Call::new(Method::POST, path).body(&schema.to_request())).await
    }

    /// The settings of a subject, which are those of all where `or_global` and it has none; or of all.
    ///
    /// # Errors
    /// 40408 where the subject has none.
    pub async fn config(
        &self,
        subject: Option<&str>,
        or_global: bool,
    ) -> Result<SubjectConfig, RegistryError> {
        self.http().call(&Call::get(format!("{}?defaultToGlobal={or_global}", of("config", subject)))).await
    }

    /// Changes settings. Returns what was changed.
    ///
    /// # Errors
    /// 42203 where a level is none, and others.
    pub async fn set_config(
        &self,
        subject: Option<&str>,
        config: &SubjectConfig,
    ) -> Result<SubjectConfig, RegistryError> {
        self.http().call(&Call::new(Method::PUT, of("config", subject)).body(config)).await
    }

    /// Takes settings back to the defaults. Returns what they were.
    ///
    /// # Errors
    /// 40401 where there are none.
    pub async fn delete_config(&self, subject: Option<&str>) -> Result<SubjectConfig, RegistryError> {
        self.http().call(&Call::new(Method::DELETE, of("config", subject))).await
    }

    /// The mode of a subject, which is that of all where `or_global` and it has none; or of all.
    ///
    /// # Errors
    /// 40409 where the subject has none.
    pub async fn mode(&self, subject: Option<&str>, or_global: bool) -> Result<String, RegistryError> {
        let call = Call::get(format!("{}?defaultToGlobal={or_global}", of("mode", subject)));
        self.http().call(&call).await.map(|found: Mode| found.mode)
    }

    /// Sets the mode: `READWRITE`, `READONLY`, `IMPORT` and others; `force` lets it be `IMPORT` where there are schemas.
    ///
    /// # Errors
    /// 42204 where it is none, 42205 where it is not allowed.
    pub async fn set_mode(
        &self,
        subject: Option<&str>,
        mode: &str,
        force: bool,
    ) -> Result<(), RegistryError> {
        let call = Call::new(Method::PUT, format!("{}?force={force}", of("mode", subject)));
        self.http().call(&call.body(&Mode { mode: mode.to_owned() })).await.map(|_: Mode| ())
    }

    /// Takes the mode back to the default.
    ///
    /// # Errors
    /// 40401 where there is none.
    pub async fn delete_mode(&self, subject: Option<&str>) -> Result<(), RegistryError> {
        let call = Call::new(Method::DELETE, of("mode", subject));
        self.http().call(&call).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// The contexts that the registry has.
    ///
    /// # Errors
    /// Where the registry cannot be asked.
    pub async fn contexts(&self) -> Result<Vec<String>, RegistryError> {
        self.http().call(&Call::get("/contexts")).await
    }
}
