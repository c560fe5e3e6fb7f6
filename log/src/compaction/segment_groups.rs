//! Which old segments make one new segment together.

use std::ops::Range;

use medallion_wire::Offset;

/// The sizes of a segment's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSizes {
    /// The first offset that it may hold.
    pub base_offset: Offset,
    /// The size of its records.
    pub size_bytes: u64,
    /// The size of its offset index.
    pub offset_index_bytes: u64,
    /// The size of its time index.
    pub time_index_bytes: u64,
}

/// How large a new segment may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.index.bytes`, for either index.
    pub index_bytes: u64,
}

/// Groups neighbours as long as one segment could hold them even if nothing went: by size, by index size, and because
/// the indexes count offsets from the segment's base with 31 bits. `segments` are those to be cleaned, oldest first;
/// `end_offset` is the first uncleanable offset. A segment that is too large by itself makes its own group.
pub fn group_segments(
    segments: &[SegmentSizes],
    limits: GroupLimits,
    end_offset: Offset,
) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut total =
        SegmentSizes { base_offset: Offset::ZERO, size_bytes: 0, offset_index_bytes: 0, time_index_bytes: 0 };
    for (index, segment) in segments.iter().enumerate() {
        let end = segments.get(index + 1).map_or(end_offset, |next| next.base_offset);
        let joined = SegmentSizes {
            base_offset: total.base_offset,
            size_bytes: total.size_bytes + segment.size_bytes,
            offset_index_bytes: total.offset_index_bytes + segment.offset_index_bytes,
            time_index_bytes: total.time_index_bytes + segment.time_index_bytes,
        };
        let last_offset_delta = end - total.base_offset - 1;
        let fits = joined.size_bytes <= limits.segment_bytes
            && joined.offset_index_bytes <= limits.index_bytes
            && joined.time_index_bytes <= limits.index_bytes
            && (segment.size_bytes == 0 || last_offset_delta <= i64::from(i32::MAX));
        match groups.last_mut() {
            Some(group) if fits => {
                group.end = index + 1;
                total = joined;
            }
            _ => {
                groups.push(index..index + 1);
                total = *segment;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GroupLimits = GroupLimits { segment_bytes: 100, index_bytes: 20 };

    fn segment(base_offset: i64, size_bytes: u64, index_bytes: u64) -> SegmentSizes {
        SegmentSizes {
            base_offset: Offset(base_offset),
            size_bytes,
            offset_index_bytes: index_bytes,
            time_index_bytes: index_bytes,
        }
    }

    fn groups(segments: &[SegmentSizes], end_offset: i64) -> Vec<(usize, usize)> {
        let groups = group_segments(segments, LIMITS, Offset(end_offset));
        groups.into_iter().map(|group| (group.start, group.end)).collect()
    }

    #[test]
    fn neighbours_join_up_to_the_segment_size() {
        let segments = [segment(0, 60, 0), segment(10, 40, 0), segment(20, 1, 0), segment(30, 200, 0)];
        assert_eq!(groups(&segments, 40), [(0, 2), (2, 3), (3, 4)]);
        assert_eq!(groups(&[], 0), []);
    }

    #[test]
    fn indexes_must_fit_as_well() {
        let segments = [segment(0, 1, 12), segment(10, 1, 8), segment(20, 1, 1)];
        assert_eq!(groups(&segments, 40), [(0, 2), (2, 3)]);
    }

    #[test]
    fn offsets_must_fit_into_31_bits() {
        let far = i64::from(i32::MAX);
        let segments = [segment(0, 1, 0), segment(10, 1, 0)];
        assert_eq!(groups(&segments, far + 1), [(0, 2)]);
        assert_eq!(groups(&segments, far + 2), [(0, 1), (1, 2)]);
        let empty = [segment(0, 1, 0), segment(10, 0, 0)];
        assert_eq!(groups(&empty, far + 2), [(0, 2)]);
    }
}
