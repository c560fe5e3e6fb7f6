//! Zigzag variable-length numbers of magic-2 records (Kafka's `ByteUtils`, protobuf's `sint32` and `sint64`).

use super::RecordProblem;

/// Takes a 32-bit number off the front of `bytes`. At most five bytes, without bits beyond the 32nd.
pub(super) fn read_i32(bytes: &mut &[u8], field: &'static str) -> Result<i32, RecordProblem> {
    // One byte holds -64 to 63, which most lengths and deltas are.
    if let [first, rest @ ..] = *bytes
        && *first < 0x80
    {
        *bytes = rest;
        return Ok(zigzag_i32(u32::from(*first)));
    }
    let value = read_unsigned(bytes, 5, field)?;
    u32::try_from(value).map(zigzag_i32).map_err(|_| RecordProblem::InvalidVarint { field })
}

/// Takes a 64-bit number off the front of `bytes`. At most ten bytes, without bits beyond the 64th.
pub(super) fn read_i64(bytes: &mut &[u8], field: &'static str) -> Result<i64, RecordProblem> {
    let value = read_unsigned(bytes, 10, field)?;
    Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

const fn zigzag_i32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

fn read_unsigned(bytes: &mut &[u8], size_max: usize, field: &'static str) -> Result<u64, RecordProblem> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(size_max).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if index == 9 && bits > 1 {
            return Err(RecordProblem::InvalidVarint { field });
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    if bytes.len() < size_max {
        Err(RecordProblem::PastEnd)
    } else {
        Err(RecordProblem::InvalidVarint { field })
    }
}

/// Appends a 32-bit number.
pub(super) fn write_i32(out: &mut Vec<u8>, value: i32) {
    write_i64(out, i64::from(value));
}

/// Appends a 64-bit number. A value that fits 32 bits takes the bytes that [`write_i32`] gives it.
pub(super) fn write_i64(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// How many bytes [`write_i64`] takes.
pub(super) fn size_i64(value: i64) -> usize {
    let bits = usize::try_from((64 - zigzag(value).leading_zeros()).max(1)).unwrap_or(64);
    bits.div_ceil(7)
}

/// How many bytes [`write_i32`] takes.
pub(super) fn size_i32(value: i32) -> usize {
    size_i64(i64::from(value))
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive_a_round_trip(value: i64, narrow: i32) {
            let mut out = Vec::new();
            write_i64(&mut out, value);
            prop_assert_eq!(out.len(), size_i64(value));
            let wide_size = out.len();
            write_i32(&mut out, narrow);
            prop_assert_eq!(out.len() - wide_size, size_i32(narrow));

            let mut bytes = out.as_slice();
            prop_assert_eq!(read_i64(&mut bytes, "wide"), Ok(value));
            prop_assert_eq!(read_i32(&mut bytes, "narrow"), Ok(narrow));
            prop_assert!(bytes.is_empty());
        }
    }

    #[test]
    fn edges_take_the_bytes_that_kafka_gives_them() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            write_i32(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn overlong_numbers_are_refused() {
        let invalid = Err(RecordProblem::InvalidVarint { field: "n" });
        assert_eq!(read_i32(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00][..], "n"), invalid);
        assert_eq!(read_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..], "n"), invalid);
        let invalid = Err(RecordProblem::InvalidVarint { field: "n" });
        assert_eq!(read_i64(&mut &[0xff; 11][..], "n"), invalid);
        let mut too_wide = [0xff; 10];
        too_wide[9] = 0x02;
        assert_eq!(read_i64(&mut &too_wide[..], "n"), invalid);
        assert_eq!(read_i32(&mut &[0x80, 0x80][..], "n"), Err(RecordProblem::PastEnd));
        assert_eq!(read_i64(&mut &[][..], "n"), Err(RecordProblem::PastEnd));
    }
}
