//! Subscriptions by regular expression (KIP-848): RE2's syntax, matched in linear time against whole names of topics.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::group::ResolvedRegex;
use super::member::TopicNames;
use crate::environment::{Environment, Topics};

/// A compiled expression may take this much memory.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// So many expressions are kept compiled and resolved in a shard.
const KEPT_MAX: usize = 1_000;

/// Expressions that were resolved, so that groups that share one share the work.
#[derive(Debug, Default)]
pub(super) struct RegexCache {
    resolved: HashMap<Arc<str>, (i64, TopicNames)>,
}

impl RegexCache {
    /// The topics that an expression describes now; none where it cannot be compiled (it was checked when it came, but a
    /// log of Kafka may hold one that we do not take).
    pub(super) fn resolve(&mut self, regex: &Arc<str>, environment: &Environment<'_>) -> ResolvedRegex {
        let version = environment.topics.version();
        let known = self.resolved.get(regex).filter(|(known, _)| *known == version);
        let topics = match known {
            Some((_, topics)) => Arc::clone(topics),
            None => {
                let topics = Arc::new(matching(regex, environment.topics));
                if self.resolved.len() >= KEPT_MAX {
                    self.resolved.clear();
                }
                let _ = self.resolved.insert(Arc::clone(regex), (version, Arc::clone(&topics)));
                topics
            }
        };
        ResolvedRegex { topics, version, timestamp_ms: environment.now_ms }
    }
}

fn matching(regex: &str, topics: &dyn Topics) -> BTreeSet<Arc<str>> {
    let mut names = BTreeSet::new();
    if let Ok(compiled) = compile(regex) {
        topics.for_each(&mut |topic| {
            if compiled.is_match(&topic.name) {
                let _ = names.insert(Arc::clone(&topic.name));
            }
        });
    }
    names
}

/// Compiles an expression that must match a whole name.
///
/// # Errors
/// What is wrong with it.
pub(super) fn compile(regex: &str) -> Result<Regex, regex::Error> {
    let translated = from_re2(regex);
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
    let _ = build(&translated)?; // by itself too, so that `a)(b` is refused
    build(&format!(r"\A(?:{translated})\z"))
}

/// What RE2 takes as it stands and the `regex` crate does not: `\Q...\E`, and `[`, `&&`, `--`, `~~` within a class.
fn from_re2(regex: &str) -> String {
    let mut translated = String::with_capacity(regex.len());
    let mut rest = regex;
    let mut in_class = false;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let end = quoted.find(r"\E").unwrap_or(quoted.len());
            translated.push_str(&regex::escape(&quoted[..end]));
            length = (2 + end + 2).min(rest.len());
        } else if first == '\\' {
            length += rest[length..].chars().next().map_or(0, char::len_utf8);
            translated.push_str(&rest[..length]);
        } else if in_class {
            length = in_class_from_re2(rest, &mut in_class, &mut translated);
        } else {
            translated.push(first);
            if first == '[' {
                in_class = true;
                let opened = rest[1..].strip_prefix('^').map_or(1, |_| 2);
                let opened = rest[opened..].strip_prefix(']').map_or(opened, |_| opened + 1);
                translated.push_str(&rest[1..opened]);
                length = opened;
            }
        }
        rest = &rest[length..];
    }
    translated
}

/// One step within a class; gives how much of `rest` it took.
fn in_class_from_re2(rest: &str, in_class: &mut bool, translated: &mut String) -> usize {
    let first = rest.chars().next().unwrap_or_default();
    if let Some(named) = rest.strip_prefix("[:")
        && let Some(end) = named.find(":]")
    {
        let length = 2 + end + 2;
        translated.push_str(&rest[..length]);
        return length;
    }
    *in_class = first != ']';
    let is_operator = ["&&", "--", "~~"].iter().any(|operator| rest.starts_with(operator));
    if first == '[' || is_operator {
        translated.push('\\');
    }
    translated.push(first);
    first.len_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(regex: &str, name: &str) -> bool {
        compile(regex).unwrap_or_else(|error| panic!("{regex}: {error}")).is_match(name)
    }

    #[test]
    fn whole_names_are_matched() {
        assert!(matches("trips.*", "trips-2024"));
        assert!(!matches("trips", "trips-2024"));
        assert!(matches("a|b", "b") && !matches("a|b", "ab"));
        assert!(matches("", "") && !matches("", "x"));
    }

    #[test]
    fn the_syntax_is_that_of_re2() {
        assert!(matches(r"\Qa.b\E.*", "a.bc") && !matches(r"\Qa.b\E.*", "axbc"));
        assert!(matches(r"x\Q.", "x."));
        assert!(matches(r"[[:alpha:]]+[[a-]", "abc["));
        assert!(matches("[a&&b]+", "a&b") && matches("[]a]", "]") && matches("[^]a]", "b"));
        assert!(matches(r"(?i)TAXI_\d{4}", "taxi_2024"));
        assert!(matches(r"\pL+", "abc") && matches(r"(?P<year>\d+)", "19"));
        assert!(matches(r"\x41", "A"));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in ["(", "[a", "a**b(", "a)(b", r"(?=x)", r"(a)\1", "*"] {
            assert!(compile(wrong).is_err(), "{wrong}");
        }
        let huge = "(((a{1000}){1000}){1000})";
        assert!(compile(huge).is_err(), "it would take gigabytes");
    }

    #[test]
    fn time_grows_with_the_length_only() {
        let name = format!("{}b", "a".repeat(249));
        assert!(!matches("(a*)*c", &name), "this takes for ever where engines try all ways");
    }
}
