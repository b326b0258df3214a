//! The index: one record a post, and how it is built and stored.

use std::borrow::Cow;

use dallosh_dataset::{Cells, TableBatch};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Columns, Sentiment, Zone,
    post::{HIGH, Label, Post},
    posts::Posts,
    zone::Clock,
};

/// What stored indexes begin with; another number is another shape.
const MAGIC: &[u8; 8] = b"dallosh1";
/// Bytes of the totals behind it.
const TOTALS: usize = 7 * 8;
/// The most bytes a stored index may unpack to.
const LARGEST: usize = 2 << 30;

/// The bytes are no index of this shape. It is built anew from its table.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// They begin otherwise.
    #[error("the bytes are no index of this version")]
    Version,
    /// They don't unpack.
    #[error("the index is damaged")]
    Packing(#[from] std::io::Error),
    /// They don't decode.
    #[error("the index is damaged")]
    Encoding(#[from] postcard::Error),
}

/// How many posts became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All.
    pub posts: u64,
    /// With labels.
    pub labelled: u64,
    /// Without a usable answer.
    pub failed: u64,
    /// Not asked about.
    pub skipped: u64,
    /// Of the labelled ones.
    pub negative: u64,
    /// Of the labelled ones.
    pub neutral: u64,
    /// Of the labelled ones.
    pub positive: u64,
}

impl Totals {
    /// Bytes of a stored index from which they can be read.
    pub const BYTES: u64 = (MAGIC.len() + TOTALS) as u64;

    /// Reads them from the first [`Totals::BYTES`] of a stored index.
    pub fn of_stored(bytes: &[u8]) -> Option<Self> {
        let figures = bytes.strip_prefix(MAGIC)?.get(..TOTALS)?;
        let mut figures = figures.chunks_exact(8).filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        let mut next = || figures.next();
        Some(Self {
            posts: next()?,
            labelled: next()?,
            failed: next()?,
            skipped: next()?,
            negative: next()?,
            neutral: next()?,
            positive: next()?,
        })
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            posts: self.posts + other.posts,
            labelled: self.labelled + other.labelled,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            negative: self.negative + other.negative,
            neutral: self.neutral + other.neutral,
            positive: self.positive + other.positive,
        }
    }

    /// Labelled / posts; `None` of nothing.
    pub fn coverage(self) -> Option<f64> {
        share(self.labelled, self.posts)
    }

    /// Negative / labelled; `None` of nothing.
    pub fn negative_share(self) -> Option<f64> {
        share(self.negative, self.labelled)
    }

    /// 100 × (positive − negative) / labelled; `None` of nothing.
    pub fn net_sentiment(self) -> Option<f64> {
        let difference = share(self.positive.abs_diff(self.negative).saturating_mul(100), self.labelled)?;
        Some(if self.positive < self.negative { -difference } else { difference })
    }

    fn figures(self) -> [u64; 7] {
        let Self { posts, labelled, failed, skipped, negative, neutral, positive } = self;
        [posts, labelled, failed, skipped, negative, neutral, positive]
    }

    pub(crate) fn add(&mut self, label: Label) {
        self.posts += 1;
        match label.labels() {
            Some((sentiment, _)) => {
                self.labelled += 1;
                match sentiment {
                    Sentiment::Negative => self.negative += 1,
                    Sentiment::Neutral => self.neutral += 1,
                    Sentiment::Positive => self.positive += 1,
                }
            }
            None if label.is_skipped() => self.skipped += 1,
            None => self.failed += 1,
        }
    }
}

/// What is counted of the posts of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub(crate) columns: Columns,
    /// Whether the table holds an answer of one author to another.
    pub(crate) answers: bool,
    pub(crate) topics: Vec<String>,
    pub(crate) users: Vec<String>,
    pub(crate) posts: Posts,
}

/// An index as it is stored: column by column in the order of the rows, times as differences, which packs well.
#[derive(Serialize, Deserialize)]
struct Stored {
    columns: Columns,
    answers: bool,
    topics: Vec<String>,
    users: Vec<String>,
    times: Vec<i64>,
    labels: Vec<Label>,
    topic: Vec<u32>,
    user: Vec<u32>,
    engagement: Vec<u64>,
    reach: Vec<u64>,
}

