//! The definitions of docs/kpis.md, computed the slow way: row by row from the analysed CSV, days and hours by the
//! calendar. It shares nothing with the code under test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

/// What is asked; times are microseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub sentiment: Option<String>,
    pub priority: Option<String>,
    pub topic: Option<String>,
    pub q: Option<String>,
    pub user: Option<String>,
    pub weekday: Option<i8>,
    pub hour: Option<i8>,
    pub outcome: Option<String>,
    pub answered: Option<bool>,
    pub tz: String,
    /// The column that is searched.
    pub text: String,
}

pub type Row = BTreeMap<String, String>;

/// The rows of a CSV.
pub fn rows(content: &[u8]) -> Vec<Row> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    reader.deserialize().map(Result::unwrap).collect()
}

pub fn at(row: &Row) -> Option<i64> {
    let cell = row.get("created_at")?;
    let time = chrono::DateTime::parse_from_str(cell, "%Y-%m-%d %H:%M:%S %:z").ok()?;
    Some(time.timestamp_micros())
}

fn cell<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).map_or("", String::as_str)
}

fn number(row: &Row, name: &str) -> Option<u64> {
    cell(row, name).parse().ok()
}

fn is_labelled(row: &Row) -> bool {
    cell(row, "enrichment_status") == "ok"
}

fn is(row: &Row, sentiment: &str) -> bool {
    is_labelled(row) && cell(row, "sentiment") == sentiment
}

/// Likes, reposts, quotes and replies, of those that are numbers.
pub fn engagement(row: &Row) -> Option<u64> {
    let counts = ["favorite_count", "retweet_count", "quote_count", "reply_count"];
    let known: Vec<_> = counts.iter().filter_map(|name| number(row, name)).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

/// The rows that are looked at.
pub fn wanted<'a>(rows: &'a [Row], ask: &Ask) -> Vec<&'a Row> {
    let answered_ids = answered(rows);
    let zone = TimeZone::get(&ask.tz).ok();
    let clock = |row: &Row| {
        let zoned = zoned(at(row)?, zone.as_ref().unwrap());
        Some((zoned.weekday().to_monday_one_offset(), zoned.hour()))
    };
    let status = ask.outcome.as_deref().map(|word| if word == "labelled" { "ok" } else { word });
    let fits = |row: &&Row| {
        let same = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| cell(row, name) == wanted);
        let time = at(row);
        ask.from.is_none_or(|from| time.is_some_and(|time| time >= from))
            && ask.to.is_none_or(|to| time.is_some_and(|time| time < to))
            && same(&ask.sentiment, "sentiment")
            && same(&ask.priority, "priority")
            && same(&ask.topic, "main_topic")
            && same(&ask.user, "screen_name")
            && ask.weekday.is_none_or(|weekday| clock(row).is_some_and(|(day, _)| day == weekday))
            && ask.hour.is_none_or(|hour| clock(row).is_some_and(|(_, shown)| shown == hour))
            && status.is_none_or(|status| cell(row, "enrichment_status") == status)
            && ask.answered.is_none_or(|wanted| answered_ids.contains(cell(row, "id")) == wanted)
            && ask.q.as_ref().is_none_or(|q| cell(row, &ask.text).to_lowercase().contains(&q.to_lowercase()))
    };
    rows.iter().filter(fits).collect()
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn zoned(at: i64, zone: &TimeZone) -> Zoned {
    Timestamp::from_microsecond(at).unwrap().to_zoned(zone.clone())
}

fn start_of(date: Date, zone: &TimeZone) -> i64 {
    date.to_zoned(zone.clone()).unwrap().timestamp().as_microsecond()
}

/// The first minute of the hour that the clock shows, going back minute by minute.
fn start_of_hour(at: i64, zone: &TimeZone) -> i64 {
    let minute = 60_000_000;
    let shows = |at: i64| {
        let zoned = zoned(at, zone);
        (zoned.date(), zoned.hour(), zoned.offset())
    };
    let mut start = at.div_euclid(minute) * minute;
    while shows(start - minute) == shows(at) {
        start -= minute;
    }
    start
}

fn rfc3339(at: i64) -> Value {
    serde_json::to_value(chrono::DateTime::from_timestamp_micros(at).unwrap()).unwrap()
}

