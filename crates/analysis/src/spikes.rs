//! Days on which a topic came up far more often than it usually does on that weekday.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Zone,
    filter::Selector,
    over_time::instant,
    zone::{civil, weekday},
};

/// Weeks that are looked back on, and how many of them there have to be.
const WEEKS: i64 = 8;
pub(crate) const LEAST_WEEKS: i64 = 4;
/// How far before the asked time that is at most, in microseconds; two days more, for what zones leave out.
pub(crate) const LOOK_BACK: i64 = (WEEKS * 7 + 2) * 86_400_000_000;
/// The most cells of days and topics that spikes are looked for in.
const MOST_CELLS: usize = 4_000_000;
/// The fewest posts of a spike.
const LEAST_POSTS: u32 = 10;
/// The least score of a spike: the usual bound for an outlier by the median absolute deviation.
const LEAST_SCORE: f64 = 3.5;
/// Makes a median absolute deviation comparable with a standard deviation.
const TO_SIGMA: f64 = 1.4826;
/// The most spikes of an answer, the highest scores first.
const MOST: usize = 50;

/// A day on which a topic came up unusually often.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Spike {
    /// The topic.
    pub topic: String,
    /// The local day.
    #[schema(example = "2024-10-24")]
    pub day: String,
    /// When the day begins.
    pub from: DateTime<Utc>,
    /// When the next one begins.
    pub to: DateTime<Utc>,
    /// 1 is Monday.
    pub weekday: i64,
    /// Posts about the topic on this day.
    pub posts: u64,
    /// The median of the same weekday in the weeks before.
    pub expected: f64,
    /// The median absolute deviation from it.
    pub deviation: f64,
    /// How far beyond the usual: (posts − expected) / max(1.4826 × deviation, √expected, 1).
    pub score: f64,
    /// Weeks that were looked back on.
    pub weeks: u64,
}

/// Posts by local day and topic, each topic by its number.
pub(crate) struct TopicDays {
    days: BTreeMap<i64, Vec<u32>>,
    topics: usize,
    /// Whether days were left out because there is no room for them.
    pub are_too_many: bool,
}

impl TopicDays {
    pub fn new(topics: usize) -> Self {
        Self { days: BTreeMap::new(), topics, are_too_many: false }
    }

    /// The counts of a day; `None` when there is no room for it.
    pub fn of(&mut self, day: i64) -> Option<&mut [u32]> {
        self.are_too_many = self.are_too_many || self.days.len() * self.topics > MOST_CELLS;
        let day = (!self.are_too_many).then(|| self.days.entry(day).or_insert_with(|| vec![0; self.topics]));
        day.map(Vec::as_mut_slice)
    }
}

/// Finds the spikes within the selector's range. `first` is the first day of the dataset; days without posts count 0.
pub(crate) fn find(
    topics: &[String],
    days: &TopicDays,
    first: i64,
    zone: &Zone,
    selector: &Selector<'_>,
) -> Vec<Spike> {
    let mut found = Vec::new();
    for (day, counts) in &days.days {
        let weeks = ((day - first) / 7).min(WEEKS);
        if weeks < LEAST_WEEKS {
            continue;
        }
        let (from, to) = (zone.start_of(*day), zone.start_of(day + 1));
        if !selector.covers(from, to) {
            continue;
        }
        for (number, (topic, posts)) in topics.iter().zip(counts).enumerate() {
            if *posts < LEAST_POSTS {
                continue;
            }
            let count = |week: i64| days.days.get(&(day - 7 * week)).and_then(|counts| counts.get(number)).copied();
            let before: Vec<_> = (1..=weeks).map(|week| f64::from(count(week).unwrap_or(0))).collect();
            let expected = median(before.clone());
            let deviation = median(before.iter().map(|count| (count - expected).abs()).collect());
            let usual = (TO_SIGMA * deviation).max(expected.sqrt()).max(1.0);
            let score = (f64::from(*posts) - expected) / usual;
            if score >= LEAST_SCORE {
                found.push(Spike {
                    topic: topic.clone(),
                    day: civil(*day).map(|date| date.to_string()).unwrap_or_default(),
                    from: instant(from),
                    to: instant(to),
                    weekday: weekday(*day),
                    posts: u64::from(*posts),
                    expected,
                    deviation,
                    score,
                    weeks: u64::try_from(weeks).unwrap_or(0),
                });
            }
        }
    }
    found.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| (&one.day, &one.topic).cmp(&(&other.day, &other.topic)))
    });
    found.truncate(MOST);
    found
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
    if values.len().is_multiple_of(2) { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) } else { at(middle) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Filter, Index, IndexBuilder};

    fn spikes(counts: &[(i64, u32)], first: i64, filter: &Filter) -> Vec<Spike> {
        let mut days = TopicDays::new(1);
        for (day, posts) in counts {
            days.of(*day).unwrap()[0] = *posts;
        }
        let index: Index = IndexBuilder::new(crate::Columns::default()).finish();
        find(&["panne".to_owned()], &days, first, &Zone::utc(), &Selector::new(&index, filter, None))
    }

    #[test]
    fn a_day_far_above_the_same_weekday_of_the_weeks_before_is_a_spike() {
        let usual = [(0, 10), (7, 12), (14, 8), (21, 11), (22, 900)];
        let found = spikes(&[&usual[..], &[(28, 60)]].concat(), 0, &Filter::default());
        assert_eq!(found.len(), 1, "the other weekday has no history: {found:?}");
        let spike = &found[0];
        assert_eq!((spike.day.as_str(), spike.posts, spike.expected, spike.deviation), ("1970-01-29", 60, 10.5, 1.0));
        assert_eq!((spike.weeks, spike.score), (4, (60.0 - 10.5) / 10.5_f64.sqrt()));
        assert!(spikes(&[&usual[..], &[(28, 20)]].concat(), 0, &Filter::default()).is_empty(), "20 is not unusual");
    }

    #[test]
    fn four_weeks_of_history_and_ten_posts_are_needed_and_empty_days_count() {
        assert!(spikes(&[(28, 60)], 1, &Filter::default()).is_empty(), "three weeks are too few");
        assert!(spikes(&[(28, 9)], 0, &Filter::default()).is_empty(), "nine posts are too few");
        let found = spikes(&[(28, 10)], 0, &Filter::default());
        assert_eq!((found.len(), found[0].expected, found[0].score), (1, 0.0, 10.0));
    }

    #[test]
    fn a_range_shows_its_own_days_and_looks_back_beyond_itself() {
        let day = 86_400_000_000;
        let counts = [(28, 60), (29, 60)];
        let filter = Filter { from: Some(29 * day), to: Some(30 * day), ..Filter::default() };
        let found = spikes(&counts, 0, &filter);
        assert_eq!(found.iter().map(|spike| spike.day.as_str()).collect::<Vec<_>>(), ["1970-01-30"]);
        let cut = Filter { from: Some(29 * day + 1), ..filter };
        assert!(spikes(&counts, 0, &cut).is_empty(), "a day that is cut is not compared with whole ones");
    }
}
