//! Members by how many partitions they have, seen from both ends while partitions move from one end to the other.
//!
//! Each end is a range of members of one level, that is with as many partitions each. Members of a range take turns; once
//! all had theirs the range is one level further in, and takes in the members of that level. Nothing more is to be moved
//! when the two levels meet. Worked example with sizes 0, 0, 3, 5 of `a b c d`: `d` gives to `a`, `d` to `b`; now `c d` are the
//! upper range at level 3 and `a b` the lower one at level 1; `d` gives to `a`, and what is left, 2, 1, 3, 2, needs one more:
//! `c` gives to `b`.

/// The members among whom partitions move.
pub(super) struct Levels {
    members: Vec<usize>,
    lower: Lower,
    upper: Upper,
}

/// Members at `0..end` have `level` partitions, or one more where they had their turn: those before `next`.
struct Lower {
    end: usize,
    next: usize,
    level: isize,
}

/// Members at `start..end` have `level` partitions, or one less where they had their turn: those from `next` on. Those from
/// `end` on are left out.
struct Upper {
    start: usize,
    end: usize,
    next: usize,
    level: isize,
}

impl Levels {
    /// `members` are in the order of their sizes, smallest first. Both ranges are still empty, and so outside of all levels.
    pub(super) fn new(members: &[usize], sizes: &[usize]) -> Self {
        let level_of = |member: Option<&usize>| member.map_or(0, |member| level(sizes, *member));
        let count = members.len();
        Self {
            members: members.to_vec(),
            lower: Lower { end: 0, next: 0, level: level_of(members.first()) - 1 },
            upper: Upper { start: count, end: count, next: count, level: level_of(members.last()) + 1 },
        }
    }

    /// Whether nothing more is to be moved.
    pub(super) fn are_even(&self) -> bool {
        self.upper.level - self.lower.level <= 1
    }

    /// Who is to get the next partition; `sizes` are those of all members by now.
    pub(super) fn next_least(&mut self, sizes: &[usize]) -> usize {
        let Self { members, lower, .. } = self;
        if lower.next >= lower.end {
            lower.level += 1;
            let rest = members[lower.end..].iter();
            lower.end += rest.take_while(|member| level(sizes, **member) == lower.level).count();
            lower.next = 0;
        }
        lower.next += 1;
        members[lower.next - 1]
    }

    /// Who is to give the next partition away; `None` where all are left out.
    pub(super) fn next_most(&mut self, sizes: &[usize]) -> Option<usize> {
        let Self { members, upper, .. } = self;
        if upper.next <= upper.start {
            let outside = members[..upper.start].last().filter(|_| upper.start == upper.end);
            upper.level = outside.map_or(upper.level - 1, |member| level(sizes, *member));
            let rest = members[..upper.start].iter().rev();
            upper.start -= rest.take_while(|member| level(sizes, **member) == upper.level).count();
            upper.next = upper.end;
        }
        upper.next = upper.next.checked_sub(1)?;
        Some(members[upper.next])
    }

    /// The member that [`Levels::next_most`] gave last has nothing to give away.
    pub(super) fn leave_out_most(&mut self) {
        self.upper.end -= 1;
        self.members.swap(self.upper.next, self.upper.end);
    }
}

fn level(sizes: &[usize], member: usize) -> isize {
    isize::try_from(sizes[member]).unwrap_or(isize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_move_as_in_the_example() {
        let mut sizes = [0, 0, 3, 5];
        let mut levels = Levels::new(&[0, 1, 2, 3], &sizes);
        let mut moves = Vec::new();
        while !levels.are_even() {
            let most = levels.next_most(&sizes).expect("nobody is left out");
            let least = levels.next_least(&sizes);
            if levels.are_even() {
                break;
            }
            sizes[most] -= 1;
            sizes[least] += 1;
            moves.push((most, least));
        }
        assert_eq!(moves, [(3, 0), (3, 1), (3, 0), (2, 1)]);
        assert_eq!(sizes, [2, 2, 2, 2]);
    }

    #[test]
    fn who_has_nothing_to_give_is_left_out() {
        let sizes = [0, 4, 4];
        let mut levels = Levels::new(&[0, 1, 2], &sizes);
        assert_eq!(levels.next_most(&sizes), Some(2));
        levels.leave_out_most();
        assert_eq!(levels.next_most(&sizes), Some(1));
        levels.leave_out_most();
        assert_eq!(levels.next_most(&sizes), Some(0));
        levels.leave_out_most();
        assert_eq!(levels.next_most(&sizes), None);
    }
}
