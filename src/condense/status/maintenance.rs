//! When a service is in maintenance: by its weekly windows, or because a person muted it.

use std::sync::Arc;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::condense::config::Maintenance;

/// The windows of one service, and whether it is muted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calendar {
    windows: Vec<(Maintenance, TimeZone)>,
    mute: Option<(Timestamp, Arc<str>)>,
}

impl Calendar {
    /// With these windows; the error is the name of a zone that is not known.
    pub(crate) fn new(windows: &[Maintenance]) -> Result<Self, String> {
        let zoned = windows.iter().map(|window| {
            let zone = TimeZone::get(&window.zone).map_err(|_| window.zone.clone())?;
            Ok((window.clone(), zone))
        });
        Ok(Self { windows: zoned.collect::<Result<_, String>>()?, mute: None })
    }

    /// With the mute of another calendar: a reload does not end it.
    pub(crate) fn keep_mute(mut self, other: &Self) -> Self {
        self.mute.clone_from(&other.mute);
        self
    }

    /// Mutes until a time.
    pub(crate) fn mute(&mut self, until: Timestamp, reason: &str) {
        self.mute = Some((until, reason.into()));
    }

    /// Ends a mute.
    pub(crate) fn unmute(&mut self) {
        self.mute = None;
    }

    /// What a status says in front of its own text, if this is a time of maintenance.
    pub(crate) fn active(&self, now: Timestamp) -> Option<String> {
        if let Some((until, reason)) = &self.mute
            && now < *until
        {
            return Some(if reason.is_empty() { "maintenance".to_owned() } else { format!("maintenance ({reason})") });
        }
        self.windows.iter().any(|(window, zone)| covers(window, zone, now)).then(|| "maintenance".to_owned())
    }

    /// Whether the answer can change by time alone.
    pub(crate) const fn can_change(&self) -> bool {
        self.mute.is_some() || !self.windows.is_empty()
    }
}

const MINUTES_A_DAY: i64 = 24 * 60;

/// Whether a window is open. Both are read off the clock on the wall there, so that it begins at its hour in summer and in winter.
fn covers(window: &Maintenance, zone: &TimeZone, now: Timestamp) -> bool {
    let Ok(stamp) = jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos())) else { return false };
    let local = stamp.to_zoned(zone.clone());
    let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
    let today = weekday_index(local.weekday());
    // It may have begun on an earlier day and still last.
    let days_back = (i64::from(window.start_minute) + i64::from(window.length_minutes)) / MINUTES_A_DAY;
    (0..=days_back).any(|back| {
        let begins = window.days[(today + 7 * 14 - back as usize) % 7];
        let since = minute + back * MINUTES_A_DAY - i64::from(window.start_minute);
        begins && (0..i64::from(window.length_minutes)).contains(&since)
    })
}

/// Monday is 0.
fn weekday_index(day: Weekday) -> usize {
    day.to_monday_zero_offset().unsigned_abs().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(day: usize, start: u16, length: u16, zone: &str) -> Calendar {
        let mut days = [false; 7];
        days[day] = true;
        Calendar::new(&[Maintenance { days, start_minute: start, length_minutes: length, zone: zone.into() }]).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        let stamp: jiff::Timestamp = text.parse().unwrap();
        Timestamp(u64::try_from(stamp.as_nanosecond()).unwrap())
    }

    #[test]
    fn a_window_is_read_off_the_clock_on_the_wall() {
        // Sunday 02:00-04:00 in Berlin: one hour ahead of UTC in winter, two in summer.
        let sunday = calendar(6, 120, 120, "Europe/Berlin");
        for (time, open) in [
            ("2026-01-11T00:59:00Z", false),
            ("2026-01-11T01:00:00Z", true),
            ("2026-01-11T02:59:59Z", true),
            ("2026-01-11T03:00:00Z", false),
            ("2026-07-12T00:00:00Z", true),
            ("2026-07-12T02:00:00Z", false),
            ("2026-01-12T01:30:00Z", false),
        ] {
            assert_eq!(sunday.active(at(time)).is_some(), open, "{time}");
        }
    }

    #[test]
    fn a_window_may_run_past_midnight_and_longer_than_a_day() {
        let saturday_night = calendar(5, 23 * 60, 180, "UTC");
        assert!(saturday_night.active(at("2026-01-11T01:59:00Z")).is_some());
        assert!(saturday_night.active(at("2026-01-11T02:00:00Z")).is_none());
        assert!(saturday_night.active(at("2026-01-10T01:00:00Z")).is_none());
        let whole_weekend = calendar(5, 0, 2 * 24 * 60, "UTC");
        assert!(whole_weekend.active(at("2026-01-11T23:59:00Z")).is_some());
        assert!(whole_weekend.active(at("2026-01-12T00:00:00Z")).is_none());
        let always = calendar(0, 1439, u16::MAX, "UTC");
        assert!(always.active(at("2026-01-16T12:00:00Z")).is_some());
    }

    #[test]
    fn a_mute_ends_by_itself_or_by_hand() {
        let mut calendar = Calendar::default();
        calendar.mute(Timestamp::from_secs(100), "upgrade");
        assert_eq!(calendar.active(Timestamp::from_secs(99)).as_deref(), Some("maintenance (upgrade)"));
        assert_eq!(calendar.active(Timestamp::from_secs(100)), None);
        calendar.mute(Timestamp::from_secs(300), "");
        assert_eq!(calendar.active(Timestamp::from_secs(200)).as_deref(), Some("maintenance"));
        calendar.unmute();
        assert_eq!(calendar.active(Timestamp::from_secs(200)), None);
    }

    #[test]
    fn an_unknown_zone_is_named() {
        let window = Maintenance { days: [true; 7], start_minute: 0, length_minutes: 1, zone: "Mars/Base".into() };
        assert_eq!(Calendar::new(&[window]).unwrap_err(), "Mars/Base");
    }
}
