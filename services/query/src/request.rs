//! What a client asks for, checked.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use dallosh_analysis::{Filter, Outcome, PostOrder, Sentiment, Zone};
use dallosh_service_kit::{ErrorCode, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::state::State;

/// The longest text of a filter, in characters.
const LONGEST: usize = 200;

/// Which posts are counted. An empty value is as good as none.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct AnalysisParams {
    /// From then on: a time with an offset, or a day or local time in `tz`.
    #[param(example = "2024-10-14")]
    pub from: Option<String>,
    /// Before then: a time with an offset, or a day (its beginning) or local time in `tz`.
    #[param(example = "2024-10-21T00:00:00Z")]
    pub to: Option<String>,
    /// `negative`, `neutral` or `positive`.
    pub sentiment: Option<String>,
    /// 0, 1 or 2, which is high.
    pub priority: Option<String>,
    /// Exactly this topic.
    pub topic: Option<String>,
    /// Posts that contain this text, without regard to case.
    pub q: Option<String>,
    /// Posts of the author with exactly this handle.
    pub user: Option<String>,
    /// Posts written on this day of the week in `tz`: 1 is Monday, 7 is Sunday.
    #[param(example = "1")]
    pub weekday: Option<String>,
    /// Posts written in this hour of the day in `tz`: 0 to 23.
    #[param(example = "20")]
    pub hour: Option<String>,
    /// What became of the post: `labelled`, `failed` or `skipped`.
    pub outcome: Option<String>,
    /// `true`: posts that another author of the dataset answered; `false`: the others.
    pub answered: Option<String>,
    /// The zone of days and hours, by its IANA name; the settings' own when absent.
    #[param(example = "Europe/Paris")]
    pub tz: Option<String>,
}

/// The filters of an answer, as they were understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnalysisFilters {
    /// From then on.
    pub from: Option<DateTime<Utc>>,
    /// Before then.
    pub to: Option<DateTime<Utc>>,
    /// The sentiment.
    pub sentiment: Option<Sentiment>,
    /// The priority.
    pub priority: Option<u8>,
    /// The topic.
    pub topic: Option<String>,
    /// The searched text.
    pub q: Option<String>,
    /// The author.
    pub user: Option<String>,
    /// The day of the week; 1 is Monday.
    pub weekday: Option<u8>,
    /// The hour of the day.
    pub hour: Option<u8>,
    /// What became of the post.
    pub outcome: Option<Outcome>,
    /// Whether another author answered.
    pub answered: Option<bool>,
    /// The zone of days and hours.
    #[schema(example = "Europe/Paris")]
    pub tz: String,
}

/// A checked request.
pub struct Question {
    pub filter: Filter,
    pub q: Option<String>,
    pub zone: Zone,
}

