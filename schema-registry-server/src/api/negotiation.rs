//! Media types: which bodies are read, and as what replies are written.

use super::problem::Problem;

/// A media type of replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// The one of replies to whoever does not care.
    V1,
    Default,
    Json,
}

impl MediaType {
    /// From the one that is preferred on.
    const ALL: [Self; 3] = [Self::V1, Self::Default, Self::Json];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "application/vnd.schemaregistry.v1+json",
            Self::Default => "application/vnd.schemaregistry+json",
            Self::Json => "application/json",
        }
    }

    /// How specifically a range of `Accept` names it; `None` where it does not.
    fn specificity(self, range: &str) -> Option<u8> {
        match range {
            "*/*" => Some(0),
            "application/*" => Some(1),
            _ => (range.eq_ignore_ascii_case(self.as_str())).then_some(2),
        }
    }

    /// The type that a client wants most; of several, the one that the registry prefers.
    pub(super) fn accepted(accept: Option<&str>) -> Result<Self, Problem> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(Self::V1) };
        let ranges: Vec<(&str, u32)> = accept.split(',').map(range).collect();
        let quality = |media: Self| {
            let matching = ranges.iter().filter_map(|(range, q)| Some((media.specificity(range)?, *q)));
            matching.max_by_key(|(specificity, _)| *specificity).map_or(0, |(_, q)| q)
        };
        let mut best = (0, None);
        for media in Self::ALL {
            let q = quality(media);
            if q > best.0 {
                best = (q, Some(media));
            }
        }
        best.1.ok_or_else(|| Problem::new(406, "HTTP 406 Not Acceptable"))
    }
}

/// A range of `Accept` and its quality in thousandths.
fn range(text: &str) -> (&str, u32) {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='));
    (media, quality.map_or(1000, thousandths))
}

/// `1`, `0.85`: three digits at most; what is no number counts as 1.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{fraction:0<3}");
    match (whole.parse::<u32>(), digits.get(..3).and_then(|digits| digits.parse::<u32>().ok())) {
        (Ok(whole @ 0..=1), Some(fraction)) => (whole * 1000 + fraction).min(1000),
        _ => 1000,
    }
}

/// Whether a body of this type can be read. A client that names none is taken at its word that it sends what is expected.
pub(super) fn check_content_type(content_type: Option<&str>) -> Result<(), Problem> {
    let Some(content_type) = content_type else { return Ok(()) };
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let is_known = MediaType::ALL.iter().any(|known| known.as_str().eq_ignore_ascii_case(media));
    if is_known || media.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    Err(Problem::new(415, "HTTP 415 Unsupported Media Type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_type_is_taken() {
        let accepted = |accept| MediaType::accepted(accept).map_err(|problem| problem.code);
        assert_eq!(accepted(None), Ok(MediaType::V1));
        assert_eq!(accepted(Some("*/*")), Ok(MediaType::V1));
        assert_eq!(accepted(Some("application/json")), Ok(MediaType::Json));
        assert_eq!(
            accepted(Some("application/json, application/vnd.schemaregistry.v1+json")),
            Ok(MediaType::V1)
        );
        assert_eq!(
            accepted(Some("application/vnd.schemaregistry.v1+json;q=0.4, application/json;q=0.9")),
            Ok(MediaType::Json)
        );
        assert_eq!(accepted(Some("text/html, */*;q=0.1")), Ok(MediaType::V1));
        assert_eq!(accepted(Some("application/*;q=0.2, application/json;Q=0")), Ok(MediaType::V1));
        assert_eq!(accepted(Some("text/html")), Err(406));
    }

    #[test]
    fn other_bodies_are_refused() {
        assert!(check_content_type(None).is_ok());
        assert!(check_content_type(Some("application/json; charset=utf-8")).is_ok());
        assert!(check_content_type(Some("application/vnd.schemaregistry.v1+json")).is_ok());
        assert_eq!(check_content_type(Some("text/plain")).map_err(|problem| problem.code), Err(415));
    }
}
