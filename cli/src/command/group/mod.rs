//! `medallion group`.

mod describe;
mod history;
mod lag;
mod reset;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::client::{Client, ClientError, Connect};
use crate::failure::Failure;
use crate::output::{Align, Output, table};

/// List, describe and delete groups, reset their offsets, and see why they rebalanced.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List the groups
    List(ListArguments),
    /// Show groups with their members, offsets and lag, in records and in time
    Describe(describe::DescribeArguments),
    /// Show the last rebalances: when, why, and which member caused them
    History(history::HistoryArguments),
    /// Move the offsets of a group that has no members; shows what would change unless told to do it
    ResetOffsets(reset::ResetArguments),
    /// Delete groups that have no members, with their offsets
    Delete(DeleteArguments),
}

/// Arguments of `group list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only groups in this state: stable, empty, ...; may be repeated
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
}

/// Arguments of `group delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    /// A group that is not there is fine
    #[arg(long)]
    if_exists: bool,
}

/// Runs `medallion group`.
pub(crate) async fn run(command: GroupCommand, connect: &Connect, output: &Output) -> anyhow::Result<()> {
    let client = || Client::connect(connect);
    match command {
        GroupCommand::List(arguments) => list(&client().await?, &arguments, output).await,
        GroupCommand::Describe(arguments) => {
            describe::run(&client().await?, &arguments, connect, output).await
        }
        GroupCommand::History(arguments) => history::run(&arguments, output).await,
        GroupCommand::ResetOffsets(arguments) => reset::run(&client().await?, &arguments, output).await,
        GroupCommand::Delete(arguments) => delete(&client().await?, &arguments, output).await,
    }
}

async fn list(client: &Client, arguments: &ListArguments, output: &Output) -> anyhow::Result<()> {
    let mut groups = client.list_groups().await?;
    let wanted = &arguments.states;
    groups.retain(|group| {
        wanted.is_empty() || wanted.iter().any(|state| state.eq_ignore_ascii_case(&group.state))
    });
    output.show(&groups, || {
        let mut table = table([
            ("group", Align::Left),
            ("type", Align::Left),
            ("state", Align::Left),
            ("protocol", Align::Left),
        ]);
        for group in &groups {
            table.add_row([&group.group, &group.r#type, &group.state, &group.protocol_type]);
        }
        table
    })
}

async fn delete(client: &Client, arguments: &DeleteArguments, output: &Output) -> anyhow::Result<()> {
    let mut deleted = Vec::new();
    for group in &arguments.groups {
        match client.delete_group(group).await {
            Ok(()) => {
                output.note(&format!("deleted group {group}"));
                deleted.push(group);
            }
            Err(ClientError::Refused { error: medallion_wire::ResponseError::GroupIdNotFound, .. })
                if arguments.if_exists =>
            {
                output.note(&format!("group {group} is not there"));
            }
            Err(error) => return Err(explained(error, group)),
        }
    }
    if output.is_json() { output.value(&json!({ "deleted": deleted })) } else { Ok(()) }
}

/// Errors of groups that need more words than their names.
fn explained(error: ClientError, group: &str) -> anyhow::Error {
    use medallion_wire::ResponseError;
    let ClientError::Refused { error: code, .. } = &error else { return error.into() };
    match code {
        ResponseError::GroupIdNotFound => {
            let hint = "`medallion group list` shows what is there";
            Failure::new(format!("group {group} does not exist"), hint).into()
        }
        ResponseError::NonEmptyGroup | ResponseError::UnknownMemberId => {
            let hint = "stop its consumers first; `medallion group describe` shows who they are";
            Failure::new(format!("group {group} has members"), hint).into()
        }
        _ => error.into(),
    }
}
