use std::ops::Range;

use crate::{
    Index, Outcome, Sentiment,
    post::{Label, Post},
    posts::Posts,
    zone::{Clock, Local},
};

/// Which posts are looked at. Times are microseconds since 1970 in UTC; posts without one are outside of every range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// From then on.
    pub from: Option<i64>,
    /// Before then.
    pub to: Option<i64>,
    /// Only these.
    pub sentiment: Option<Sentiment>,
    /// Only these.
    pub priority: Option<u8>,
    /// Only those about this.
    pub topic: Option<String>,
    /// Only those of this author.
    pub user: Option<String>,
    /// Only those written on this day of the local week, of which 1 is Monday.
    pub weekday: Option<u8>,
    /// Only those written in this hour of the local day, from 0 to 23.
    pub hour: Option<u8>,
    /// Only those of which this became.
    pub outcome: Option<Outcome>,
    /// Only those that another author answered, or only the others.
    pub answered: Option<bool>,
}

/// A set of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSet(Vec<u64>);

impl RowSet {
    /// Adds a row.
    pub fn insert(&mut self, row: usize) {
        let word = row / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (row % 64);
        }
    }

    /// Whether the row was added.
    pub fn contains(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|word| word & (1 << (row % 64)) != 0)
    }
}

/// A filter made ready for one index.
pub(crate) struct Selector<'a> {
    range: Option<(i64, i64)>,
    /// The places that the range takes.
    places: Range<usize>,
    /// Which labels are wanted, by their byte.
    labels: [bool; 256],
    /// The number of the topic and of the author; `NOBODY`, which no wanted post has, when the index knows none.
    topic: Option<u32>,
    user: Option<u32>,
    weekday: Option<i64>,
    hour: Option<i64>,
    rows: Option<&'a RowSet>,
}

impl<'a> Selector<'a> {
    pub fn new(index: &Index, filter: &Filter, rows: Option<&'a RowSet>) -> Self {
        let Filter { from, to, sentiment, priority, topic, user, weekday, hour, outcome, answered } = filter;
        let number = |names: &[String], name: &Option<String>| {
            let place = |name: &String| names.iter().position(|known| known == name);
            name.as_ref().map(|name| place(name).and_then(|place| u32::try_from(place).ok()).unwrap_or(Post::NOBODY))
        };
        let range = (from.is_some() || to.is_some()).then(|| (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX)));
        let places = range.map_or(0..index.posts.len(), |(from, to)| index.posts.between(from, to));
        let mut labels = [false; 256];
        for (label, wanted) in (0..=u8::MAX).map(Label).zip(&mut labels) {
            let both = label.labels();
            *wanted = sentiment.is_none_or(|wanted| both.is_some_and(|(sentiment, _)| sentiment == wanted))
                && priority.is_none_or(|wanted| both.is_some_and(|(_, priority)| priority == wanted))
                && outcome.is_none_or(|wanted| label.outcome() == wanted)
                && answered.is_none_or(|wanted| label.is_answered() == wanted);
        }
        let (topic, user) = (number(&index.topics, topic), number(&index.users, user));
        let (weekday, hour) = (weekday.map(i64::from), hour.map(i64::from));
        Self { range, places, labels, topic, user, weekday, hour, rows }
    }

    /// The places of the posts that were written in the range, whatever they are.
    pub fn places(&self) -> Range<usize> {
        self.places.clone()
    }

    /// Whether the post is wanted, whenever it was written.
    pub fn takes(&self, post: &Post) -> bool {
        self.labels.get(usize::from(post.label.0)).is_some_and(|wanted| *wanted)
            && self.topic.is_none_or(|wanted| post.topic() == Some(wanted))
            && self.user.is_none_or(|wanted| post.user() == Some(wanted))
            && self.rows.is_none_or(|rows| usize::try_from(post.row).is_ok_and(|row| rows.contains(row)))
    }

    /// Whether everything from `from` to `to` lies in the range.
    pub fn covers(&self, from: i64, to: i64) -> bool {
        self.range.is_none_or(|(first, last)| first <= from && to <= last)
    }

    /// The wanted hours of `places`, each with the places of its posts; those without a time are together.
    pub fn hours(
        &self,
        posts: &Posts,
        places: Range<usize>,
        clock: &mut Clock,
    ) -> impl Iterator<Item = (Option<Local>, Range<usize>)> {
        let undated = posts.undated();
        let Range { start: mut next, end } = places;
        std::iter::from_fn(move || {
            while next < end {
                let start = next;
                let local = posts.times.get(start).filter(|_| start >= undated).map(|at| clock.local(*at));
                next = local.map_or(undated, |local| posts.until(start, local.hour_end)).clamp(start + 1, end);
                let fits = |wanted: Option<i64>, shown: Option<i64>| wanted.is_none() || wanted == shown;
                if fits(self.weekday, local.map(Local::weekday)) && fits(self.hour, local.map(|local| local.hour)) {
                    return Some((local, start..next));
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_rows_that_were_added_and_no_other() {
        let mut rows = RowSet::default();
        for row in [0, 63, 64, 1000] {
            rows.insert(row);
        }
        let found: Vec<_> = (0..2000).filter(|row| rows.contains(*row)).collect();
        assert_eq!(found, [0, 63, 64, 1000]);
    }
}
