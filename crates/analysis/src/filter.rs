use crate::{Index, Outcome, Sentiment, Zone, post::Post};

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
    sentiment: Option<Sentiment>,
    priority: Option<u8>,
    /// The number of the topic and of the author; `NOBODY`, which no wanted post has, when the index knows none.
    topic: Option<u32>,
    user: Option<u32>,
    /// The rows that were written in the wanted hours of the week.
    hours: Option<RowSet>,
    outcome: Option<Outcome>,
    answered: Option<bool>,
    rows: Option<&'a RowSet>,
}

impl<'a> Selector<'a> {
    pub fn new(index: &Index, filter: &Filter, rows: Option<&'a RowSet>, zone: &Zone) -> Self {
        let Filter { from, to, sentiment, priority, topic, user, weekday, hour, outcome, answered } = filter;
        let number = |names: &[String], name: &Option<String>| {
            let place = |name: &String| names.iter().position(|known| known == name);
            name.as_ref().map(|name| place(name).and_then(|place| u32::try_from(place).ok()).unwrap_or(Post::NOBODY))
        };
        let range = (from.is_some() || to.is_some()).then(|| (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX)));
        let (topic, user) = (number(&index.topics, topic), number(&index.users, user));
        let hours = (weekday.is_some() || hour.is_some()).then(|| hours_of(index, *weekday, *hour, zone));
        let (sentiment, priority, outcome, answered) = (*sentiment, *priority, *outcome, *answered);
        Self { range, sentiment, priority, topic, user, hours, outcome, answered, rows }
    }

    /// Whether the post is wanted, whenever it was written.
    pub fn takes(&self, row: usize, post: &Post) -> bool {
        let labels = post.label.labels();
        self.sentiment.is_none_or(|wanted| labels.is_some_and(|(sentiment, _)| sentiment == wanted))
            && self.priority.is_none_or(|wanted| labels.is_some_and(|(_, priority)| priority == wanted))
            && self.topic.is_none_or(|wanted| post.topic() == Some(wanted))
            && self.user.is_none_or(|wanted| post.user() == Some(wanted))
            && self.outcome.is_none_or(|wanted| post.label.outcome() == wanted)
            && self.answered.is_none_or(|wanted| post.label.is_answered() == wanted)
            && self.hours.as_ref().is_none_or(|rows| rows.contains(row))
            && self.rows.is_none_or(|rows| rows.contains(row))
    }

    /// Whether the post was written in the range.
    pub fn in_range(&self, post: &Post) -> bool {
        self.range.is_none_or(|(from, to)| post.at().is_some_and(|at| from <= at && at < to))
    }

    /// Whether everything from `from` to `to` lies in the range.
    pub fn covers(&self, from: i64, to: i64) -> bool {
        self.range.is_none_or(|(first, last)| first <= from && to <= last)
    }

    /// The wanted posts, with their rows.
    pub fn of<'i>(&'i self, index: &'i Index) -> impl Iterator<Item = (usize, &'i Post)> {
        index.posts.iter().enumerate().filter(|(row, post)| self.in_range(post) && self.takes(*row, post))
    }
}

/// The rows of posts that were written then, as the clock of the zone shows it.
fn hours_of(index: &Index, weekday: Option<u8>, hour: Option<u8>, zone: &Zone) -> RowSet {
    let mut rows = RowSet::default();
    let Some((first, last)) = index.span() else { return rows };
    let mut clock = zone.clock(first, last);
    for (row, post) in index.posts.iter().enumerate() {
        let Some(local) = post.at().map(|at| clock.local(at)) else { continue };
        let fits = |wanted: Option<u8>, value: i64| wanted.is_none_or(|wanted| i64::from(wanted) == value);
        if fits(weekday, local.weekday()) && fits(hour, local.hour) {
            rows.insert(row);
        }
    }
    rows
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
