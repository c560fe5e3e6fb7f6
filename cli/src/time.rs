//! Timestamps as text, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use medallion_os::calendar::{civil_of_day, day_of_civil};

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since the epoch, now.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2019-03-23T20:21:09.000Z`, or the bare number where the year has no four digits.
pub(crate) fn format_timestamp(timestamp_ms: i64) -> String {
    match civil_of_day(timestamp_ms.div_euclid(DAY_MS)) {
        (year @ 0..=9999, month, day) => {
            let ms = timestamp_ms.rem_euclid(DAY_MS);
            let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
        }
        _ => timestamp_ms.to_string(),
    }
}

/// `2019-03-23 20:21:09`, as taxi meters write it: no zone, no fraction.
pub(crate) fn format_local(timestamp_ms: i64) -> String {
    let text = format_timestamp(timestamp_ms);
    text.get(..19).map_or(text.clone(), |text| text.replace('T', " "))
}

/// Reads `2019-03-23`, `2019-03-23 20:21`, `2019-03-23T20:21:09`, with a fraction and a `Z` if need be; all in UTC.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time),
        None => (text, "00:00:00"),
    };
    let mut date = date.splitn(3, '-').map(|part| digits(part, 4));
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    Some(day_of_civil(year, month, day) * DAY_MS + parse_time_of_day(time)?)
}

fn parse_time_of_day(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut clock = clock.splitn(3, ':').map(|part| digits(part, 2));
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    if hour > 23 || minute > 59 || second > 59 || fraction.is_empty() {
        return None;
    }
    let first_three: String = fraction.chars().chain("00".chars()).take(3).collect();
    digits(fraction, 9)?;
    Some(((hour * 60 + minute) * 60 + second) * 1000 + digits(&first_three, 3)?)
}

/// Up to `most` digits, nothing else.
fn digits(text: &str, most: usize) -> Option<i64> {
    let is_number = !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Reads `90s`, `15m`, `2h`, `7d` and `250ms`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(unit_ms)?))
}

/// Hour of the day and day of the week (0 is Monday) of a time.
pub(crate) fn hour_and_weekday(timestamp_ms: i64) -> (usize, usize) {
    let hour = timestamp_ms.rem_euclid(DAY_MS) / 3_600_000;
    // 1970-01-01 was a Thursday.
    let weekday = (timestamp_ms.div_euclid(DAY_MS) + 3).rem_euclid(7);
    (usize::try_from(hour).unwrap_or(0), usize::try_from(weekday).unwrap_or(0))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_survive_a_round_trip() {
        for timestamp_ms in [0, 1_553_372_469_000, 951_782_400_123, -1, 4_102_444_799_999, 1_709_164_800_000]
        {
            assert_eq!(parse_timestamp(&format_timestamp(timestamp_ms)), Some(timestamp_ms));
        }
        assert_eq!(format_timestamp(1_553_372_469_000), "2019-03-23T20:21:09.000Z");
        assert_eq!(format_local(1_553_372_469_000), "2019-03-23 20:21:09");
        assert_eq!(format_timestamp(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn shorter_forms_are_read() {
        assert_eq!(parse_timestamp("2019-03-23"), Some(1_553_299_200_000));
        assert_eq!(parse_timestamp("2019-03-23 20:21"), Some(1_553_372_460_000));
        assert_eq!(parse_timestamp("2019-03-23T20:21:09.5Z"), Some(1_553_372_469_500));
        for wrong in [
            "",
            "2019",
            "2019-13-01",
            "2019-02-29",
            "2019-03-23 24:00",
            "2019-03-23T20",
            "a-b-c",
            "2019-03-23T20:21:09.",
        ] {
            assert_eq!(parse_timestamp(wrong), None, "{wrong:?} was read");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("2h"), Some(Duration::from_hours(2)));
        for wrong in ["", "5", "h", "1w", "99999999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong:?} was read");
        }
    }

    #[test]
    fn weekdays_begin_on_monday() {
        assert_eq!(hour_and_weekday(1_553_372_469_000), (20, 5), "a Saturday evening");
        assert_eq!(hour_and_weekday(0), (0, 3), "a Thursday");
    }
}
