//! What time it is, as a value: nobody below the loop reads a clock, so tests move it.

/// One reading of both clocks, taken once a turn.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Milliseconds of the monotonic clock since an origin of the reader's choice. Deadlines use this.
    pub mono_ms: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z. Only shown to people, never compared.
    pub unix_ms: u64,
    /// `unix_ms` as text.
    pub stamp: Stamp,
}

impl Now {
    pub fn new(mono_ms: u64, unix_ms: u64) -> Self {
        Now {
            mono_ms,
            unix_ms,
            stamp: Stamp::new(unix_ms),
        }
    }

    /// The same reading moved on; the text is rendered again only when the millisecond changed.
    pub fn advance(&mut self, mono_ms: u64, unix_ms: u64) {
        self.mono_ms = mono_ms;
        if unix_ms != self.unix_ms {
            self.unix_ms = unix_ms;
            self.stamp = Stamp::new(unix_ms);
        }
    }
}

/// A time as RFC 3339 text in UTC with milliseconds: `2026-11-22T10:40:07.412Z`, always 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; 24]);

/// 9999-12-31T23:59:59.999Z: the last time that has four digits for its year.
const LAST_MS: u64 = 253_402_300_799_999;

impl Stamp {
    /// Times after the year 9999 are shown as its last millisecond.
    pub fn new(unix_ms: u64) -> Self {
        let unix_ms = unix_ms.min(LAST_MS);
        let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], ms / 3_600_000);
        digits(&mut text[14..16], ms / 60_000 % 60);
        digits(&mut text[17..19], ms / 1_000 % 60);
        digits(&mut text[20..23], ms % 1_000);
        Stamp(text)
    }

    pub fn as_bytes(&self) -> &[u8; 24] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

fn digits(to: &mut [u8], mut value: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day at `unix_ms`, in UTC.
pub fn date(unix_ms: u64) -> (u64, u64, u64) {
    civil(unix_ms.min(LAST_MS) / 86_400_000)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; `None`: it is before, or no such month.
pub fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = year.checked_sub(u64::from(month <= 2))?;
    let (era, yoe) = (year / 400, year % 400);
    let mp = (month + 9).checked_rem(12)?;
    let doy = (153 * mp + 2) / 5 + day.checked_sub(1)?;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    (era * 146_097 + doe).checked_sub(719_468)
}

/// Days since 1970-01-01 as year, month and day of the proleptic Gregorian calendar, counted in
/// 400-year eras that begin on 1 March.
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_they_are_shown() {
        for day in (0..100_000)
            .step_by(7)
            .chain([58, 59, 60, 11_016, 47_540, 47_541])
        {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        assert_eq!(days(1969, 12, 31), None);
        assert_eq!(days(2000, 1, 0), None);
    }

    #[test]
    fn known_instants_are_rendered() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_344_007_412, "2026-11-22T10:40:07.412Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Stamp::new(ms).as_str(), text);
        }
    }
}
