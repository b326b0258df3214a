//! All figures of one answer, in one pass over the index.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Columns, Filter, Granularity, Index, RowSet, Sentiment, SentimentOverTime, Spike, Totals, Zone,
    filter::Selector,
    index::share,
    post::{HIGH, PRIORITIES, Post},
    posts::Posts,
    spikes::{self, LEAST_WEEKS, LOOK_BACK, TopicDays},
    zone::{Clock, Local},
};

/// Authors of an answer, those with the most negative posts first.
const USERS: usize = 20;
/// The most critical posts of an answer.
const CRITICAL: usize = 10;

/// The figures. What can't be computed from the dataset is `null` and named in `unavailable`; a share of nothing is
/// `null` too. Shares are of labelled posts, and not rounded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Kpis {
    /// Posts.
    pub posts: u64,
    /// Posts with labels.
    pub labelled: u64,
    /// Posts for which there is no usable answer of the model.
    pub failed: u64,
    /// Posts that were not asked about.
    pub skipped: u64,
    /// Posts without a time; they are in no series over time. `null` when no post has one.
    pub undated: Option<u64>,
    /// Labelled / posts.
    pub coverage: Option<f64>,
    /// Negative posts.
    pub negative: u64,
    /// Neutral posts.
    pub neutral: u64,
    /// Positive posts.
    pub positive: u64,
    /// Negative / labelled.
    pub negative_share: Option<f64>,
    /// Neutral / labelled.
    pub neutral_share: Option<f64>,
    /// Positive / labelled.
    pub positive_share: Option<f64>,
    /// 100 × (positive − negative) / labelled.
    pub net_sentiment: Option<f64>,
    /// Posts with priority 2.
    pub high_priority: u64,
    /// Posts with priority 2 / labelled.
    pub high_priority_share: Option<f64>,
    /// Different authors.
    pub users: Option<u64>,
    /// Likes, reposts, quotes and replies.
    pub engagement: Option<u64>,
    /// Engagement / posts whose engagement is known.
    pub engagement_per_post: Option<f64>,
    /// Views.
    pub reach: Option<u64>,
    /// Views of negative posts / views of labelled posts.
    pub reach_weighted_negative_share: Option<f64>,
    /// Negative posts that another author answered.
    pub answered_complaints: Option<u64>,
    /// Negative posts that nobody else answered.
    pub unanswered_complaints: Option<u64>,
    /// Answered / negative posts.
    pub response_rate: Option<f64>,
}

/// Posts with a sentiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfSentiment {
    /// The sentiment.
    pub sentiment: Sentiment,
    /// Its posts.
    pub posts: u64,
}

/// Posts with a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfPriority {
    /// 0, 1 or 2, which is high.
    pub priority: u8,
    /// Its posts.
    pub posts: u64,
}

/// Posts about a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfTopic {
    /// The topic.
    #[schema(example = "panne")]
    pub topic: String,
    /// Its labelled posts.
    pub posts: u64,
    /// The negative ones.
    pub negative: u64,
    /// The neutral ones.
    pub neutral: u64,
    /// The positive ones.
    pub positive: u64,
}

/// Posts about a topic with a sentiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfTopicAndSentiment {
    /// The topic.
    #[schema(example = "panne")]
    pub topic: String,
    /// The sentiment.
    pub sentiment: Sentiment,
    /// Their posts.
    pub posts: u64,
}

/// Posts with a priority and a sentiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfPriorityAndSentiment {
    /// 0, 1 or 2, which is high.
    pub priority: u8,
    /// The sentiment.
    pub sentiment: Sentiment,
    /// Their posts.
    pub posts: u64,
}

/// Posts of an hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfHour {
    /// 1 is Monday.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// Its posts, with and without labels.
    pub posts: u64,
    /// The negative ones.
    pub negative: u64,
}

/// Posts of an author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostsOfUser {
    /// The handle.
    pub screen_name: String,
    /// The author's posts, with and without labels.
    pub posts: u64,
    /// The negative ones.
    pub negative: u64,
    /// What readers did with them; `null` when the dataset does not say.
    pub engagement: Option<u64>,
}

/// Engagement and views of the posts with a sentiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EngagementOfSentiment {
    /// The sentiment.
    pub sentiment: Sentiment,
    /// Its posts whose engagement is known.
    pub posts: u64,
    /// Their engagement.
    pub engagement: u64,
    /// Views of its posts; `null` when the dataset does not say.
    pub reach: Option<u64>,
}

