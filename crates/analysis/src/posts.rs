use std::ops::Range;

use crate::post::{Label, Post};

/// The posts of an index, column by column: those without a time first, then from the earliest to the latest; equal ones in
/// the order of the table. A million posts are a million of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Posts {
    pub rows: Vec<u32>,
    pub times: Vec<i64>,
    pub labels: Vec<Label>,
    pub topics: Vec<u32>,
    pub users: Vec<u32>,
    pub engagement: Vec<u64>,
    pub reach: Vec<u64>,
}

impl Posts {
    /// Bytes of a post.
    pub const BYTES: usize = 3 * size_of::<u32>() + 3 * size_of::<u64>() + size_of::<Label>();

    /// Adds a post; they come in any order until [`Posts::sorted`].
    pub fn push(&mut self, post: Post) {
        let Post { row, at, engagement, reach, topic, user, label } = post;
        self.rows.push(row);
        self.times.push(at);
        self.labels.push(label);
        self.topics.push(topic);
        self.users.push(user);
        self.engagement.push(engagement);
        self.reach.push(reach);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Brings them in order.
    #[must_use]
    pub fn sorted(self) -> Self {
        let Self { rows, times, labels, topics, users, engagement, reach } = &self;
        if times.is_sorted() && rows.is_sorted() {
            return self;
        }
        let mut order: Vec<_> = times.iter().zip(rows).zip(0_usize..).collect();
        order.sort_unstable();
        let order: Vec<usize> = order.into_iter().map(|(_, place)| place).collect();
        Self {
            rows: picked(rows, &order),
            times: picked(times, &order),
            labels: picked(labels, &order),
            topics: picked(topics, &order),
            users: picked(users, &order),
            engagement: picked(engagement, &order),
            reach: picked(reach, &order),
        }
    }

    /// Those at these places.
    pub fn at(&self, places: Range<usize>) -> impl Iterator<Item = Post> {
        let Self { rows, times, labels, topics, users, engagement, reach } = self;
        let numbers = part(rows, &places).iter().zip(part(topics, &places)).zip(part(users, &places));
        let counts = part(engagement, &places).iter().zip(part(reach, &places));
        let posts = part(times, &places).iter().zip(part(labels, &places)).zip(numbers).zip(counts);
        posts.map(|(((at, label), ((row, topic), user)), (engagement, reach))| Post {
            row: *row,
            at: *at,
            engagement: *engagement,
            reach: *reach,
            topic: *topic,
            user: *user,
            label: *label,
        })
    }

    /// A column in the order of the table.
    pub fn by_row<T: Copy>(&self, column: &[T], empty: T) -> Vec<T> {
        let mut all = vec![empty; column.len()];
        for (row, value) in self.rows.iter().zip(column) {
            if let Some(cell) = usize::try_from(*row).ok().and_then(|row| all.get_mut(row)) {
                *cell = *value;
            }
        }
        all
    }

    /// How many have no time.
    pub fn undated(&self) -> usize {
        self.times.partition_point(|at| *at == Post::NEVER)
    }

    /// The places of those that were written from `from` on and before `to`.
    pub fn between(&self, from: i64, to: i64) -> Range<usize> {
        let before = |moment: i64| self.times.partition_point(|at| *at < moment);
        let start = before(from).max(self.undated());
        start..before(to).max(start)
    }

    /// The first place from `place` on of a post that was not written before `moment`, looked for nearby first.
    pub fn until(&self, place: usize, moment: i64) -> usize {
        let times = self.times.get(place..).unwrap_or_default();
        let mut near = 1;
        while times.get(near).is_some_and(|at| *at < moment) {
            near *= 2;
        }
        let near = times.get(..near).unwrap_or(times);
        place + near.partition_point(|at| *at < moment)
    }
}

fn part<'a, T>(column: &'a [T], places: &Range<usize>) -> &'a [T] {
    column.get(places.clone()).unwrap_or_default()
}

fn picked<T: Copy>(column: &[T], order: &[usize]) -> Vec<T> {
    order.iter().filter_map(|place| column.get(*place)).copied().collect()
}
