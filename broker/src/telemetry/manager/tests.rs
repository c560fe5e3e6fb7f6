use super::super::subscription::tests::subscription;
use super::*;
use crate::telemetry::tests::Connection;

const INTERVAL_MS: i64 = 10_000;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A manager that asks everybody for something every ten seconds, and the time.
struct Rig {
    manager: Manager,
    connection: Connection,
    now_ms: i64,
}

impl Rig {
    fn new() -> Self {
        let mut manager = Manager::default();
        manager.set_subscriptions(vec![subscription(&[("metrics", "org."), ("interval.ms", "10000")])]);
        Self { manager, connection: Connection::default(), now_ms: 5 }
    }

    fn get(&mut self, client: u128) -> Result<Told, ResponseError> {
        let mut next = 100;
        let mut new_id = || {
            next += 1;
            id(next)
        };
        self.manager.get(id(client), &mut new_id, &self.connection, self.now_ms)
    }

    fn push(&mut self, client: u128, subscription_id: i32) -> Result<Accepted, ResponseError> {
        self.push_like(Push { client_instance_id: id(client), subscription_id, ..sound() })
    }

    fn push_like(&mut self, push: Push) -> Result<Accepted, ResponseError> {
        self.manager.push(&push, &self.connection, 1000, self.now_ms)
    }
}

fn sound() -> Push {
    Push {
        client_instance_id: id(7),
        subscription_id: 0,
        is_terminating: false,
        compression: 4,
        size_bytes: 1000,
    }
}

#[test]
fn a_client_asks_and_pushes_at_its_interval() {
    let mut rig = Rig::new();
    let told = rig.get(0).expect("told");
    assert_eq!(told.client_instance_id, id(101), "who has no id gets one");
    assert_eq!(*rig.connection.first_heard.borrow(), [id(101)]);
    assert_eq!((told.metrics, told.interval_ms), (vec!["org.".to_owned()], 10_000));
    let subscription_id = told.subscription_id;
    let accepted = rig.push(101, subscription_id).expect("at once behind the answer");
    assert_eq!(accepted, Accepted { compression: Compression::Zstd, expiry_ms: 60_000 });
    let early = ResponseError::ThrottlingQuotaExceeded;
    rig.now_ms += INTERVAL_MS - 1;
    assert_eq!(rig.push(101, subscription_id), Err(early));
    assert_eq!(rig.get(101), Err(early));
    rig.now_ms += 1;
    assert!(rig.push(101, subscription_id).is_ok());
    let last = Push { client_instance_id: id(101), subscription_id, is_terminating: true, ..sound() };
    assert!(rig.push_like(last).is_ok(), "the last one may come early");
    rig.now_ms += INTERVAL_MS;
    assert_eq!(rig.push(101, subscription_id), Err(ResponseError::InvalidRequest), "it was the last");
}

#[test]
fn changed_subscriptions_make_clients_ask_again() {
    let mut rig = Rig::new();
    let before = rig.get(7).expect("told").subscription_id;
    let subscriptions = vec![subscription(&[("metrics", "com."), ("interval.ms", "60000")])];
    rig.manager.set_subscriptions(subscriptions);
    assert_eq!(rig.push(7, before), Err(ResponseError::UnknownSubscriptionId));
    let told = rig.get(7).expect("though it is early");
    assert_eq!((told.metrics, told.interval_ms), (vec!["com.".to_owned()], 60_000));
    assert_ne!(told.subscription_id, before);
    assert_eq!(*rig.connection.first_heard.borrow(), [id(7)], "it is the same client");
    rig.now_ms += 60_000;
    assert_eq!(rig.push(7, told.subscription_id).expect("accepted").expiry_ms, 180_000);
}

#[test]
fn pushes_are_checked() {
    let mut rig = Rig::new();
    let subscription_id = rig.get(7).expect("told").subscription_id;
    let sound = Push { subscription_id, ..sound() };
    for (push, error) in [
        (Push { client_instance_id: id(0), ..sound }, ResponseError::InvalidRequest),
        (Push { client_instance_id: id(1), ..sound }, ResponseError::InvalidRequest),
        (Push { subscription_id: subscription_id ^ 1, ..sound }, ResponseError::UnknownSubscriptionId),
        (Push { compression: 5, ..sound }, ResponseError::UnsupportedCompressionType),
        (Push { compression: -1, ..sound }, ResponseError::UnsupportedCompressionType),
        (Push { size_bytes: 1001, ..sound }, ResponseError::TelemetryTooLarge),
    ] {
        rig.now_ms += INTERVAL_MS;
        assert_eq!(rig.push_like(push), Err(error), "{push:?}");
    }
    rig.now_ms += INTERVAL_MS;
    assert!(rig.push_like(sound).is_ok());
}

#[test]
fn who_is_told_to_ask_again_may_do_so_at_once() {
    let mut rig = Rig::new();
    let subscription_id = rig.get(7).expect("told").subscription_id;
    let wrong = Push { subscription_id, compression: 9, ..sound() };
    assert_eq!(rig.push_like(wrong), Err(ResponseError::UnsupportedCompressionType));
    assert!(rig.get(7).is_ok());
    rig.manager.push_failed(id(7), ResponseError::InvalidRecord);
    assert_eq!(rig.get(7), Err(ResponseError::ThrottlingQuotaExceeded), "that would not help");
}

#[test]
fn who_is_silent_is_forgotten() {
    let mut rig = Rig::new();
    rig.get(7).expect("told");
    rig.now_ms += 59_999;
    rig.get(8).expect("told");
    assert_eq!(rig.manager.len(), 2);
    rig.now_ms += 1;
    rig.manager.expire(rig.now_ms);
    assert_eq!(rig.manager.len(), 1);
    rig.manager.forget(id(8));
    assert_eq!((rig.manager.len(), rig.manager.by_use.len()), (0, 0));
}

#[test]
fn so_many_clients_are_known_and_no_more() {
    let mut rig = Rig::new();
    for client in 2..INSTANCES_MAX as u128 + 2 {
        rig.get(client).expect("told");
    }
    assert_eq!(rig.get(2), Err(ResponseError::ThrottlingQuotaExceeded), "used again, so not the oldest");
    rig.get(0).expect("one more");
    assert_eq!((rig.manager.len(), rig.manager.by_use.len()), (INSTANCES_MAX, INSTANCES_MAX));
    assert!(rig.get(2).is_err() && rig.get(3).is_ok(), "the oldest went");
}

#[test]
fn ids_look_like_kafkas() {
    assert_eq!(java_text(id(0)), "AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(java_text(id(1)), "AAAAAAAAAAAAAAAAAAAAAQ");
}