fn over_time(labelled: &[&Row], zone: &TimeZone) -> Value {
    let times: Vec<_> = labelled.iter().filter_map(|row| Some((at(row)?, cell(row, "sentiment")))).collect();
    let (Some(first), Some(last)) = (times.iter().map(|(at, _)| *at).min(), times.iter().map(|(at, _)| *at).max())
    else {
        return json!({ "granularity": null, "points": [] });
    };
    let days = (last - first) / 86_400_000_000;
    let granularity = match days {
        ..3 => "hour",
        3..92 => "day",
        92..1096 => "week",
        1096..18263 => "month",
        _ => "year",
    };
    let first_date = |date: Date| match granularity {
        "day" => date,
        "week" => date - i64::from(date.weekday().to_monday_zero_offset()).days(),
        "month" => date.first_of_month(),
        _ => date.first_of_year(),
    };
    let bucket = |at: i64| match granularity {
        "hour" => start_of_hour(at, zone),
        _ => start_of(first_date(zoned(at, zone).date()), zone),
    };
    let mut points: BTreeMap<i64, BTreeMap<&str, u64>> = BTreeMap::new();
    // Empty steps are shown too.
    if granularity == "hour" {
        let mut at = first;
        while at < last {
            points.entry(bucket(at)).or_default();
            at += 15 * 60_000_000;
        }
    } else {
        let (mut date, end) = (zoned(first, zone).date(), zoned(last, zone).date());
        while date <= end {
            points.entry(start_of(first_date(date), zone)).or_default();
            date = date.tomorrow().unwrap();
        }
    }
    for (at, sentiment) in times {
        *points.entry(bucket(at)).or_default().entry(sentiment).or_default() += 1;
    }
    let points: Vec<_> = points
        .into_iter()
        .map(|(from, counts)| {
            let count = |name: &str| counts.get(name).copied().unwrap_or(0);
            json!({ "from": rfc3339(from), "negative": count("negative"), "neutral": count("neutral"), "positive": count("positive") })
        })
        .collect();
    json!({ "granularity": granularity, "points": points })
}

/// Ids of the posts that another author of the dataset answered.
fn answered(all: &[Row]) -> BTreeSet<&str> {
    let authors: BTreeMap<_, _> = all.iter().map(|row| (cell(row, "id"), cell(row, "screen_name"))).collect();
    let answers = all.iter().map(|row| (cell(row, "in_reply_to"), cell(row, "screen_name")));
    let others = answers.filter(|(id, author)| authors.get(id).is_some_and(|asker| asker != author));
    others.map(|(id, _)| id).filter(|id| !["", "null"].contains(id)).collect()
}

