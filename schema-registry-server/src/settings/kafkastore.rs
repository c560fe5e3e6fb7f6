//! Settings of the client on the topic that are not taken under their own name.

use medallion_settings::{ConfigError, Property};

/// What their names begin with.
pub(super) const PREFIX: &str = "kafkastore.";

/// Adds a setting by its name behind the prefix.
pub(super) fn take(client: &mut Vec<Property>, name: &str, property: &Property) -> Result<(), ConfigError> {
    let renamed = |name: &str, value: &str| Property {
        name: name.to_owned(),
        value: value.to_owned(),
        origin: property.origin.clone(),
    };
    if name != "sasl.jaas.config" {
        client.push(renamed(name, &property.value));
        return Ok(());
    }
    let conflict =
        |reason: &str| ConfigError::conflict("kafkastore.sasl.jaas.config", reason).at(&property.origin);
    let jaas = &property.value;
    let has_password = ["PlainLoginModule", "ScramLoginModule"].iter().any(|module| jaas.contains(module));
    if !has_password {
        return Err(conflict(
            "only PlainLoginModule and ScramLoginModule are known; see kafkastore.sasl.oauthbearer.token",
        ));
    }
    for option in ["username", "password"] {
        let found = option_of(jaas, option)
            .ok_or_else(|| conflict("it has no username or no password in double quotes"))?;
        client.push(renamed(&format!("sasl.{option}"), found));
    }
    Ok(())
}

/// The value of `name="value"` in a line of JAAS.
fn option_of<'a>(jaas: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = jaas.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