/// The chart series. One that can't be computed is empty and named in `unavailable`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Series {
    /// All three sentiments.
    pub sentiment: Vec<PostsOfSentiment>,
    /// Labelled posts with a time.
    pub sentiment_over_time: SentimentOverTime,
    /// All three priorities.
    pub priority: Vec<PostsOfPriority>,
    /// Most posts first.
    pub topics: Vec<PostsOfTopic>,
    /// The topics in the same order, each with all three sentiments.
    pub topic_by_sentiment: Vec<PostsOfTopicAndSentiment>,
    /// All nine.
    pub priority_by_sentiment: Vec<PostsOfPriorityAndSentiment>,
    /// All 168 hours of the local week, Monday first.
    pub hour_by_weekday: Vec<PostsOfHour>,
    /// The 20 authors with the most negative posts, then the most posts.
    pub top_users: Vec<PostsOfUser>,
    /// All three sentiments.
    pub engagement_by_sentiment: Vec<EngagementOfSentiment>,
}

/// A figure or series that the dataset does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unavailable {
    /// Its name in `kpis`, in `series`, or `spikes`.
    #[schema(example = "top_users")]
    pub name: &'static str,
    /// Why.
    #[schema(example = "the dataset has no column `screen_name`")]
    pub reason: String,
}

/// Everything that is computed from an index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Analysis {
    /// The figures.
    pub kpis: Kpis,
    /// The chart series.
    pub series: Series,
    /// Topics on days.
    pub spikes: Vec<Spike>,
    /// The rows of the most critical posts: high priority or negative ones, in that order, then by engagement.
    pub critical: Vec<u64>,
    /// What can't be computed.
    pub unavailable: Vec<Unavailable>,
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    totals: Totals,
    undated: u64,
    priority_by_sentiment: [[u64; 3]; PRIORITIES as usize],
    topics: Vec<[u64; 3]>,
    users: Vec<User>,
    engagement: [Sum; 4],
    reach: [Sum; 4],
    answered: u64,
    hours: [[Hour; 24]; 7],
    /// Sentiments by day.
    days: BTreeMap<i64, [u64; 3]>,
    /// The first and the last labelled post.
    span: Option<(i64, i64)>,
    critical: Vec<(Reverse<i64>, u32)>,
}

#[derive(Clone, Copy, Default)]
struct User {
    posts: u64,
    negative: u64,
    engagement: u64,
}

/// A sum, and of how many.
#[derive(Clone, Copy, Default)]
struct Sum {
    posts: u64,
    sum: u64,
}

impl Sum {
    fn add(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            self.posts += 1;
            self.sum = self.sum.saturating_add(value);
        }
    }
}

/// The sums of all four kinds of posts: the three sentiments, and those without a label.
fn total(sums: &[Sum]) -> Sum {
    sums.iter()
        .fold(Sum::default(), |all, one| Sum { posts: all.posts + one.posts, sum: all.sum.saturating_add(one.sum) })
}

#[derive(Clone, Copy, Default)]
struct Hour {
    posts: u64,
    negative: u64,
}

/// Computes everything for the posts that the filter and `rows` (all when absent) take, in the days and hours of `zone`.
pub fn analyse(index: &Index, filter: &Filter, rows: Option<&RowSet>, zone: &Zone) -> Analysis {
    let selector = Selector::new(index, filter, rows);
    let posts = &index.posts;
    let mut clock = index.clock(zone);
    let mut counts = Counts {
        topics: vec![[0; 3]; index.topics.len()],
        users: vec![User::default(); index.users.len()],
        ..Counts::default()
    };
    let mut topic_days = TopicDays::new(index.topics.len());
    // Spikes look back beyond the asked time.
    let places = selector.places();
    let begin = posts.times.get(places.start).copied().unwrap_or(i64::MAX);
    let before = posts.between(begin.saturating_sub(LOOK_BACK), begin).start..places.start;
    for (local, places) in selector.hours(posts, before, &mut clock) {
        let mut day = local.and_then(|local| topic_days.of(local.day));
        for post in posts.at(places).filter(|post| selector.takes(post)) {
            count_topic(&mut day, &post);
        }
    }
    for (local, places) in selector.hours(posts, places, &mut clock) {
        let mut day = local.and_then(|local| topic_days.of(local.day));
        let mut hour = [0; 4];
        for post in posts.at(places).filter(|post| selector.takes(post)) {
            count_topic(&mut day, &post);
            counts.add(&post, &mut hour);
        }
        counts.add_hour(local, hour);
    }
    let over_time = counts.over_time(posts, &selector, zone, &mut clock);
    let range = index.span();
    let (first, last) = range.unwrap_or_default();
    let first_day = clock.local(first).day;
    let spikes = spikes::find(&index.topics, &topic_days, first_day, zone, &selector);
    let reasons = Reasons::of(index, range.is_some(), topic_days.are_too_many, (last - first) / (7 * 86_400_000_000));
    counts.finish(index, over_time, spikes, &reasons)
}

