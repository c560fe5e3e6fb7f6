//! Members that go: by themselves, taken out by an administrator, or because they were not heard of.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::member::{ConsumerMember, MemberState};
use super::records;
use super::step::{Step, Trigger};
use crate::history::RebalanceCause;
use crate::ids::{GroupId, MemberId};
use crate::timers::TimerKey;

impl Step<'_, '_> {
    /// Takes members out, which begins another epoch. Where only members of the classic protocol remain the group becomes a
    /// classic one.
    pub(super) fn take_out(
        &mut self,
        group: &GroupId,
        members: &[Arc<ConsumerMember>],
        cause: RebalanceCause,
        why: &str,
    ) {
        let Some(first) = members.first() else { return };
        if self.may_downgrade(group, members) {
            let reason = format!("Downgrade group {group} from consumer to classic for member leaving.");
            return self.downgrade(group, members, None, Some(reason));
        }
        for member in members {
            self.write_all(records::no_member(group, &member.id));
            self.cancel_timers(group, &member.id);
        }
        self.drop_regexes(group, members);
        let reason = match members.len() {
            1 => format!("member {} {why}", first.id),
            count => format!("{count} members, {} among them, {why}", first.id),
        };
        self.bump(group, Trigger { cause, member: Some(first), reason });
    }

    /// Forgets regular expressions that no member has any more.
    fn drop_regexes(&mut self, group: &GroupId, gone: &[Arc<ConsumerMember>]) {
        let dropped: BTreeSet<&Arc<str>> = gone.iter().filter_map(|member| member.regex()).collect();
        for regex in dropped {
            let of = self.group(group);
            if of.regexes.contains_key(regex) && !of.regex_members.contains_key(regex) {
                self.write(records::no_regex(group, regex));
            }
        }
    }

    /// Takes a timer that is due. Members may have moved on since it was set.
    pub(crate) fn on_timer(&mut self, key: &TimerKey) {
        match key {
            TimerKey::ConsumerSession(group, member) => {
                self.fence(
                    group,
                    member,
                    RebalanceCause::SessionExpired,
                    "was not heard of within its session timeout",
                );
            }
            TimerKey::ConsumerJoin(group, member) => {
                let why = "did not join again within its rebalance timeout";
                self.fence(group, member, RebalanceCause::RebalanceExpired, why);
            }
            TimerKey::ConsumerSync(group, member) => {
                let why = "did not ask for its assignment in time";
                self.fence(group, member, RebalanceCause::SyncExpired, why);
            }
            TimerKey::ConsumerRebalance(group, member) => {
                let state = self.member(group, member).map(|member| member.state);
                if state == Some(MemberState::UnrevokedPartitions) {
                    let why = "did not give up its partitions within its rebalance timeout";
                    self.fence(group, member, RebalanceCause::RebalanceExpired, why);
                }
            }
            TimerKey::ConsumerAssignment(group) => self.assign_again(group),
            _ => {}
        }
    }

    fn fence(&mut self, group: &GroupId, member: &MemberId, cause: RebalanceCause, why: &str) {
        if let Some(member) = self.member(group, member) {
            self.take_out(group, &[member], cause, why);
        }
    }
}
