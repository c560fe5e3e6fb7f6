//! How the cluster is reached.

use std::fs;
use std::path::Path;
use std::time::Duration;

use medallion_client::config::{ConfigError, Declaration};
use medallion_client::{ClientSettings, ConsumerSettings, ProducerSettings};
use medallion_settings::Properties;

use super::ClientError;

/// How long something may take that is tried again, unless the user says otherwise.
const API_TIMEOUT: Duration = Duration::from_secs(30);
const BOOTSTRAP_SERVERS: &str = "bootstrap.servers";
const AUTO_CREATE: &str = "allow.auto.create.topics";
/// Where a cluster is that nobody names.
const DEFAULT_BOOTSTRAP: &str = "127.0.0.1:9092";

/// How the cluster is reached: addresses, and what else a client can be told (security, time limits).
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    settings: ClientSettings,
    /// Whether the user says who may make topics by naming them.
    says_who_makes_topics: bool,
}

impl Connect {
    /// By an address alone.
    pub(crate) fn to(bootstrap: &str) -> Result<Self, ClientError> {
        Self::with(Some(bootstrap), None, &[])
    }

    /// By what was typed: the addresses, a properties file, and single settings. What comes later in this list stands above what
    /// comes before, but for the addresses, which stand above all.
    pub(crate) fn with(
        bootstrap: Option<&str>,
        file: Option<&Path>,
        settings: &[(String, String)],
    ) -> Result<Self, ClientError> {
        let mut properties = Properties::new();
        if let Some(path) = file {
            let text = fs::read_to_string(path)
                .map_err(|reason| ClientError::File { path: path.to_owned(), reason: reason.to_string() })?;
            properties.add_file(&path.display().to_string(), &text)?;
        }
        for (name, value) in settings {
            properties.add_option("--client-set", name, value);
        }
        refuse_useless(&properties)?;
        let has = |name: &str| properties.get(name).is_some();
        let is_named = bootstrap.is_some() || !has(BOOTSTRAP_SERVERS);
        let mut read = ClientSettings::default().client_id("medallion-cli".to_owned());
        if !has("default.api.timeout.ms") {
            read = read.default_api_timeout(API_TIMEOUT);
        }
        read = read.set_all(&properties)?;
        if is_named {
            read = read.bootstrap_servers(parse_addresses(bootstrap.unwrap_or(DEFAULT_BOOTSTRAP))?);
        }
        let says_who_makes_topics = has(AUTO_CREATE);
        if !says_who_makes_topics {
            read = read.allow_auto_create_topics(false);
        }
        Ok(Self { settings: read, says_who_makes_topics })
    }

    /// The same for who produces: brokers may make topics that are named, unless the user says otherwise.
    pub(crate) fn making_topics(&self) -> Self {
        let settings = self.settings.clone();
        let says = self.says_who_makes_topics;
        let settings = if says { settings } else { settings.allow_auto_create_topics(true) };
        Self { settings, says_who_makes_topics: says }
    }

    pub(super) fn settings(&self) -> &ClientSettings {
        &self.settings
    }
}

/// Refuses settings that only producers or consumers have: what commands do with records, their own options say.
fn refuse_useless(properties: &Properties) -> Result<(), ClientError> {
    let is_of =
        |known: &[Declaration], name: &str| known.iter().find(|one| one.name == name).map(|one| one.name);
    for property in properties {
        if is_of(ClientSettings::DECLARATIONS, &property.name).is_some() {
            continue;
        }
        let of_producers = is_of(ProducerSettings::DECLARATIONS, &property.name);
        let of_consumers = is_of(ConsumerSettings::DECLARATIONS, &property.name);
        let found = of_producers.map(|name| (name, "producers"));
        if let Some((name, whose)) = found.or(of_consumers.map(|name| (name, "consumers"))) {
            let reason = format!("a setting of {whose}, for which this command has no use");
            return Err(ConfigError::conflict(name, reason).at(&property.origin).into());
        }
    }
    Ok(())
}

/// `host:port` parts of a comma-separated list; the port is 9092 where none is named.
fn parse_addresses(list: &str) -> Result<Vec<String>, ClientError> {
    let parse = |text: &str| {
        let wrong = || ClientError::Address { address: text.to_owned() };
        if text.is_empty() || text.contains("://") {
            return Err(wrong());
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
            None => Ok(format!("{text}:9092")),
            Some(_) => Err(wrong()),
        }
    };
    list.split(',').map(|part| parse(part.trim())).collect()
}

#[cfg(test)]
mod tests {
    use medallion_client::config::SecurityProtocol;

    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        assert_eq!(parse_addresses("a:1, b").unwrap(), ["a:1", "b:9092"]);
        assert_eq!(parse_addresses("[::1]:9092").unwrap(), ["[::1]:9092"]);
        for wrong in ["", "a:", ":1", "a:b", "a:70000", "PLAINTEXT://a:1", "a:1,,b:2"] {
            assert!(parse_addresses(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn what_is_typed_stands_above_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.properties");
        fs::write(&file, "bootstrap.servers=a:1\nsecurity.protocol=SSL\nclient.id=x\n").unwrap();
        let set = [("client.id".to_owned(), "y".to_owned())];
        let expected = |servers: &str| {
            let settings = ClientSettings::new(servers).default_api_timeout(API_TIMEOUT);
            settings.allow_auto_create_topics(false).security_protocol(SecurityProtocol::Ssl)
        };
        let settings = Connect::with(None, Some(&file), &set).unwrap().settings;
        assert_eq!(settings, expected("a:1").client_id("y".to_owned()));
        let settings = Connect::with(Some("b"), Some(&file), &[]).unwrap().settings;
        assert_eq!(settings, expected("b:9092").client_id("x".to_owned()));
        let nothing = Connect::with(None, None, &[]).unwrap();
        assert!(format!("{:?}", nothing.settings).contains("127.0.0.1:9092"));
        let making = |connect: &Connect| format!("{:?}", connect.making_topics().settings);
        assert!(making(&nothing).contains("allow_auto_create_topics: true"));
        let said = [("allow.auto.create.topics".to_owned(), "false".to_owned())];
        let said = Connect::with(None, None, &said).unwrap();
        assert!(making(&said).contains("allow_auto_create_topics: false"));
        let wrong = [("security.protokol".to_owned(), "SSL".to_owned())];
        let error = Connect::with(None, None, &wrong).unwrap_err().to_string();
        assert!(error.contains("security.protokol"), "{error}");
        for (name, whose) in [("linger.ms", "producers"), ("group.id", "consumers")] {
            let set = [(name.to_owned(), "5".to_owned())];
            let error = Connect::with(None, None, &set).unwrap_err();
            let expected =
                format!("{name}: a setting of {whose}, for which this command has no use (--client-set)");
            assert_eq!((error.to_string(), error.is_usage()), (expected, true));
        }
        fs::write(&file, "# mine\nsecurity.protokol=SSL\n").unwrap();
        let error = Connect::with(None, Some(&file), &[]).unwrap_err().to_string();
        assert!(error.contains("client.properties:2"), "{error}");
        let error = Connect::with(None, Some(&folder.path().join("none")), &[]).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
    }
}
