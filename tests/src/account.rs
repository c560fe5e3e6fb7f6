//! What all members of a group saw together, held against what a group promises.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::member::{Event, What};

/// What all members of a group saw together, held against what a group promises.
#[derive(Debug, Default)]
pub struct Account {
    members: Vec<(String, Vec<Event>)>,
}

/// Events of a member, each with whether it was woken by then and has not learned since that its session was over.
fn with_fencing(events: &[Event]) -> impl Iterator<Item = (&Event, bool)> {
    events.iter().scan(false, |is_fenced, event| {
        match event.what {
            What::Woken => *is_fenced = true,
            What::Assigned { .. } => *is_fenced = false,
            _ => {}
        }
        Some((event, *is_fenced))
    })
}

/// A record that came to someone.
#[derive(Debug, Clone)]
struct Delivery {
    at: Instant,
    member: usize,
    value: String,
}

impl Account {
    /// Adds a member that has ended.
    pub fn add(&mut self, name: &str, events: Vec<Event>) {
        self.members.push((name.to_owned(), events));
    }

    /// What counts as delivered: not what a woken member still took out of its memory before it learned that its session
    /// was over, because it could not commit that.
    fn deliveries(&self) -> BTreeMap<(i32, i64), Vec<Delivery>> {
        let mut found: BTreeMap<(i32, i64), Vec<Delivery>> = BTreeMap::new();
        for (member, (_, events)) in self.members.iter().enumerate() {
            for (event, is_fenced) in with_fencing(events) {
                if let What::Record(partition, offset, value) = &event.what
                    && !is_fenced
                {
                    let delivery = Delivery { at: event.at, member, value: value.clone() };
                    found.entry((*partition, *offset)).or_default().push(delivery);
                }
            }
        }
        for deliveries in found.values_mut() {
            deliveries.sort_by_key(|delivery| delivery.at);
        }
        found
    }

    /// Every offset below the ends came to someone; none came after it was committed; and what came twice came to `fallible`
    /// members first, or to one whose commit a rebalance refused. Returns how many came twice.
    pub fn check(&self, ends: &[i64], fallible: &[&str]) -> usize {
        let found = self.deliveries();
        for (partition, end) in (0..).zip(ends) {
            let missing: Vec<_> =
                (0..*end).filter(|offset| !found.contains_key(&(partition, *offset))).collect();
            assert!(
                missing.is_empty(),
                "{} records of partition {partition} came to nobody, first {:?}",
                missing.len(),
                missing.first()
            );
        }
        self.check_late_commits(&found);
        let again = found.iter().filter(|(_, deliveries)| deliveries.len() > 1);
        again.inspect(|(at, deliveries)| self.check_again(**at, deliveries, fallible)).count()
    }

    /// As [`Account::check`] for one member that was stopped until its session ended: only what came to it before that, and
    /// was not committed by then, came again, and it came while the member stood still or later.
    pub fn check_paused(&self, ends: &[i64], paused: &str) -> usize {
        let count = self.check(ends, &[paused]);
        let (_, events) = self.members.iter().find(|(name, _)| name == paused).expect("the member is there");
        let when =
            |what| events.iter().find(|event| event.what == what).expect("it was stopped and woken").at;
        let (stopped, woken) = (when(What::Stopped), when(What::Woken));
        for ((partition, offset), deliveries) in self.deliveries() {
            for pair in deliveries.windows(2) {
                // The test may learn a little after the stop what the member printed before it.
                assert!(
                    pair[0].at <= woken && stopped < pair[1].at,
                    "offset {offset} of partition {partition} came again without the pause: {pair:?}\n{}",
                    self.story(partition)
                );
            }
        }
        count
    }

