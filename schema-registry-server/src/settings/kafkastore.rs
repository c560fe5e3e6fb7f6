//! Settings of the client on the topic that are not taken under their own name.

use super::SettingsError;

/// Adds a setting, named without its prefix.
pub(super) fn take(client: &mut Vec<(String, String)>, name: &str, value: &str) -> Result<(), SettingsError> {
    if name != "sasl.jaas.config" {
        client.push((name.to_owned(), value.to_owned()));
        return Ok(());
    }
    let conflict =
        |reason: &str| SettingsError::Conflict { name: "kafkastore.sasl.jaas.config", reason: reason.into() };
    let has_password = ["PlainLoginModule", "ScramLoginModule"].iter().any(|module| value.contains(module));
    if !has_password {
        return Err(conflict(
            "only PlainLoginModule and ScramLoginModule are known; see kafkastore.sasl.oauthbearer.token",
        ));
    }
    for option in ["username", "password"] {
        let found = option_of(value, option)
            .ok_or_else(|| conflict("it has no username or no password in double quotes"))?;
        client.push((format!("sasl.{option}"), found.to_owned()));
    }
    Ok(())
}

/// The value of `name="value"` in a line of JAAS.
fn option_of<'a>(jaas: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = jaas.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
