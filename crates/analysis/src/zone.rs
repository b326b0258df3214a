//! Days and hours where the reader is.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A time zone of the IANA database, which is compiled in: answers don't depend on the machine.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of this name, such as `Europe/Paris`; `None` when there is none.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some()).map(Self)
    }

    /// Its name in the database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// A day or a local time without an offset, in microseconds since 1970: a day is its first moment. What the clocks
    /// leave out is moved forward; of what comes twice, the first is taken.
    pub fn moment(&self, text: &str) -> Option<i64> {
        let local = text.parse::<DateTime>().ok()?;
        Some(local.to_zoned(self.0.clone()).ok()?.timestamp().as_microsecond())
    }

    /// The first moment of a day, counted in days since 1970.
    pub(crate) fn start_of(&self, day: i64) -> i64 {
        let first = civil(day).and_then(|date| date.to_zoned(self.0.clone()).ok());
        first.map_or(day.saturating_mul(DAY * SECOND), |first| first.timestamp().as_microsecond())
    }

    /// The clock from `first` to `last`.
    pub(crate) fn clock(&self, first: i64, last: i64) -> Clock {
        let offset = |at: Timestamp| i64::from(self.0.to_offset(at).seconds());
        let begin = timestamp(first);
        let mut spans = vec![Span { from: i64::MIN, offset: offset(begin) }];
        let changes = self.0.following(begin).take_while(|change| change.timestamp() <= timestamp(last));
        spans.extend(changes.map(|change| Span {
            from: change.timestamp().as_microsecond(),
            offset: i64::from(change.offset().seconds()),
        }));
        Clock { spans, current: 0 }
    }
}

/// The nearest time that the calendar has.
fn timestamp(at: i64) -> Timestamp {
    Timestamp::from_microsecond(at).unwrap_or(if at < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The date of a day, counted in days since 1970.
pub(crate) fn civil(day: i64) -> Option<Date> {
    let days = jiff::Span::new().try_days(day).ok()?;
    jiff::civil::date(1970, 1, 1).checked_add(days).ok()
}

/// The days since 1970 of a date.
pub(crate) fn days(date: Date) -> i64 {
    let since = date.since(jiff::civil::date(1970, 1, 1));
    since.map_or(0, |span| i64::from(span.get_days()))
}

/// From when on the clocks are how far from UTC, in seconds.
struct Span {
    from: i64,
    offset: i64,
}

/// Tells local time; fast when times come in order.
pub(crate) struct Clock {
    spans: Vec<Span>,
    current: usize,
}

/// A local hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    /// Days since 1970.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// The first moment of the hour as the clock shows it, or of the clock's change within it.
    pub hour_start: i64,
    /// The first moment behind it.
    pub hour_end: i64,
}

impl Local {
    /// 1 is Monday.
    pub fn weekday(self) -> i64 {
        weekday(self.day)
    }
}

/// 1 is Monday.
pub(crate) fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7) + 1
}

impl Clock {
    pub fn local(&mut self, at: i64) -> Local {
        let ends = |spans: &[Span], place: usize| spans.get(place + 1).map_or(i64::MAX, |next| next.from);
        let within = self.spans.get(self.current).is_some_and(|span| span.from <= at);
        if !within || at >= ends(&self.spans, self.current) {
            self.current = self.spans.partition_point(|span| span.from <= at).saturating_sub(1);
        }
        let (from, offset) = self.spans.get(self.current).map_or((i64::MIN, 0), |span| (span.from, span.offset));
        let seconds = at.div_euclid(SECOND) + offset;
        let hour = seconds.div_euclid(HOUR);
        let begins = |hour: i64| (hour * HOUR - offset).saturating_mul(SECOND);
        let hour_start = begins(hour).max(from);
        let hour_end = begins(hour + 1).min(ends(&self.spans, self.current));
        Local { day: hour.div_euclid(24), hour: hour.rem_euclid(24), hour_start, hour_end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn local_hours_are_those_of_the_calendar_around_every_change_of_the_clocks() {
        let names = ["Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "UTC"];
        for name in names {
            let zone = Zone::named(name).unwrap();
            let (first, last) = (at("2011-06-01T00:00:00Z"), at("2013-06-01T00:00:00Z"));
            let mut clock = zone.clock(first, last);
            for step in 0.. {
                let now = first + step * 25 * 60 * SECOND;
                if now > last {
                    break;
                }
                let local = clock.local(now);
                let zoned = Timestamp::from_microsecond(now).unwrap().to_zoned(zone.0.clone());
                assert_eq!(
                    (civil(local.day), local.hour),
                    (Some(zoned.date()), i64::from(zoned.hour())),
                    "{name} {now}"
                );
                assert_eq!(local.weekday(), i64::from(zoned.weekday().to_monday_one_offset()), "{name} {now}");
                assert!(local.hour_start <= now && now < local.hour_start + HOUR * SECOND, "{name} {now}");
                assert_eq!(clock.local(local.hour_start), local, "{name} {now}");
                assert!(now < local.hour_end && clock.local(local.hour_end - 1) == local, "{name} {now}");
                assert_ne!(clock.local(local.hour_end), local, "{name} {now}");
                assert!(zone.start_of(local.day) <= now && now < zone.start_of(local.day + 1), "{name} {now}");
            }
        }
    }

    #[test]
    fn a_day_begins_at_its_first_moment_also_where_midnight_is_left_out() {
        let havana = Zone::named("america/havana").unwrap();
        assert_eq!(havana.name(), "America/Havana");
        assert_eq!(havana.moment("2024-03-10"), Some(at("2024-03-10T05:00:00Z")));
        assert_eq!(havana.moment("2024-11-03"), Some(at("2024-11-03T04:00:00Z")));
        assert_eq!(havana.moment("2024-03-10T12:30"), Some(at("2024-03-10T16:30:00Z")));
        assert_eq!(havana.moment("10/03/2024"), None);
        assert!(Zone::named("Mars/Olympus").is_none() && Zone::named("").is_none());
    }

    #[test]
    fn days_and_dates_are_the_same_thing() {
        for day in [-719_528, -1, 0, 1, 19_782, 2_932_896] {
            assert_eq!(days(civil(day).unwrap()), day);
        }
    }
}