    /// What a woken member says that it committed before it learned of its session's end was taken before that end: nobody
    /// who went on from what was committed has read it.
    fn check_late_commits(&self, found: &BTreeMap<(i32, i64), Vec<Delivery>>) {
        for (member, (name, events)) in self.members.iter().enumerate() {
            for (event, _) in with_fencing(events).filter(|(_, is_fenced)| *is_fenced) {
                let What::Committed(offsets) = &event.what else { continue };
                for (partition, offset) in offsets {
                    let deliveries = found.get(&(*partition, offset - 1)).into_iter().flatten();
                    let other = deliveries.into_iter().find(|d| d.member != member && d.at < event.at);
                    assert!(
                        other.is_none(),
                        "{name} committed {offset} of partition {partition} after its session: {other:?}\n{}",
                        self.story(*partition)
                    );
                }
            }
        }
    }

    /// What else the member of a delivery saw shortly before and after it, a line for each.
    fn around(&self, delivery: &Delivery) -> String {
        let near = |event: &&Event| {
            let distance = event.at.max(delivery.at) - event.at.min(delivery.at);
            distance < Duration::from_secs(2) && !matches!(event.what, What::Record(..))
        };
        let (_, events) = &self.members[delivery.member];
        let lines = events.iter().filter(near).map(|event| {
            let sign = if event.at < delivery.at { '-' } else { '+' };
            let distance = event.at.max(delivery.at) - event.at.min(delivery.at);
            format!("{sign}{distance:?} {:?}", event.what)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Whether the member of a delivery was refused something after it, as commits are during a rebalance, and then assigned anew.
    fn was_refused_by_a_rebalance(&self, first: &Delivery, until: Instant) -> bool {
        let (_, events) = &self.members[first.member];
        let mut between = events.iter().filter(|event| first.at <= event.at && event.at <= until);
        between.by_ref().any(|event| matches!(event.what, What::Refused(_)))
            && between.any(|event| matches!(event.what, What::Assigned { .. }))
    }

    fn check_again(&self, (partition, offset): (i32, i64), deliveries: &[Delivery], fallible: &[&str]) {
        for pair in deliveries.windows(2) {
            let (first, again) = (&pair[0], &pair[1]);
            assert_eq!(first.value, again.value, "offset {offset} of partition {partition}");
            let name = self.members[first.member].0.as_str();
            assert!(
                fallible.contains(&name) || self.was_refused_by_a_rebalance(first, again.at),
                "offset {offset} of partition {partition} came to {name}, and again to {} {:?} later; around it {name} saw\n{}\nand in all\n{}",
                self.members[again.member].0,
                again.at - first.at,
                self.around(first),
                self.story(partition)
            );
            let committed = self.members.iter().flat_map(|(_, events)| events).find(|event| {
                let What::Committed(offsets) = &event.what else { return false };
                event.at < again.at && offsets.iter().any(|(p, o)| *p == partition && *o > offset)
            });
            assert!(
                committed.is_none(),
                "offset {offset} of partition {partition} came again although {committed:?}\n{}",
                self.story(partition)
            );
        }
    }

    /// What happened to all members, in order and in milliseconds, with runs of records of one partition and without
    /// commits: for messages.
    fn story(&self, partition: i32) -> String {
        let mut all: Vec<(Instant, String)> = Vec::new();
        for (name, events) in &self.members {
            all.extend(
                runs(events, partition).into_iter().map(|(at, text)| (at, format!("{name}: {text}\n"))),
            );
        }
        all.sort_by_key(|(at, _)| *at);
        let start = all.first().map(|(at, _)| *at);
        let since = |at: Instant| start.map_or(0, |start| (at - start).as_millis());
        all.iter().map(|(at, text)| format!("{} {text}", since(*at))).collect::<Vec<_>>().join("\n")
    }
}

/// When, and what in words; records that follow each other are one entry.
fn runs(events: &[Event], partition: i32) -> Vec<(Instant, String)> {
    let is_shown = |event: &&Event| match &event.what {
        What::Record(of, _, _) => *of == partition,
        What::Committed(_) => false,
        _ => true,
    };
    let shown: Vec<_> = events.iter().filter(is_shown).collect();
    let follows = |a: &&Event, b: &&Event| match (&a.what, &b.what) {
        (What::Record(_, offset, _), What::Record(_, next, _)) => offset + 1 == *next,
        _ => false,
    };
    let text = |run: &[&Event]| match (&run[0].what, &run[run.len() - 1].what) {
        (What::Record(_, first, _), What::Record(_, last, _)) => format!("records {first} to {last}"),
        (other, _) => format!("{other:?}"),
    };
    shown.chunk_by(follows).map(|run| (run[0].at, text(run))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member's events, each so many milliseconds after the start.
    fn events(start: Instant, all: &[(u64, What)]) -> Vec<Event> {
        let event =
            |(ms, what): &(u64, What)| Event { at: start + Duration::from_millis(*ms), what: what.clone() };
        all.iter().map(event).collect()
    }

    fn record(offset: i64) -> What {
        What::Record(0, offset, offset.to_string())
    }

    fn committed(offset: i64) -> What {
        What::Committed(vec![(0, offset)])
    }

    fn assigned(partitions: &[i32]) -> What {
        What::Assigned { partitions: partitions.to_vec(), member: None, generation: None }
    }

    /// Offset 0 is committed and 1 is not when the sleeper is stopped; the witness has all from 1 on, then the sleeper,
    /// which first says `still`, has it back.
    fn account(still: &[What]) -> Account {
        let start = Instant::now();
        let mut sleeper =
            vec![(0, assigned(&[0])), (1, record(0)), (2, committed(1)), (3, record(1)), (4, What::Stopped)];
        sleeper.push((20, What::Woken));
        sleeper.extend(still.iter().map(|what| (21, what.clone())));
        sleeper.extend([(22, assigned(&[])), (31, assigned(&[0])), (32, record(3))]);
        let witness =
            [(10, assigned(&[0])), (11, record(1)), (12, record(2)), (13, committed(3)), (30, assigned(&[]))];
        let mut account = Account::default();
        account.add("sleeper", events(start, &sleeper));
        account.add("witness", events(start, &witness));
        account
    }

    #[test]
    fn what_was_not_committed_before_a_pause_may_come_again() {
        assert_eq!(account(&[]).check_paused(&[4], "sleeper"), 1);
    }

    #[test]
    fn what_a_woken_member_takes_out_of_its_memory_does_not_count() {
        assert_eq!(account(&[record(2)]).check_paused(&[4], "sleeper"), 1);
        assert_eq!(
            account(&[committed(1)]).check_paused(&[4], "sleeper"),
            1,
            "it was taken before the pause"
        );
    }

    #[test]
    #[should_panic(expected = "1 records of partition 0 came to nobody, first Some(4)")]
    fn a_record_that_only_a_woken_member_saw_is_lost() {
        account(&[record(4)]).check_paused(&[5], "sleeper");
    }

    #[test]
    #[should_panic(expected = "sleeper committed 2 of partition 0 after its session")]
    fn a_commit_after_the_session_is_found() {
        account(&[committed(2)]).check_paused(&[4], "sleeper");
    }

    #[test]
    #[should_panic(expected = "offset 1 of partition 0 came to sleeper, and again to witness")]
    fn a_record_that_comes_twice_from_one_that_may_not_is_found() {
        account(&[]).check(&[4], &["witness"]);
    }

    #[test]
    fn what_a_rebalance_kept_from_being_committed_may_come_again() {
        let refused = What::Refused("REBALANCE_IN_PROGRESS".to_owned());
        let member = [
            (0, assigned(&[0])),
            (1, record(0)),
            (2, refused),
            (3, assigned(&[])),
            (4, assigned(&[0])),
            (5, record(0)),
        ];
        let mut account = Account::default();
        account.add("member", events(Instant::now(), &member));
        assert_eq!(account.check(&[1], &[]), 1);
    }

    #[test]
    #[should_panic(expected = "offset 3 of partition 0 came again without the pause")]
    fn a_record_that_comes_twice_after_the_pause_is_found() {
        let mut account = account(&[]);
        account.add("late", events(Instant::now() + Duration::from_secs(1), &[(0, record(3))]));
        account.check_paused(&[4], "sleeper");
    }
}
