//! DescribeAcls, CreateAcls and DeleteAcls of a cluster without an authorizer.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario of DescribeAcls.
pub(crate) const DESCRIBE: Scenario =
    Scenario { api: "DescribeAcls", reads: true, run: describe, ..super::USUAL };
/// The scenario of CreateAcls.
pub(crate) const CREATE: Scenario = Scenario { api: "CreateAcls", run: create, ..super::USUAL };
/// The scenario of DeleteAcls.
pub(crate) const DELETE: Scenario = Scenario { api: "DeleteAcls", run: delete, ..super::USUAL };

/// Numbers of a resource type, a pattern type, an operation and a permission: all known, and each unknown in turn.
const KINDS: [[i8; 4]; 6] =
    [[2, 3, 3, 3], [1, 1, 1, 1], [0, 3, 3, 3], [2, 0, 3, 3], [2, 3, 0, 3], [2, 3, 3, 0]];

fn filter([resource, pattern, operation, permission]: [i8; 4]) -> Value {
    json!({
        "ResourceTypeFilter": resource, "ResourceNameFilter": "t", "PatternTypeFilter": pattern,
        "PrincipalFilter": null, "HostFilter": null, "Operation": operation, "PermissionType": permission,
    })
}

fn creation([resource, pattern, operation, permission]: [i8; 4]) -> Value {
    json!({
        "ResourceType": resource, "ResourceName": "t", "ResourcePatternType": pattern,
        "Principal": "User:ann", "Host": "*", "Operation": operation, "PermissionType": permission,
    })
}

fn describe(script: &mut Script<'_>) {
    for kinds in KINDS {
        script.ask("kinds", filter(kinds));
    }
}

fn create(script: &mut Script<'_>) {
    for kinds in KINDS {
        script.ask("kinds", json!({ "Creations": [creation(KINDS[0]), creation(kinds)] }));
    }
    script.ask("none", json!({ "Creations": [] }));
}

fn delete(script: &mut Script<'_>) {
    for kinds in KINDS {
        script.ask("kinds", json!({ "Filters": [filter(KINDS[0]), filter(kinds)] }));
    }
    script.ask("none", json!({ "Filters": [] }));
}
