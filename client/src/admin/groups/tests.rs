use bytes::Bytes;
use medallion_wire::TopicPartition;

use super::*;

#[test]
fn assignments_are_read_and_nonsense_is_not() {
    let bytes = [
        &[0, 1][..],         // version
        &[0, 0, 0, 1],       // one topic
        &[0, 2, b't', b'x'], // its name
        &[0, 0, 0, 2],       // two partitions
        &[0, 0, 0, 3, 0, 0, 0, 1],
        &[0xff, 0xff, 0xff, 0xff], // no user data
    ]
    .concat();
    let read = read_assignment(Bytes::from(bytes.clone())).unwrap();
    assert_eq!(read, [TopicPartition::new("tx", 1), TopicPartition::new("tx", 3)]);
    assert_eq!(read_assignment(Bytes::from(bytes[..12].to_vec())), None);
    assert_eq!(read_assignment(Bytes::from_static(b"\0")), None);
    assert_eq!(read_assignment(Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff])), None);
}

#[test]
fn states_and_types_are_read_in_any_case() {
    assert_eq!(GroupState::read("preparingrebalance"), Some(GroupState::PreparingRebalance));
    assert_eq!(GroupState::read(""), None);
    assert_eq!(GroupType::read("Consumer"), Some(GroupType::Consumer));
    assert_eq!(GroupType::read("swarm").unwrap().to_string(), "swarm");
}
