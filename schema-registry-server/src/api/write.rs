//! Commands that change something, decided on the state.

use medallion_schema_registry::Store;
use medallion_schema_registry::json::Json;
use medallion_schema_registry::store::Decision;

use super::command::Write;
use super::problem::Problem;
use super::reply::{self, Reply, Shown};

/// The records of a change, and the reply for when they are applied.
///
/// # Errors
/// What the store refuses.
pub fn decide(store: &Store, write: &Write) -> Result<Decision<Reply>, Problem> {
    Ok(match write {
        Write::Register { subject, request, format } => {
            let Decision { records, reply: version } = store.register(subject, request)?;
            let text = if format.trim().is_empty() {
                version.text.to_string()
            } else {
                store.formatted(&version, format)?
            };
            let reply = Reply::Json(reply::version(&version, &text, Shown::registered()));
            Decision { records, reply }
        }
        Write::DeleteVersion { subject, number, permanent } => {
            reply_with(store.delete_version(subject, *number, *permanent)?, |version| {
                Reply::Json(Json::from(version))
            })
        }
        Write::DeleteSubject { subject, permanent } => {
            reply_with(store.delete_subject(subject, *permanent)?, Reply::list)
        }
        Write::UpdateConfig { subject, update } => {
            reply_with(store.update_config(subject.as_ref(), update)?, |config| reply::config_update(&config))
        }
        Write::DeleteConfig { subject } => {
            reply_with(store.delete_config(subject.as_ref())?, |config| reply::config(&config))
        }
        Write::UpdateMode { subject, mode, name, force } => {
            reply_with(store.update_mode(subject.as_ref(), *mode, *force)?, |()| reply::mode(name.as_deref()))
        }
        Write::DeleteMode { subject, recursive } => {
            reply_with(store.delete_mode(subject.as_ref(), *recursive)?, |mode| {
                reply::mode(mode.map(|mode| mode.as_str()))
            })
        }
        Write::DeleteContext { context } => reply_with(store.delete_context(context)?, |()| Reply::Nothing),
    })
}

fn reply_with<T>(decision: Decision<T>, reply: impl FnOnce(T) -> Reply) -> Decision<Reply> {
    Decision { records: decision.records, reply: reply(decision.reply) }
}

/// The reply to a registration of what is registered already; nothing where something is to be decided.
pub(crate) fn registered(store: &Store, write: &Write) -> Option<Reply> {
    if !matches!(write, Write::Register { .. }) {
        return None;
    }
    decide(store, write).ok().filter(|decision| decision.records.is_empty()).map(|decision| decision.reply)
}
