//! Rights: who may do what to which subjects.

use super::User;
use crate::api::{Endpoint, Right, Route};

/// What is allowed; everything else is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rights(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    who: Who,
    right: Right,
    /// A name, or its beginning with `*` behind it.
    subjects: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    All,
    User(String),
    Role(String),
}

impl Rights {
    /// Reads lines of `who right subjects`.
    pub(super) fn parse(lines: &mut dyn Iterator<Item = (usize, &str)>) -> Result<Self, (usize, String)> {
        let mut rules = Vec::new();
        for (number, line) in lines {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let [who, right, subjects] = parts[..] else {
                return Err((number, "expected: who right subjects".to_owned()));
            };
            let who = match (who, who.strip_prefix('@')) {
                ("*", _) => Who::All,
                (_, Some(role)) => Who::Role(role.to_owned()),
                (name, None) => Who::User(name.to_owned()),
            };
            let right = match right {
                "read" => Right::Read,
                "write" => Right::Write,
                "admin" => Right::Admin,
                other => return Err((number, format!("{other} is none of read, write and admin"))),
            };
            rules.push(Rule { who, right, subjects: subjects.to_owned() });
        }
        Ok(Self(rules))
    }

    /// Whether a user may do this. What is about no subject needs the right to all, but for schemas by their ids: those that
    /// decode need them, and may have them who may read anything.
    pub(super) fn allow(&self, user: &User, route: &Route) -> bool {
        let is_by_id = matches!(
            route.endpoint,
            Endpoint::Root
                | Endpoint::Types
                | Endpoint::SchemaById(_)
                | Endpoint::SchemaTextById(_)
                | Endpoint::SchemaByGuid(_)
                | Endpoint::ClusterId
                | Endpoint::ServerVersion
                | Endpoint::Deployment
                | Endpoint::Leader
        );
        let wanted = route.right();
        self.0.iter().filter(|rule| rule.is_for(user) && rank(rule.right) >= rank(wanted)).any(|rule| {
            match route.subject() {
                Some(subject) => rule.covers(subject),
                None => is_by_id || rule.subjects == "*",
            }
        })
    }
}

/// Each right has those before it in it.
fn rank(right: Right) -> u8 {
    match right {
        Right::Read => 0,
        Right::Write => 1,
        Right::Admin => 2,
    }
}

impl Rule {
    fn is_for(&self, user: &User) -> bool {
        match &self.who {
            Who::All => true,
            Who::User(name) => *name == user.name,
            Who::Role(role) => user.roles.contains(role),
        }
    }

    fn covers(&self, subject: &str) -> bool {
        match self.subjects.strip_suffix('*') {
            Some(prefix) => subject.starts_with(prefix),
            None => subject == self.subjects,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    #[test]
    fn rights_are_by_subject_and_include_lesser_ones() {
        let text = "ann write orders-*\n@ops admin *\n* read public";
        let rights = Rights::parse(&mut (1..).zip(text.lines())).unwrap();
        let user = |name: &str, roles: &[&str]| User {
            name: name.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        let (ann, ops, eve) = (user("ann", &[]), user("op", &["ops"]), user("eve", &[]));
        let route = |endpoint, method| Route { endpoint, method };
        let register = |subject: &str| route(Endpoint::Versions(subject.to_owned()), Method::POST);
        let look = |subject: &str| route(Endpoint::Versions(subject.to_owned()), Method::GET);
        let level = |subject: &str| route(Endpoint::Config(Some(subject.to_owned())), Method::PUT);
        assert!(rights.allow(&ann, &register("orders-value")) && rights.allow(&ann, &look("orders-value")));
        assert!(!rights.allow(&ann, &register("trips")) && !rights.allow(&ann, &level("orders-value")));
        assert!(
            rights.allow(&ops, &level("trips"))
                && rights.allow(&ops, &route(Endpoint::Config(None), Method::PUT))
        );
        assert!(rights.allow(&eve, &look("public")) && !rights.allow(&eve, &register("public")));
        assert!(rights.allow(&eve, &route(Endpoint::SchemaById(1), Method::GET)));
        assert!(!rights.allow(&eve, &route(Endpoint::Subjects, Method::GET)));
        assert!(Rights::parse(&mut [(3, "ann owns all")].into_iter()).is_err());
    }
}
