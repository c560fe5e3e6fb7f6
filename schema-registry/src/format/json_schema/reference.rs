//! Where a `$ref` leads.

use std::collections::HashMap;
use std::rc::Rc;

use super::dialect::Dialect;
use crate::json::Json;

/// The address of a schema that names none.
pub(super) const DEFAULT_BASE: &str = "mem://input";

/// All places that a reference can name: documents, schemas with an id of their own, anchors.
pub(super) struct Places<'a> {
    by_uri: HashMap<String, &'a Json>,
    /// The address that references in an object are relative to, by the object's place in memory.
    bases: HashMap<*const Json, Rc<str>>,
    root_base: String,
}

impl<'a> Places<'a> {
    /// Walks a schema and those that it refers to, each under its name.
    pub(super) fn new(root: &'a Json, references: &[(&str, &'a Json)], dialect: Dialect) -> Self {
        let id = root.get_str(dialect.id_keyword());
        let root_base = id.map_or_else(|| DEFAULT_BASE.to_owned(), |id| resolve(DEFAULT_BASE, id));
        let mut places = Self { by_uri: HashMap::new(), bases: HashMap::new(), root_base: root_base.clone() };
        places.by_uri.insert(root_base.clone(), root);
        places.walk(root, &Rc::from(root_base.as_str()), dialect);
        for (name, json) in references {
            let base: Rc<str> = resolve(&root_base, name).into();
            for uri in [(*name).to_owned(), resolve(DEFAULT_BASE, name), base.to_string()] {
                places.by_uri.insert(uri, json);
            }
            places.walk(json, &base, dialect);
        }
        places
    }

    fn walk(&mut self, json: &'a Json, base: &Rc<str>, dialect: Dialect) {
        match json {
            Json::Array(elements) => elements.iter().for_each(|element| self.walk(element, base, dialect)),
            Json::Object(entries) => {
                let mut base = Rc::clone(base);
                if let Some(id) = json.get_str(dialect.id_keyword()) {
                    let uri = resolve(&base, id);
                    self.by_uri.entry(uri.clone()).or_insert(json);
                    base = without_fragment(&uri).into();
                }
                for anchor in ["$anchor", "$dynamicAnchor"].iter().filter_map(|key| json.get_str(key)) {
                    self.by_uri.entry(format!("{base}#{anchor}")).or_insert(json);
                }
                for value in entries.values() {
                    self.walk(value, &base, dialect);
                }
                self.bases.insert(json, base);
            }
            _ => {}
        }
    }

    /// The schema that a reference in an object means.
    pub(super) fn find(&self, from: &Json, reference: &str) -> Option<&'a Json> {
        let base = self.bases.get(&std::ptr::from_ref(from)).map_or(DEFAULT_BASE, |base| base);
        let full = resolve(base, reference);
        if let Some(found) = self.by_uri.get(&full) {
            return Some(found);
        }
        let fragment = reference.split_once('#').map_or("", |(_, fragment)| fragment);
        let document = without_fragment(reference);
        let candidates =
            [without_fragment(&full).to_owned(), document.to_owned(), resolve(&self.root_base, document)];
        let found = candidates.iter().find_map(|uri| self.by_uri.get(uri));
        let document = found.copied()?;
        match fragment.strip_prefix('/') {
            None if fragment.is_empty() => Some(document),
            None => None,
            Some(pointer) => {
                let tokens: Vec<String> = pointer.split('/').map(decode).collect();
                follow(document, &tokens).or_else(|| {
                    // `$defs` finds what older drafts call `definitions`.
                    let rest = (tokens.first()? == "$defs").then(|| tokens[1..].to_vec())?;
                    follow(document.get("definitions")?, &rest)
                })
            }
        }
    }
}

fn follow<'a>(json: &'a Json, tokens: &[String]) -> Option<&'a Json> {
    tokens.iter().try_fold(json, |json, token| match json {
        Json::Array(elements) => elements.get(token.parse::<usize>().ok()?),
        _ => json.get(token),
    })
}

/// A token of a JSON pointer in a URI.
fn decode(token: &str) -> String {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let value = escaped
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match value {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}

fn without_fragment(uri: &str) -> &str {
    uri.split('#').next().unwrap_or_default()
}

/// A reference against the address that it stands in (RFC 3986, 5.3, as far as schemas use it).
fn resolve(base: &str, reference: &str) -> String {
    let has_scheme = reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let base = without_fragment(base);
    if has_scheme {
        return reference.strip_suffix('#').unwrap_or(reference).to_owned();
    }
    let reference = reference.strip_suffix('#').unwrap_or(reference);
    if reference.is_empty() || reference.starts_with('#') {
        return format!("{base}{reference}");
    }
    let root =
        base.find("://").map_or(0, |at| base[at + 3..].find('/').map_or(base.len(), |slash| at + 3 + slash));
    let (authority, path) = base.split_at(root);
    if reference.starts_with('/') {
        return format!("{authority}{reference}");
    }
    let folder = path.rfind('/').map_or("", |slash| &path[..slash]);
    let mut segments: Vec<&str> = folder.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in reference.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let separator = if authority.is_empty() { "" } else { "/" };
    format!("{authority}{separator}{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_against_their_base() {
        for (base, reference, resolved) in [
            (DEFAULT_BASE, "a.json", "mem://input/a.json"),
            ("http://x.org/a/b.json", "c.json#/d", "http://x.org/a/c.json#/d"),
            ("http://x.org/a/b.json", "../c.json", "http://x.org/c.json"),
            ("http://x.org/a/b.json", "/c.json", "http://x.org/c.json"),
            ("http://x.org/a/b.json#", "#d", "http://x.org/a/b.json#d"),
            ("http://x.org/a", "urn:x:y", "urn:x:y"),
            ("a/b.json", "./c.json", "a/c.json"),
        ] {
            assert_eq!(resolve(base, reference), resolved);
        }
        assert_eq!(decode("a~1b%20~0"), "a/b ~");
    }
}