impl Index {
    /// Whether a post of the table answers one of another author.
    pub fn tells_answers(&self) -> bool {
        self.answers
    }

    /// The first and the last time of a post, in microseconds since 1970 in UTC.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let dated = self.posts.times.get(self.posts.undated()..)?;
        dated.first().copied().zip(dated.last().copied())
    }

    /// The clock of a zone for all of its posts.
    pub(crate) fn clock(&self, zone: &Zone) -> Clock {
        let (first, last) = self.span().unwrap_or_default();
        zone.clock(first, last)
    }

    /// The columns of the table that it was built from.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// How many posts became what.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.posts.labels.iter().for_each(|label| totals.add(*label));
        totals
    }

    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        let names = self.topics.iter().chain(&self.users).map(|name| name.len() + size_of::<String>());
        self.posts.len() * Posts::BYTES + names.sum::<usize>()
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// When packing fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, IndexError> {
        let Self { columns, answers, topics, users, posts } = self;
        let mut before = 0_i64;
        let mut times = posts.by_row(&posts.times, 0);
        for at in &mut times {
            *at = at.wrapping_sub(std::mem::replace(&mut before, *at));
        }
        // One more, so that what is absent becomes 0, the shortest number.
        let short = |column: Vec<u32>| column.into_iter().map(|number| number.wrapping_add(1)).collect();
        let long = |column: Vec<u64>| column.into_iter().map(|number| number.wrapping_add(1)).collect();
        let stored = Stored {
            columns: columns.clone(),
            answers: *answers,
            topics: topics.clone(),
            users: users.clone(),
            times,
            labels: posts.by_row(&posts.labels, Label::FAILED),
            topic: short(posts.by_row(&posts.topics, 0)),
            user: short(posts.by_row(&posts.users, 0)),
            engagement: long(posts.by_row(&posts.engagement, 0)),
            reach: long(posts.by_row(&posts.reach, 0)),
        };
        let packed = zstd::bulk::compress(&postcard::to_stdvec(&stored)?, 3)?;
        let totals = self.totals().figures().into_iter().flat_map(u64::to_le_bytes);
        Ok(MAGIC.iter().copied().chain(totals).chain(packed).collect())
    }

    /// Reads what [`Index::to_bytes`] made.
    ///
    /// # Errors
    /// When the bytes are of another version or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let packed = bytes.strip_prefix(MAGIC).and_then(|rest| rest.get(TOTALS..)).ok_or(IndexError::Version)?;
        let mut unpacked = Vec::new();
        let reader = zstd::Decoder::new(packed)?;
        let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
        std::io::Read::read_to_end(&mut std::io::Read::take(reader, limit), &mut unpacked)?;
        let stored: Stored = postcard::from_bytes(&unpacked)?;
        let Stored { columns, answers, topics, users, times, labels, topic, user, engagement, reach } = stored;
        let lengths = [labels.len(), topic.len(), user.len(), engagement.len(), reach.len()];
        if lengths.iter().any(|length| *length != times.len()) {
            return Err(IndexError::Version);
        }
        let mut at = 0_i64;
        let times = times.into_iter().map(|difference| {
            at = at.wrapping_add(difference);
            at
        });
        let short = |column: Vec<u32>| column.into_iter().map(|number| number.wrapping_sub(1)).collect();
        let long = |column: Vec<u64>| column.into_iter().map(|number| number.wrapping_sub(1)).collect();
        let posts = Posts {
            rows: (0..).take(labels.len()).collect(),
            times: times.collect(),
            labels,
            topics: short(topic),
            users: short(user),
            engagement: long(engagement),
            reach: long(reach),
        };
        Ok(Self { columns, answers, topics, users, posts: posts.sorted() })
    }
}

/// `part` of `whole`; `None` of nothing.
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts of posts stay below 2^53, up to which this is exact")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Names, each with a number.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return Post::NOBODY;
        }
        let next = u32::try_from(self.0.len()).unwrap_or(Post::NOBODY);
        *self.0.entry_ref(name).or_insert(next)
    }

    fn finish(self) -> Vec<String> {
        let mut names: Vec<_> = self.0.into_iter().collect();
        names.sort_unstable_by_key(|(_, number)| *number);
        names.into_iter().map(|(name, _)| name).collect()
    }
}