impl Counts {
    /// Adds a post; `hour` counts the posts of its hour by kind.
    fn add(&mut self, post: &Post, hour: &mut [u64; 4]) {
        let labels = post.label.labels();
        let negative = matches!(labels, Some((Sentiment::Negative, _)));
        self.totals.add(post.label);
        let kind = labels.map_or(3, |(sentiment, _)| sentiment.place());
        if let (Some(count), Some(engagement), Some(reach)) =
            (hour.get_mut(kind), self.engagement.get_mut(kind), self.reach.get_mut(kind))
        {
            *count += 1;
            engagement.add(post.engagement());
            reach.add(post.reach());
        }
        if let Some(user) = post.user().and_then(|user| self.users.get_mut(usize::try_from(user).ok()?)) {
            user.posts += 1;
            user.negative += u64::from(negative);
            user.engagement = user.engagement.saturating_add(post.engagement().unwrap_or(0));
        }
        let Some((sentiment, priority)) = labels else { return };
        self.answered += u64::from(negative && post.label.is_answered());
        let place = sentiment.place();
        bump(self.priority_by_sentiment.get_mut(usize::from(priority)), place);
        bump(post.topic().and_then(|topic| self.topics.get_mut(usize::try_from(topic).ok()?)), place);
        if let Some(at) = post.at() {
            self.span = Some(self.span.map_or((at, at), |(first, _)| (first, at)));
        }
        if let Some(key) = post.criticality().filter(|_| negative || priority == HIGH) {
            self.keep_critical(key, post.row);
        }
    }

    /// Adds what was counted of an hour, or of the posts without a time.
    fn add_hour(&mut self, local: Option<Local>, [negative, neutral, positive, unlabelled]: [u64; 4]) {
        let posts = negative + neutral + positive + unlabelled;
        let Some(local) = local else {
            self.undated += posts;
            return;
        };
        let place = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let hours = self.hours.get_mut(place(local.weekday() - 1));
        if let Some(hour) = hours.and_then(|hours| hours.get_mut(place(local.hour))) {
            hour.posts += posts;
            hour.negative += negative;
        }
        if posts > unlabelled {
            let all = self.days.entry(local.day).or_default();
            all.iter_mut().zip([negative, neutral, positive]).for_each(|(all, count)| *all += count);
        }
    }

    /// Keeps the most critical ones, the worst first; of equal ones, those that come first.
    fn keep_critical(&mut self, key: i64, row: u32) {
        let worse = (Reverse(key), row);
        if self.critical.len() == CRITICAL && self.critical.last().is_some_and(|last| *last < worse) {
            return;
        }
        let place = self.critical.partition_point(|other| *other < worse);
        self.critical.insert(place, worse);
        self.critical.truncate(CRITICAL);
    }

    fn over_time(&self, posts: &Posts, selector: &Selector<'_>, zone: &Zone, clock: &mut Clock) -> SentimentOverTime {
        let Some((first, last)) = self.span else { return SentimentOverTime::default() };
        let granularity = Granularity::of(last - first);
        if granularity != Granularity::Hour {
            return SentimentOverTime::by_days(granularity, zone, &self.days);
        }
        let mut hours = BTreeMap::<i64, [u64; 3]>::new();
        for (local, places) in selector.hours(posts, posts.between(first, last.saturating_add(1)), clock) {
            for post in posts.at(places).filter(|post| selector.takes(post)) {
                if let (Some(local), Some((sentiment, _))) = (local, post.label.labels()) {
                    bump(Some(hours.entry(local.hour_start).or_default()), sentiment.place());
                }
            }
        }
        SentimentOverTime::by_hours(clock, hours)
    }

