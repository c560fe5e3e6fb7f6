//! What an administrator asks: topics, settings of groups, states of groups.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use medallion_wire::ResponseError;
use medallion_wire::messages::create_topics_request::CreatableTopic;
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use medallion_wire::messages::{
    CreateTopicsRequest, FindCoordinatorRequest, IncrementalAlterConfigsRequest, ListGroupsRequest,
};

use crate::connection::Connection;
use crate::member::{error_of, text};

const CREATE_TOPICS: i16 = 5;
const FIND_COORDINATOR: i16 = 4;
const ALTER_CONFIGS: i16 = 1;
const LIST_GROUPS: i16 = 5;
const GROUP_RESOURCE: i8 = 32;
const TRIES: usize = 600;

/// Makes a topic that is not there, and waits for the coordinator of groups.
pub(crate) async fn prepare(connection: &Connection, topic: &str, partitions: usize) -> anyhow::Result<()> {
    let wanted = CreatableTopic::default()
        .with_name(text(topic).into())
        .with_num_partitions(i32::try_from(partitions)?)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(60_000);
    let created = connection.call(&request, CREATE_TOPICS).await?;
    let code = created.topics.first().context("no answer")?.error_code;
    let error = error_of(code);
    ensure!(
        error.is_none() || error == Some(ResponseError::TopicAlreadyExists),
        "CreateTopics of {topic}: {error:?}"
    );
    let find = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("any")]);
    for _ in 0..TRIES {
        let found = connection.call(&find, FIND_COORDINATOR).await?;
        if found.coordinators.iter().all(|one| one.error_code == 0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no coordinator of groups was found")
}

/// Sets something of a group.
pub(crate) async fn set(connection: &Connection, group: &str, name: &str, value: &str) -> anyhow::Result<()> {
    let config = AlterableConfig::default().with_name(text(name)).with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(GROUP_RESOURCE)
        .with_resource_name(text(group))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = connection.call(&request, ALTER_CONFIGS).await?;
    let one = answer.responses.first().context("no answer")?;
    ensure!(one.error_code == 0, "{name} of group {group}: {:?}", one.error_message);
    Ok(())
}

/// How many groups the server holds for stable.
pub(crate) async fn stable_groups(connection: &Connection) -> anyhow::Result<usize> {
    let request = ListGroupsRequest::default().with_states_filter(vec![text("Stable")]);
    let listed = connection.call(&request, LIST_GROUPS).await?;
    let error = error_of(listed.error_code);
    ensure!(error.is_none(), "ListGroups: {error:?}");
    Ok(listed.groups.len())
}
