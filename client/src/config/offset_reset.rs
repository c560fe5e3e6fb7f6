//! Where a consumer begins (`auto.offset.reset`, KIP-1106).

use std::time::Duration;

use medallion_settings::Value;

/// Where to read a partition from when its offset is not known, or not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// From its first record.
    Earliest,
    /// From the next record that is written.
    Latest,
    /// From the first record that is not older than this.
    ByDuration(Duration),
    /// From nowhere: it is an error.
    None,
}

const BY_DURATION: &str = "by_duration:";

impl Value for OffsetReset {
    const TYPE: &'static str = "earliest, latest, none or by_duration:<ISO 8601>";

    fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            other => other
                .strip_prefix(BY_DURATION)
                .and_then(parse_duration)
                .map(Self::ByDuration)
                .ok_or_else(|| format!("expected {}, as in by_duration:PT1H30M", Self::TYPE)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Earliest => "earliest".to_owned(),
            Self::Latest => "latest".to_owned(),
            Self::None => "none".to_owned(),
            Self::ByDuration(duration) => {
                format!("{BY_DURATION}PT{}.{:03}S", duration.as_secs(), duration.subsec_millis())
            }
        }
    }
}

/// Days, hours, minutes and seconds of ISO 8601, in lower case: `p1dt2h3m4.5s`.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('p')?;
    let (date, time) = text.split_once('t').map_or((text, None), |(date, time)| (date, Some(time)));
    if date.is_empty() && time.is_none_or(str::is_empty) {
        return None;
    }
    let days = units(date, &[('d', 86_400.0)])?;
    let rest = units(time.unwrap_or_default(), &[('h', 3600.0), ('m', 60.0), ('s', 1.0)])?;
    Duration::try_from_secs_f64(days + rest).ok()
}

/// The seconds of numbers with their units, each at most once and in this order.
fn units(text: &str, allowed: &[(char, f64)]) -> Option<f64> {
    let (mut rest, mut seconds) = (text, 0.0);
    for (unit, factor) in allowed {
        if let Some((number, behind)) = rest.split_once(*unit) {
            let is_number =
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            seconds += number.parse::<f64>().ok().filter(|_| is_number)? * factor;
            rest = behind;
        }
    }
    rest.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_iso_8601_writes_them() {
        let read = |text: &str| match OffsetReset::parse(text) {
            Ok(OffsetReset::ByDuration(duration)) => Some(duration.as_millis()),
            _ => None,
        };
        assert_eq!(read("by_duration:PT1H30M"), Some(5_400_000));
        assert_eq!(read("by_duration:P2DT0.25S"), Some(172_800_250));
        assert_eq!(read("by_duration:P1D"), Some(86_400_000));
        for wrong in
            ["by_duration:", "by_duration:P", "by_duration:PT", "by_duration:PT1M1H", "by_duration:PT-1S"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let hour = OffsetReset::ByDuration(Duration::from_secs(3600));
        assert_eq!(OffsetReset::parse(&hour.text()), Ok(hour));
        assert_eq!(OffsetReset::parse("EARLIEST"), Ok(OffsetReset::Earliest));
        assert!(OffsetReset::parse("smallest").is_err());
    }
}