    fn finish(
        self,
        index: &Index,
        sentiment_over_time: SentimentOverTime,
        spikes: Vec<Spike>,
        reasons: &Reasons,
    ) -> Analysis {
        let Totals { posts, labelled, failed, skipped, negative, neutral, positive } = self.totals;
        let of_sentiment = |place: usize, sums: &[Sum]| sums.get(place).copied().unwrap_or_default();
        let (engagement, reach) = (total(&self.engagement), total(&self.reach));
        let high = self.priority_by_sentiment.last().map_or(0, |posts| posts.iter().sum());
        let has = |name: &str| !reasons.0.iter().any(|(known, _)| *known == name);
        let when = |name: &str, value: u64| has(name).then_some(value);
        let labelled_reach = total(self.reach.get(..3).unwrap_or_default()).sum;
        let kpis = Kpis {
            posts,
            labelled,
            failed,
            skipped,
            undated: when("undated", self.undated),
            coverage: self.totals.coverage(),
            negative,
            neutral,
            positive,
            negative_share: self.totals.negative_share(),
            neutral_share: share(neutral, labelled),
            positive_share: share(positive, labelled),
            net_sentiment: self.totals.net_sentiment(),
            high_priority: high,
            high_priority_share: share(high, labelled),
            users: when("users", count(self.users.iter().filter(|user| user.posts > 0).count())),
            engagement: when("engagement", engagement.sum),
            engagement_per_post: share(engagement.sum, engagement.posts),
            reach: when("reach", reach.sum),
            reach_weighted_negative_share: share(of_sentiment(0, &self.reach).sum, labelled_reach),
            answered_complaints: when("answered_complaints", self.answered),
            unanswered_complaints: when("unanswered_complaints", negative - self.answered),
            response_rate: share(self.answered, negative).filter(|_| has("response_rate")),
        };
        let mut topics: Vec<_> =
            index.topics.iter().zip(&self.topics).map(|(topic, posts)| of_topic(topic, *posts)).collect();
        topics.retain(|topic| topic.posts > 0);
        topics.sort_by(|one, other| other.posts.cmp(&one.posts).then_with(|| one.topic.cmp(&other.topic)));
        let engagement_by_sentiment = Sentiment::ALL.map(|sentiment| {
            let (engagement, reach) =
                (of_sentiment(sentiment.place(), &self.engagement), of_sentiment(sentiment.place(), &self.reach));
            EngagementOfSentiment {
                sentiment,
                posts: engagement.posts,
                engagement: engagement.sum,
                reach: when("reach", reach.sum),
            }
        });
        let series = Series {
            sentiment: Sentiment::ALL
                .into_iter()
                .zip([negative, neutral, positive])
                .map(|(sentiment, posts)| PostsOfSentiment { sentiment, posts })
                .collect(),
            sentiment_over_time,
            priority: (0..PRIORITIES)
                .zip(&self.priority_by_sentiment)
                .map(|(priority, posts)| PostsOfPriority { priority, posts: posts.iter().sum() })
                .collect(),
            topic_by_sentiment: topics
                .iter()
                .flat_map(|topic| {
                    let posts = Sentiment::ALL.into_iter().zip([topic.negative, topic.neutral, topic.positive]);
                    posts.map(|(sentiment, posts)| PostsOfTopicAndSentiment {
                        topic: topic.topic.clone(),
                        sentiment,
                        posts,
                    })
                })
                .collect(),
            topics,
            priority_by_sentiment: (0..PRIORITIES)
                .zip(&self.priority_by_sentiment)
                .flat_map(|(priority, posts)| {
                    let posts = Sentiment::ALL.into_iter().zip(posts);
                    posts.map(move |(sentiment, posts)| PostsOfPriorityAndSentiment {
                        priority,
                        sentiment,
                        posts: *posts,
                    })
                })
                .collect(),
            hour_by_weekday: if has("hour_by_weekday") { self.hours() } else { Vec::new() },
            top_users: self.top_users(index, has("engagement")),
            engagement_by_sentiment: if has("engagement_by_sentiment") {
                engagement_by_sentiment.into()
            } else {
                Vec::new()
            },
        };
        let critical = self.critical.iter().map(|(_, row)| u64::from(*row)).collect();
        let unavailable = reasons.0.iter().map(|(name, reason)| Unavailable { name, reason: reason.clone() });
        Analysis { kpis, series, spikes, critical, unavailable: unavailable.collect() }
    }