impl Question {
    /// Checks what was asked; without a zone it is in that of the settings.
    ///
    /// # Errors
    /// `validation`, naming every wrong filter.
    pub async fn of(state: &State, params: AnalysisParams) -> Result<Self, Problem> {
        let AnalysisParams { from, to, sentiment, priority, topic, q, user, weekday, hour, outcome, answered, tz } =
            params;
        let mut checks = Checks(Problem::new(ErrorCode::Validation, "a filter is not allowed"));
        let zone = match filled(tz) {
            Some(name) => {
                checks.parse("/tz", "a time zone of the IANA database, such as Europe/Paris", &name, |name| {
                    Zone::named(name)
                })
            }
            None => Some(zone_of_settings(state).await),
        };
        let moment = |text: &str| {
            let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_micros()).ok();
            zoned.or_else(|| zone.as_ref().unwrap_or(&Zone::utc()).moment(text))
        };
        let time = "a time such as 2024-10-14T08:00:00Z, or a day such as 2024-10-14";
        let mut optional = |pointer: &str, allowed: &str, text: Option<String>| {
            filled(text).and_then(|text| checks.parse(pointer, allowed, &text, moment))
        };
        let (from, to) = (optional("/from", time, from), optional("/to", time, to));
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            checks.refuse("/to", "later than `from`");
        }
        let sentiment = filled(sentiment).and_then(|word| {
            checks.parse("/sentiment", "`negative`, `neutral` or `positive`", &word, Sentiment::of_word)
        });
        let mut number = |pointer: &str, text: Option<String>, range: RangeInclusive<u8>| {
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            filled(text).and_then(|text| checks.parse(pointer, &allowed, &text, |text| number_in(text, &range)))
        };
        let priority = number("/priority", priority, 0..=2);
        let weekday = number("/weekday", weekday, 1..=7);
        let hour = number("/hour", hour, 0..=23);
        let outcome = filled(outcome)
            .and_then(|word| checks.parse("/outcome", "`labelled`, `failed` or `skipped`", &word, Outcome::of_word));
        let answered = filled(answered)
            .and_then(|word| checks.parse("/answered", "`true` or `false`", &word, |word| word.parse().ok()));
        let mut text = |pointer: &str, text: Option<String>| {
            filled(text).and_then(|text| {
                let allowed = format!("at most {LONGEST} characters, none of them a control character");
                checks.parse(pointer, &allowed, &text, |text| {
                    let fits = text.chars().count() <= LONGEST && !text.contains(char::is_control);
                    fits.then(|| text.to_owned())
                })
            })
        };
        let (topic, q, user) = (text("/topic", topic), text("/q", q), text("/user", user));
        checks.finish()?;
        let filter = Filter { from, to, sentiment, priority, topic, user, weekday, hour, outcome, answered };
        Ok(Self { filter, q, zone: zone.unwrap_or_else(Zone::utc) })
    }

    /// What was understood.
    pub fn filters(&self) -> AnalysisFilters {
        let Filter { from, to, sentiment, priority, topic, user, weekday, hour, outcome, answered } =
            self.filter.clone();
        let time = |at: Option<i64>| at.and_then(DateTime::from_timestamp_micros);
        let (from, to) = (time(from), time(to));
        AnalysisFilters {
            from,
            to,
            sentiment,
            priority,
            topic,
            q: self.q.clone(),
            user,
            weekday,
            hour,
            outcome,
            answered,
            tz: self.zone.name().to_owned(),
        }
    }
}

/// The orders of posts.
pub const ORDERS: [(&str, PostOrder); 6] = [
    ("-created_at", PostOrder::Newest),
    ("created_at", PostOrder::Oldest),
    ("-engagement", PostOrder::Engagement),
    ("-reach", PostOrder::Reach),
    ("-critical", PostOrder::Critical),
    ("row", PostOrder::Row),
];

/// The order of this name; newest first when none is asked.
///
/// # Errors
/// `validation`, naming all of them.
pub fn order_of(sort: Option<String>) -> Result<PostOrder, Problem> {
    let sort = filled(sort).unwrap_or_else(|| "-created_at".to_owned());
    let found = ORDERS.iter().find(|(name, _)| *name == sort).map(|(_, order)| *order);
    found.ok_or_else(|| {
        let names: Vec<_> = ORDERS.iter().map(|(name, _)| format!("`{name}`")).collect();
        Problem::field("/sort", format!("one of {}", names.join(", ")))
    })
}

/// Gathers what is wrong.
struct Checks(Problem);

impl Checks {
    fn refuse(&mut self, pointer: &str, allowed: &str) {
        self.0.errors.extend(Problem::field(pointer, allowed).errors);
    }

    fn parse<T>(&mut self, pointer: &str, allowed: &str, text: &str, turn: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = turn(text);
        if value.is_none() {
            self.refuse(pointer, allowed);
        }
        value
    }

    fn finish(self) -> Result<(), Problem> {
        if self.0.errors.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// The number, written in digits alone.
fn number_in(text: &str, range: &RangeInclusive<u8>) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| range.contains(number))
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// The zone of the settings; UTC where nobody knows them: the answer says which one it was.
async fn zone_of_settings(state: &State) -> Zone {
    let settings = state.settings.current().await;
    settings.and_then(|settings| Zone::named(&settings.time_zone)).unwrap_or_else(Zone::utc)
}
