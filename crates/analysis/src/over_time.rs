//! Sentiment as it goes, in steps that fit the time it spans.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Zone,
    zone::{Clock, civil, days, weekday},
};

const HOURS: i64 = 3_600_000_000;
/// Empty steps are shown up to this many days; a longer time has only the steps with posts.
const FILLED_DAYS: i64 = 50_000;

/// The steps of a series over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Up to three days.
    Hour,
    /// Up to 92 days.
    Day,
    /// From Monday on; up to three years.
    Week,
    /// Up to fifty years.
    Month,
    /// More.
    Year,
}

impl Granularity {
    /// The steps that fit a time in microseconds.
    pub fn of(span: i64) -> Self {
        let days = span / (24 * HOURS);
        match days {
            ..3 => Self::Hour,
            3..92 => Self::Day,
            92..1_096 => Self::Week,
            1_096..18_263 => Self::Month,
            _ => Self::Year,
        }
    }

    /// The first day of the step that the day is in.
    fn first_day(self, day: i64) -> i64 {
        match self {
            Self::Hour | Self::Day => day,
            Self::Week => day - (weekday(day) - 1),
            Self::Month => civil(day).map_or(day, |date| days(date.first_of_month())),
            Self::Year => civil(day).map_or(day, |date| days(date.first_of_year())),
        }
    }
}

/// Labelled posts of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Point {
    /// When the step begins; it ends where the next one begins.
    pub from: DateTime<Utc>,
    /// Negative posts.
    pub negative: u64,
    /// Neutral posts.
    pub neutral: u64,
    /// Positive posts.
    pub positive: u64,
}

/// Labelled posts over time, from the first to the last one, empty steps included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SentimentOverTime {
    /// The steps; `null` when there are none.
    pub granularity: Option<Granularity>,
    /// In order.
    pub points: Vec<Point>,
}

impl SentimentOverTime {
    /// From the posts of each day.
    pub(crate) fn by_days(granularity: Granularity, zone: &Zone, counts: &BTreeMap<i64, [u64; 3]>) -> Self {
        let mut steps = BTreeMap::new();
        if let (Some((first, _)), Some((last, _))) = (counts.first_key_value(), counts.last_key_value())
            && last - first <= FILLED_DAYS
        {
            steps.extend((*first..=*last).map(|day| (granularity.first_day(day), [0; 3])));
        }
        for (day, counts) in counts {
            add(steps.entry(granularity.first_day(*day)).or_default(), *counts);
        }
        // A day that a zone left out has no moment of its own.
        let points = steps
            .into_iter()
            .filter(|(day, counts)| *counts != [0; 3] || zone.start_of(*day) < zone.start_of(day + 1))
            .map(|(day, counts)| point(zone.start_of(day), counts));
        Self { granularity: Some(granularity), points: points.collect() }
    }

    /// From the posts of each hour.
    pub(crate) fn by_hours(clock: &mut Clock, counts: BTreeMap<i64, [u64; 3]>) -> Self {
        let mut steps = counts;
        if let (Some((first, _)), Some((last, _))) = (steps.first_key_value(), steps.last_key_value()) {
            let (mut at, last) = (*first, *last);
            while at < last {
                steps.entry(clock.local(at).hour_start).or_default();
                at += HOURS / 4;
            }
        }
        let points = steps.into_iter().map(|(from, counts)| point(from, counts));
        Self { granularity: Some(Granularity::Hour), points: points.collect() }
    }
}

fn add(sum: &mut [u64; 3], counts: [u64; 3]) {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

fn point(from: i64, [negative, neutral, positive]: [u64; 3]) -> Point {
    Point { from: instant(from), negative, neutral, positive }
}

/// The nearest time that can be written.
pub(crate) fn instant(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at).unwrap_or_default()
}