    fn hours(&self) -> Vec<PostsOfHour> {
        let week = (1..=7).zip(&self.hours);
        let hours =
            week.flat_map(|(weekday, hours)| (0..24).zip(hours).map(move |(hour, posts)| (weekday, hour, posts)));
        hours
            .map(|(weekday, hour, Hour { posts, negative })| PostsOfHour {
                weekday,
                hour,
                posts: *posts,
                negative: *negative,
            })
            .collect()
    }

    fn top_users(&self, index: &Index, engagement: bool) -> Vec<PostsOfUser> {
        let order = |(one, a): &(&String, &User), (other, b): &(&String, &User)| {
            (b.negative, b.posts).cmp(&(a.negative, a.posts)).then_with(|| one.cmp(other))
        };
        let mut users: Vec<_> = index.users.iter().zip(&self.users).filter(|(_, user)| user.posts > 0).collect();
        if users.len() > USERS {
            users.select_nth_unstable_by(USERS, order);
            users.truncate(USERS);
        }
        users.sort_unstable_by(order);
        users
            .into_iter()
            .map(|(name, user)| PostsOfUser {
                screen_name: name.clone(),
                posts: user.posts,
                negative: user.negative,
                engagement: engagement.then_some(user.engagement),
            })
            .collect()
    }
}

fn count_topic(day: &mut Option<&mut [u32]>, post: &Post) {
    let topic = post.topic().and_then(|topic| usize::try_from(topic).ok());
    let count = day.as_mut().zip(topic).and_then(|(day, topic)| day.get_mut(topic));
    if let Some(count) = count {
        *count = count.saturating_add(1);
    }
}

fn bump(counts: Option<&mut [u64; 3]>, place: usize) {
    if let Some(count) = counts.and_then(|counts| counts.get_mut(place)) {
        *count += 1;
    }
}

fn of_topic(topic: &str, [negative, neutral, positive]: [u64; 3]) -> PostsOfTopic {
    PostsOfTopic { topic: topic.to_owned(), posts: negative + neutral + positive, negative, neutral, positive }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What can't be computed from a dataset, and why.
struct Reasons(Vec<(&'static str, String)>);

impl Reasons {
    fn of(index: &Index, dated: bool, too_many_days: bool, weeks: i64) -> Self {
        let Columns { text: _, time, user, id, reply, engagement, reach } = &index.columns;
        let mut all = Self(Vec::new());
        let missing = |name: &str| format!("the dataset has no column `{name}`");
        let over_time = ["sentiment_over_time", "hour_by_weekday", "undated", "spikes"];
        match time {
            None => all.add(&over_time, "the dataset has no column of times, such as `created_at`".to_owned()),
            Some(name) if !dated => all.add(&over_time, format!("no value of the column `{name}` is a time")),
            Some(_) if too_many_days => {
                all.add(&["spikes"], "the posts lie on too many days to compare each topic's".to_owned());
            }
            Some(_) if weeks < LEAST_WEEKS => {
                let reason = format!("the posts span less than the {LEAST_WEEKS} weeks that are needed before a day");
                all.add(&["spikes"], reason);
            }
            Some(_) => {}
        }
        if user.is_none() {
            all.add(&["users", "top_users"], missing("screen_name"));
        }
        if engagement.is_empty() {
            let reason = "the dataset has none of the columns `favorite_count`, `retweet_count`, `quote_count` and `reply_count`";
            all.add(&["engagement", "engagement_per_post", "engagement_by_sentiment"], reason.to_owned());
        }
        if reach.is_none() {
            all.add(&["reach", "reach_weighted_negative_share"], missing("views_count"));
        }
        let answers = ["answered_complaints", "unanswered_complaints", "response_rate"];
        let needed = [(id, "id"), (reply, "in_reply_to"), (user, "screen_name")];
        match needed.iter().find(|(column, _)| column.is_none()) {
            Some((_, name)) => all.add(&answers, missing(name)),
            None if !index.answers => {
                all.add(&answers, "no post of the dataset answers a post of another author in it".to_owned());
            }
            None => {}
        }
        all
    }

    fn add(&mut self, names: &[&'static str], reason: String) {
        self.0.extend(names.iter().map(|name| (*name, reason.clone())));
    }
}