/// Kpis and series, without the critical posts and the spikes.
pub fn expected(all: &[Row], ask: &Ask) -> Value {
    let zone = TimeZone::get(&ask.tz).unwrap();
    let posts = wanted(all, ask);
    let labelled: Vec<_> = posts.iter().copied().filter(|row| is_labelled(row)).collect();
    let of = |sentiment: &str| labelled.iter().filter(|row| is(row, sentiment)).count();
    let (negative, neutral, positive) = (of("negative"), of("neutral"), of("positive"));
    let status = |word: &str| posts.iter().filter(|row| cell(row, "enrichment_status") == word).count();
    let high = labelled.iter().filter(|row| cell(row, "priority") == "2").count();
    let has = |name: &str| all.first().is_some_and(|row| row.contains_key(name));
    let dated = all.iter().any(|row| at(row).is_some());
    let has_engagement = ["favorite_count", "retweet_count", "quote_count", "reply_count"].into_iter().any(has);
    let engaged: Vec<_> = posts.iter().filter_map(|row| engagement(row)).collect();
    let views = |rows: &[&Row]| rows.iter().filter_map(|row| number(row, "views_count")).sum::<u64>();
    let negatives: Vec<_> = posts.iter().copied().filter(|row| is(row, "negative")).collect();
    let weighed = usize::try_from(views(&labelled)).unwrap();
    let answered = answered(all);
    let answerable = has("id") && has("in_reply_to") && has("screen_name") && !answered.is_empty();
    let replied = negatives.iter().filter(|row| answered.contains(cell(row, "id"))).count();
    let users: BTreeSet<_> = posts.iter().map(|row| cell(row, "screen_name")).filter(|name| !name.is_empty()).collect();
    let when = |available: bool, value: Value| if available { value } else { Value::Null };
    let kpis = json!({
        "posts": posts.len(),
        "labelled": labelled.len(),
        "failed": status("failed"),
        "skipped": status("skipped"),
        "undated": when(dated, json!(posts.iter().filter(|row| at(row).is_none()).count())),
        "coverage": share(labelled.len(), posts.len()),
        "negative": negative,
        "neutral": neutral,
        "positive": positive,
        "negative_share": share(negative, labelled.len()),
        "neutral_share": share(neutral, labelled.len()),
        "positive_share": share(positive, labelled.len()),
        "net_sentiment": (!labelled.is_empty()).then(|| 100.0 * (positive as f64 - negative as f64) / labelled.len() as f64),
        "high_priority": high,
        "high_priority_share": share(high, labelled.len()),
        "users": when(has("screen_name"), json!(users.len())),
        "engagement": when(has_engagement, json!(engaged.iter().sum::<u64>())),
        "engagement_per_post": share(usize::try_from(engaged.iter().sum::<u64>()).unwrap(), engaged.len()),
        "reach": when(has("views_count"), json!(views(&posts))),
        "reach_weighted_negative_share": share(usize::try_from(views(&negatives)).unwrap(), weighed),
        "answered_complaints": when(answerable, json!(replied)),
        "unanswered_complaints": when(answerable, json!(negative - replied)),
        "response_rate": when(answerable, json!(share(replied, negative))),
    });

    let sentiments = ["negative", "neutral", "positive"];
    let count = |fits: &dyn Fn(&Row) -> bool| labelled.iter().filter(|row| fits(row)).count();
    let names: BTreeSet<_> =
        labelled.iter().map(|row| cell(row, "main_topic")).filter(|topic| !topic.is_empty()).collect();
    let mut topics: Vec<_> =
        names.into_iter().map(|topic| (count(&|row| cell(row, "main_topic") == topic), topic)).collect();
    topics.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let both = |topic: &str, word: &str| count(&|row| cell(row, "main_topic") == topic && is(row, word));
    let mut authors: Vec<_> = users
        .into_iter()
        .map(|user| {
            let own: Vec<_> = posts.iter().filter(|row| cell(row, "screen_name") == user).collect();
            let bad = own.iter().filter(|row| is(row, "negative")).count();
            let sum: u64 = own.iter().filter_map(|row| engagement(row)).sum();
            (bad, own.len(), user, when(has_engagement, json!(sum)))
        })
        .collect();
    authors.sort_by(|one, other| (other.0, other.1).cmp(&(one.0, one.1)).then(one.2.cmp(other.2)));
    let hours = (1..=7).flat_map(|weekday| (0..24).map(move |hour| (weekday, hour)));
    let in_hour = |weekday: i8, hour: i8| {
        let zone = zone.clone();
        move |row: &&&Row| {
            let zoned = at(row).map(|at| zoned(at, &zone));
            zoned.is_some_and(|zoned| (zoned.weekday().to_monday_one_offset(), zoned.hour()) == (weekday, hour))
        }
    };
    let priorities = [0, 1, 2];
    let series = json!({
        "sentiment": sentiments.map(|word| json!({ "sentiment": word, "posts": of(word) })),
        "sentiment_over_time": over_time(&labelled, &zone),
        "priority": priorities.map(|priority| {
            json!({ "priority": priority, "posts": count(&|row| cell(row, "priority") == priority.to_string()) })
        }),
        "topics": topics.iter().map(|(posts, topic)| json!({
            "topic": topic, "posts": posts, "negative": both(topic, "negative"),
            "neutral": both(topic, "neutral"), "positive": both(topic, "positive"),
        })).collect::<Vec<_>>(),
        "topic_by_sentiment": topics.iter().flat_map(|(_, topic)| sentiments.map(|word| {
            json!({ "topic": topic, "sentiment": word, "posts": both(topic, word) })
        })).collect::<Vec<_>>(),
        "priority_by_sentiment": priorities.into_iter().flat_map(|priority| sentiments.map(|word| json!({
            "priority": priority, "sentiment": word,
            "posts": count(&|row| cell(row, "priority") == priority.to_string() && is(row, word)),
        }))).collect::<Vec<_>>(),
        "hour_by_weekday": when(dated, hours.map(|(weekday, hour)| json!({
            "weekday": weekday, "hour": hour,
            "posts": posts.iter().filter(in_hour(weekday, hour)).count(),
            "negative": negatives.iter().filter(in_hour(weekday, hour)).count(),
        })).collect()).as_array().cloned().unwrap_or_default(),
        "top_users": authors.iter().take(20).map(|(bad, posts, user, engagement)| json!({
            "screen_name": user, "posts": posts, "negative": bad, "engagement": engagement,
        })).collect::<Vec<_>>(),
        "engagement_by_sentiment": if has_engagement { sentiments.map(|word| {
            let own: Vec<_> = posts.iter().copied().filter(|row| is(row, word)).collect();
            let known: Vec<_> = own.iter().filter_map(|row| engagement(row)).collect();
            json!({ "sentiment": word, "posts": known.len(), "engagement": known.iter().sum::<u64>(),
                    "reach": when(has("views_count"), json!(views(&own))) })
        }).to_vec() } else { Vec::new() },
    });
    json!({ "kpis": kpis, "series": series })
}
