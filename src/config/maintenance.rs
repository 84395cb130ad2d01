//! The text of a maintenance window: `Sun 02:00-04:00 Europe/Berlin`.
//!
//! Days are names of three letters, lists (`Sat,Sun`), ranges (`Mon-Fri`, also over the week's end) or `daily`. An end that is not later
//! than the begin lies on the next day. The zone is an IANA name that this machine knows.

use crate::condense::Maintenance;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_PER_DAY: u16 = 24 * 60;

/// Reads it.
///
/// # Errors
/// A sentence that says which part is wrong.
pub(crate) fn parse(text: &str) -> Result<Maintenance, String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [day_text, hours, zone] = parts[..] else {
        return Err("it has three parts: days, hours, time zone".to_owned());
    };
    let days = parse_days(day_text)?;
    let (start, end) = hours.split_once('-').ok_or("the hours are two times with a hyphen")?;
    let (start_minute, end_minute) = (minute(start)?, minute(end)?);
    if start_minute >= MINUTES_PER_DAY {
        return Err(format!("{start} is not a time to begin at"));
    }
    let past_midnight = if end_minute > start_minute { 0 } else { MINUTES_PER_DAY };
    jiff::tz::TimeZone::get(zone).map_err(|_| format!("the time zone {zone:?} is not known here"))?;
    Ok(Maintenance {
        days,
        start_minute,
        length_minutes: end_minute + past_midnight - start_minute,
        zone: zone.to_owned(),
    })
}

fn parse_days(text: &str) -> Result<[bool; 7], String> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|step| days[(first + step) % 7] = true);
    }
    Ok(days)
}

fn day(name: &str) -> Result<usize, String> {
    let lower = name.to_ascii_lowercase();
    DAYS.iter()
        .position(|day| *day == lower)
        .ok_or_else(|| format!("{name:?} is no day; Mon, Tue, Wed, Thu, Fri, Sat, Sun or daily"))
}

fn minute(text: &str) -> Result<u16, String> {
    let wrong = || format!("{text:?} is not a time such as 02:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(minute) || !(1..=2).contains(&hour.len()) || !hour.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let (hour, minute): (u16, u16) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
    if minute > 59 || hour * 60 + minute > MINUTES_PER_DAY {
        return Err(wrong());
    }
    Ok(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_hours_and_zone() {
        let window = parse("Sun 02:00-04:00 Europe/Berlin").unwrap();
        assert_eq!((window.start_minute, window.length_minutes, window.zone.as_str()), (120, 120, "Europe/Berlin"));
        assert_eq!(window.days, [false, false, false, false, false, false, true]);
        assert_eq!(parse("Mon-Fri 9:30-17:00 UTC").unwrap().days, [true, true, true, true, true, false, false]);
        assert_eq!(parse("Sat-Mon,wed 0:00-24:00 UTC").unwrap().days, [true, false, true, false, false, true, true]);
    }

    #[test]
    fn an_end_before_the_begin_is_on_the_next_day() {
        let window = parse("daily 22:00-02:00 UTC").unwrap();
        assert_eq!((window.start_minute, window.length_minutes, window.days), (1320, 240, [true; 7]));
        assert_eq!(parse("daily 02:00-02:00 UTC").unwrap().length_minutes, 1440);
    }

    #[test]
    fn says_which_part_is_wrong() {
        for (text, wanted) in [
            ("Sun 02:00-04:00", "three parts"),
            ("Sonntag 02:00-04:00 UTC", "\"Sonntag\" is no day"),
            ("Sun 02:00 UTC", "two times"),
            ("Sun 2-4 UTC", "\"2\" is not a time"),
            ("Sun 24:00-01:00 UTC", "24:00 is not a time to begin at"),
            ("Sun 02:60-04:00 UTC", "\"02:60\" is not a time"),
            ("Sun 02:00-65535:00 UTC", "is not a time"),
            ("Sun 02:00-04:00 Mars/Olympus", "\"Mars/Olympus\" is not known"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(wanted), "{text}: {why}");
        }
    }
}
