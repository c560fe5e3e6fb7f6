//! Assignments against those of Apache Kafka's consumer, with its own reading and writing of what members say.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use medallion_tests::kafka_tools::assign_by_client;
use medallion_tests::need;
use serde_json::{Value, json};

use super::super::assignor::tests::Group;
use super::super::assignor::{GroupAssignment, Member, Racks, assign};
use super::protocol::{Said, assigned, member, subscription};
use crate::config::PartitionAssignor;

const GROUPS: u64 = 60;
const ROUNDS: i32 = 6;

/// What a member says, which is read again for us and by Java for itself.
fn said(member: &Member, assignor: PartitionAssignor) -> Bytes {
    let nothing = BTreeSet::new();
    let keeps = assignor == PartitionAssignor::CooperativeSticky;
    let said = Said {
        topics: &member.topics,
        owned: if keeps { &member.owned } else { &nothing },
        last: &member.owned,
        generation: member.generation,
        rack: member.rack.as_deref(),
    };
    subscription(&said, assignor).unwrap()
}

fn racks(partitions: &[Racks]) -> Vec<Vec<&str>> {
    partitions.iter().map(|racks| racks.iter().map(|rack| &**rack).collect()).collect()
}

fn question(group: &Group, assignor: PartitionAssignor) -> Value {
    let of_member = |member: &Member| {
        let subscription = STANDARD.encode(said(member, assignor));
        let said = json!({ "instance": member.instance_id.as_deref(), "subscription": subscription });
        (member.id.to_string(), said)
    };
    let members: BTreeMap<_, _> = group.members.iter().map(of_member).collect();
    let topics: BTreeMap<_, _> =
        group.topics.iter().map(|(topic, partitions)| (topic.to_string(), racks(partitions))).collect();
    json!({ "assignor": assignor.name(), "topics": topics, "members": members })
}

fn answer(value: &Value) -> GroupAssignment {
    let of_member = |(id, own): (&String, &Value)| {
        let bytes = STANDARD.decode(own.as_str().unwrap()).unwrap();
        (id.as_str().into(), assigned(&bytes.into()).unwrap())
    };
    value.as_object().unwrap().iter().map(of_member).collect()
}

fn ours(group: &Group, assignor: PartitionAssignor) -> GroupAssignment {
    let read =
        |one: &Member| member(&one.id, one.instance_id.as_deref(), &said(one, assignor), assignor).unwrap();
    let members: Vec<Member> = group.members.iter().map(read).collect();
    assign(assignor, &members, &group.topics)
}

/// The sum of squares of what members have: the less, the more even; and how much stays where it was.
fn quality(group: &Group, assignment: &GroupAssignment) -> (usize, usize) {
    let unevenness = assignment.values().map(|own| own.len().pow(2)).sum();
    let kept =
        group.members.iter().map(|member| member.owned.intersection(&assignment[&member.id]).count()).sum();
    (unevenness, kept)
}

/// Of many groups with racks: what is read from afar, how uneven it is, and what stays.
#[derive(Debug, Default)]
struct Sum {
    far: usize,
    unevenness: usize,
    kept: usize,
}

impl Sum {
    fn add(&mut self, group: &Group, assignment: &GroupAssignment) {
        let (unevenness, kept) = quality(group, assignment);
        self.far += group.far(assignment);
        self.unevenness += unevenness;
        self.kept += kept;
    }
}

fn compare(group: &Group, assignor: PartitionAssignor, javas: &GroupAssignment, sums: &mut [Sum; 2]) {
    let ours = ours(group, assignor);
    match assignor {
        PartitionAssignor::Range | PartitionAssignor::RoundRobin => assert_eq!(&ours, javas, "{assignor:?}"),
        PartitionAssignor::Sticky if group.has_racks => {
            group.check_whole(&ours);
            if !group.is_mixed {
                assert_eq!(quality(group, &ours).0, quality(group, javas).0, "{:#?}", group.members);
            }
            sums[0].add(group, &ours);
            sums[1].add(group, javas);
        }
        PartitionAssignor::Sticky => {
            group.check_whole(&ours);
            if !group.is_mixed {
                group.check_whole(javas);
            }
            if !group.is_mixed {
                assert_eq!(quality(group, &ours), quality(group, javas), "{:#?}", group.members);
            }
        }
        PartitionAssignor::CooperativeSticky if group.is_mixed || group.has_racks => {}
        PartitionAssignor::CooperativeSticky => {
            let kept = |assignment| quality(group, assignment).1;
            assert_eq!(kept(&ours), kept(javas), "{:#?}", group.members);
        }
    }
}

#[test]
fn assignors_do_as_javas_do() {
    let mut sums = [Sum::default(), Sum::default()];
    let mut groups: Vec<Group> = (0..GROUPS).map(Group::new).collect();
    for round in 1..=ROUNDS {
        for group in groups.iter_mut().step_by(3) {
            // Some are static, in an order that is not that of their ids.
            for member in group.members.iter_mut().step_by(2) {
                member.instance_id = Some(member.id.chars().rev().collect::<String>().into());
            }
        }
        let asked = groups.iter().flat_map(|group| PartitionAssignor::ALL.map(|one| question(group, one)));
        let answers = need!(assign_by_client(&asked.collect::<Vec<_>>()));
        for (group, answers) in groups.iter_mut().zip(answers.chunks(PartitionAssignor::ALL.len())) {
            for (assignor, javas) in PartitionAssignor::ALL.into_iter().zip(answers) {
                compare(group, assignor, &answer(javas), &mut sums);
            }
            // Each goes on from what the other assigned.
            let next =
                if round % 2 == 0 { ours(group, PartitionAssignor::Sticky) } else { answer(&answers[2]) };
            group.take(&next, round);
            group.change();
        }
    }
    // With racks each is a heuristic.
    let [ours, javas] = sums;
    eprintln!("ours {ours:?}, Java's {javas:?}");
    assert!(ours.far <= javas.far, "farther: {ours:?}, Java's {javas:?}");
    assert!(ours.unevenness * 1000 <= javas.unevenness * 1005, "less even: {ours:?}, Java's {javas:?}");
    assert!(ours.kept * 1000 >= javas.kept * 990, "less sticky: {ours:?}, Java's {javas:?}");
}