/// Builds an index batch by batch, in the order of the rows.
pub struct IndexBuilder {
    columns: Columns,
    topics: Names,
    users: Names,
    posts: Posts,
    /// A hash of each post's id; only where answers can be told.
    ids: Vec<u64>,
    /// Which post is answered, and by whom.
    answers: Vec<(u64, u32)>,
}

impl IndexBuilder {
    /// An index of no posts yet.
    pub fn new(columns: Columns) -> Self {
        let (topics, users) = (Names::default(), Names::default());
        Self { columns, topics, users, posts: Posts::default(), ids: Vec::new(), answers: Vec::new() }
    }

    /// Adds the posts of a batch that has the columns of [`Columns::names`].
    pub fn push(&mut self, batch: &TableBatch) {
        let Columns { text: _, time, user, id, reply, engagement, reach } = &self.columns;
        let cells = |name: &Option<String>| name.as_ref().and_then(|name| batch.cells(name));
        let (time, user, reach) = (cells(time), cells(user), cells(reach));
        let reactions: Vec<_> = engagement.iter().filter_map(|name| batch.cells(name)).collect();
        let [status, sentiment, priority, topic] =
            ["enrichment_status", "sentiment", "priority", "main_topic"].map(|name| batch.cells(name));
        let answers = cells(id).zip(cells(reply));
        for row in 0..batch.rows() {
            let word = |cells| text(cells, row);
            let labels = Sentiment::of_word(&word(sentiment.as_ref()))
                .zip(word(priority.as_ref()).parse::<u8>().ok().filter(|priority| *priority <= HIGH));
            let (label, topic) = match (&*word(status.as_ref()), labels) {
                ("ok", Some((sentiment, priority))) => {
                    (Label::of(sentiment, priority), self.topics.number(&word(topic.as_ref())))
                }
                ("skipped", _) => (Label::SKIPPED, Post::NOBODY),
                _ => (Label::FAILED, Post::NOBODY),
            };
            let user = self.users.number(word(user.as_ref()).trim());
            if let Some((id, reply)) = &answers {
                self.ids.push(key(&id.text(row)).unwrap_or(0));
                self.answers.extend(key(&reply.text(row)).map(|answered| (answered, user)));
            }
            let reactions = reactions.iter().filter_map(|cells| cells.count(row));
            self.posts.push(Post {
                row: u32::try_from(self.posts.len()).unwrap_or(u32::MAX),
                at: time.as_ref().and_then(|cells| cells.time(row)).unwrap_or(Post::NEVER),
                engagement: reactions.reduce(u64::saturating_add).unwrap_or(Post::UNKNOWN),
                reach: reach.as_ref().and_then(|cells| cells.count(row)).unwrap_or(Post::UNKNOWN),
                topic,
                user,
                label,
            });
        }
    }

    /// The index.
    pub fn finish(self) -> Index {
        let Self { columns, topics, users, mut posts, ids, answers: found } = self;
        // Whoever answers a post, and another one who does: enough to tell whether somebody else than its author did.
        let mut answerers: HashMap<u64, (u32, u32)> = HashMap::new();
        for (id, user) in found {
            let (first, second) = answerers.entry(id).or_insert((user, user));
            if user != *first {
                *second = user;
            }
        }
        let mut answers = false;
        for ((label, author), id) in posts.labels.iter_mut().zip(&posts.users).zip(ids) {
            if answerers.get(&id).is_some_and(|(first, second)| first != author || second != author) {
                *label = label.answered();
                answers = true;
            }
        }
        Index { columns, answers, topics: topics.finish(), users: users.finish(), posts: posts.sorted() }
    }
}

fn text<'a>(cells: Option<&Cells<'a>>, row: usize) -> Cow<'a, str> {
    cells.map(|cells| cells.text(row)).unwrap_or_default()
}

/// What an id is known by; `None` for one that says nothing.
fn key(id: &str) -> Option<u64> {
    let id = id.trim();
    (!id.is_empty() && !id.eq_ignore_ascii_case("null")).then(|| xxh3_64(id.as_bytes()).max(1))
}
