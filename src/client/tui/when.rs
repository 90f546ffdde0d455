//! Times as people read them: the server's, in the zone of this machine. Reads no clock.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Milliseconds since 1970 of a time that the server sent; `None`: it is none.
pub fn moment(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    Some(time.as_millisecond())
}

pub fn day(unix_ms: i64, zone: &TimeZone) -> Date {
    at(unix_ms).to_zoned(zone.clone()).date()
}

/// `10:40`.
pub fn clock(unix_ms: i64, zone: &TimeZone) -> String {
    let time = at(unix_ms).to_zoned(zone.clone()).time();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// `10:40` of the day that is `now`, else `2026-11-22 10:40`.
pub fn dated(unix_ms: i64, now: i64, zone: &TimeZone) -> String {
    let (then, clock) = (day(unix_ms, zone), clock(unix_ms, zone));
    match then == day(now, zone) {
        true => clock,
        false => format!("{then} {clock}"),
    }
}

fn at(unix_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_zone_of_the_reader() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let then = moment("2026-11-22T22:40:07.412Z").unwrap();
        assert_eq!(clock(then, &zone), "00:40");
        assert_eq!(day(then, &zone).to_string(), "2026-11-23");
        assert_eq!(dated(then, then + 1000, &zone), "00:40");
        assert_eq!(dated(then, then + 86_400_000, &zone), "2026-11-23 00:40");
        assert_eq!(moment("yesterday"), None);
        assert_eq!(clock(i64::MAX, &zone), "02:00");
    }
}
