//! From words to a verdict: negation, strength, contrast and what is urgent.

use super::lexicon::{Effect, LEXICON, Mark, Match, TOPIC_COUNT, Topic};
use super::words::{CLAUSE_END, Words};
use crate::{Priority, Sentiment};

/// How far a negation reaches, in tokens that carry meaning.
const NEGATION_REACH: usize = 3;
/// Mood, in tenths, from which a text is positive, and below whose opposite it is negative.
const MOOD_LIMIT: i32 = 10;

/// Mood, in tenths, that makes a failure urgent.
const FURY: i32 = 50;

/// What the rules make of a text.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    pub sentiment: Sentiment,
    pub priority: Priority,
    pub topics: Topics,
}

/// Points of every topic.
#[derive(Debug, Clone, Copy, Default)]
pub struct Topics([u32; TOPIC_COUNT]);

impl Topics {
    /// Returns the points of `topic`.
    pub fn of(&self, topic: Topic) -> u32 {
        self.0.get(topic as usize).copied().unwrap_or(0)
    }

    fn add(&mut self, topic: Topic, points: u32) {
        if let Some(sum) = self.0.get_mut(topic as usize) {
            *sum += points;
        }
    }

    fn leader(&self) -> Option<Topic> {
        // The last of equal ones wins `max_by_key`, the first of them is the particular one.
        Topic::ALL.into_iter().rev().filter(|topic| self.of(*topic) > 0).max_by_key(|topic| self.of(*topic))
    }
}

/// The marks of one token or of a whole text.
#[derive(Debug, Clone, Copy, Default)]
struct Marks(u32);

impl Marks {
    fn set(&mut self, mark: Mark) {
        self.0 |= 1 << (mark as u8);
    }

    fn has(self, mark: Mark) -> bool {
        self.0 & (1 << (mark as u8)) != 0
    }
}

/// What one token begins.
#[derive(Debug, Clone, Copy, Default)]
struct Beginning {
    marks: Marks,
    mood: Option<Match>,
    topic: Option<Match>,
}

/// Judges a text by its tokens and its signs.
pub fn judge(words: &Words, tokens: &[&str]) -> Verdict {
    let beginnings: Vec<Beginning> =
        (0..tokens.len()).map(|at| Beginning::of(tokens.get(at..).unwrap_or_default())).collect();
    let text = Reading { words, tokens, beginnings: &beginnings };
    let failure = text.failure();
    let topics = text.topics(failure);
    let marks = text.marks();
    let mood = text.mood(failure);
    let agent = marks.has(Mark::Agent);
    let sentiment = match mood {
        _ if agent => Sentiment::Neutral,
        mood if mood >= MOOD_LIMIT => Sentiment::Positive,
        mood if mood <= -MOOD_LIMIT => Sentiment::Negative,
        _ => Sentiment::Neutral,
    };
    let negative = sentiment == Sentiment::Negative;
    let resolved = marks.has(Mark::Resolved) && !failure && !negative && !words.asks;
    let outage = (marks.has(Mark::Outage) && text.outage_is_told()) || text.lacks_service();
    let pressing = marks.has(Mark::Urgent) || marks.has(Mark::Legal) || text.lasts_long() || marks.has(Mark::Leave);
    let announces = topics.leader() == Some(Topic::Promotion) && !negative;
    let high = outage && !resolved && sentiment != Sentiment::Positive && !announces
        || negative && pressing
        || failure && mood <= -FURY;
    let normal = negative || words.asks || marks.has(Mark::Asks) && sentiment != Sentiment::Positive;
    let priority = match (high, normal) {
        (true, _) => Priority::High,
        (false, true) if !agent && !announces => Priority::Normal,
        _ => Priority::Low,
    };
    Verdict { sentiment, priority, topics }
}

impl Beginning {
    fn of(tokens: &[&str]) -> Self {
        let mut beginning = Self::default();
        if tokens.first() == Some(&CLAUSE_END) {
            return beginning;
        }
        LEXICON.matches_at(tokens, |found| match found.effect {
            Effect::Mark(mark) => beginning.marks.set(mark),
            Effect::Topic(..) => keep_longer(&mut beginning.topic, found),
            Effect::Mood(_) | Effect::Verb(_) | Effect::Praise(_) => keep_longer(&mut beginning.mood, found),
        });
        beginning
    }
}

fn keep_longer(best: &mut Option<Match>, found: Match) {
    if best.is_none_or(|best| (found.tokens, found.letters) > (best.tokens, best.letters)) {
        *best = Some(found);
    }
}

#[derive(Clone, Copy)]
struct Reading<'a> {
    words: &'a Words,
    tokens: &'a [&'a str],
    beginnings: &'a [Beginning],
}

impl Reading<'_> {
    fn has(self, at: usize, mark: Mark) -> bool {
        self.beginnings.get(at).is_some_and(|beginning| beginning.marks.has(mark))
    }

    fn is_end(self, at: usize) -> bool {
        self.tokens.get(at).is_none_or(|token| *token == CLAUSE_END)
    }

    /// The tokens before `at` in its clause, nearest first.
    fn before(self, at: usize) -> impl Iterator<Item = usize> {
        (0..at).rev().take_while(move |earlier| !self.is_end(*earlier))
    }

    /// The tokens after `at` in its clause.
    fn after(self, at: usize) -> impl Iterator<Item = usize> {
        (at + 1..self.tokens.len()).take_while(move |later| !self.is_end(*later))
    }

    fn marks(self) -> Marks {
        Marks(self.beginnings.iter().fold(0, |all, beginning| all | beginning.marks.0))
    }

    fn topics(self, failure: bool) -> Topics {
        let mut topics = Topics::default();
        let mut free_from = 0;
        for (at, beginning) in self.beginnings.iter().enumerate().filter(|(_, beginning)| beginning.topic.is_some()) {
            if let Some(Match { tokens, effect: Effect::Topic(topic, points), .. }) = beginning.topic
                && at >= free_from
            {
                topics.add(topic, points);
                free_from = at + tokens;
            }
        }
        if failure {
            topics.add(Topic::Panne, 2);
        }
        topics
    }

    /// Says whether the token at `at` denies what is around it.
    fn denies(self, at: usize) -> bool {
        self.has(at, Mark::Not) || self.has(at, Mark::Plus) && self.before(at).take(3).any(|n| self.has(n, Mark::Ne))
    }

    /// Says whether something that should work is said not to.
    fn failure(self) -> bool {
        let no = |at: usize| self.has(at, Mark::Not) || self.has(at, Mark::Plus);
        (0..self.tokens.len())
            .filter(|at| self.has(*at, Mark::Works))
            .any(|at| self.after(at).take(2).any(no) || self.before(at).take(NEGATION_REACH).any(|n| self.denies(n)))
    }

    /// Says whether a service is said to be missing, as in `plus d'internet`.
    fn lacks_service(self) -> bool {
        (0..self.tokens.len()).filter(|at| self.has(*at, Mark::Service)).any(|at| {
            // `pas un problème de réseau` lacks nothing: another word of weight stands between.
            let lacks = |n: usize| self.has(n, Mark::Lacks);
            let between = |n: usize| !lacks(n) && self.beginnings.get(n).is_some_and(|found| found.mood.is_some());
            let missing = self.before(at).take(2).take_while(|n| !between(*n)).any(lacks);
            missing
                || self.after(at).take(4).any(|verb| {
                    self.has(verb, Mark::Works)
                        && (self.after(verb).take(1).any(|n| self.has(n, Mark::Not) || self.has(n, Mark::Plus))
                            || self.before(verb).take(1).any(|n| self.denies(n)))
                })
        })
    }

    /// Says whether some word for an outage is not denied, as it is in `aucune coupure`.
    fn outage_is_told(self) -> bool {
        (0..self.tokens.len())
            .filter(|at| self.has(*at, Mark::Outage))
            .any(|at| !self.before(at).take(2).any(|n| self.denies(n)))
    }

    /// Says whether the text speaks of days or more, as in `depuis 3 semaines` or `un mois que ça dure`.
    fn lasts_long(self) -> bool {
        (0..self.tokens.len()).any(|at| {
            let span = self.has(at, Mark::Since) && !self.is_standing(at) && self.spans_days(at);
            let unit = self.tokens.get(at).is_some_and(|token| is_long(token, None));
            span || unit && self.after(at).take(1).any(|next| self.has(next, Mark::ThatLong))
        })
    }

    /// Says whether a length is that of being a customer, which is no complaint.
    fn is_standing(self, at: usize) -> bool {
        self.before(at).take(3).any(|n| self.has(n, Mark::Standing)) || self.has(at, Mark::Standing)
    }

    fn spans_days(self, at: usize) -> bool {
        let mut amount = None;
        for token in self.after(at).take(4).filter_map(|later| self.tokens.get(later)) {
            let digits = token.find(|c: char| !c.is_ascii_digit()).unwrap_or(token.len());
            let (number, unit) = token.split_at_checked(digits).unwrap_or(("", token));
            amount = number.parse::<u32>().ok().or(amount);
            if is_long(unit, amount) {
                return true;
            }
        }
        false
    }

    fn mood(self, failure: bool) -> i32 {
        let turn = (0..self.tokens.len()).rfind(|at| self.has(*at, Mark::But)).unwrap_or(0);
        let (mut good, mut praise, mut bad) = (0, 0, 0);
        let mut free_from = 0;
        for (at, found) in self.beginnings.iter().enumerate().filter_map(|(at, b)| b.mood.map(|mood| (at, mood))) {
            if at < free_from {
                continue;
            }
            free_from = at + found.tokens;
            let value = self.value(at, found) * if at < turn { 2 } else { 3 } / 3;
            match found.effect {
                _ if value < 0 => bad += value,
                Effect::Praise(_) => praise += value,
                _ => good += value,
            }
        }
        bad -= match (failure, self.lacks_service()) {
            (true, true) => 30,
            (false, false) => 0,
            _ => 20,
        };
        let signs = self.words.signs.clamp(-40, 40);
        if signs < 0 {
            bad += signs;
        } else {
            praise += signs;
        }
        let resolved = self.marks().has(Mark::Resolved) && !failure && !self.words.asks;
        if resolved && bad > -25 {
            bad /= 3;
        } else if bad <= -15 {
            // Thanks and cheers beside bad news are manners or irony.
            praise /= 4;
        }
        let mood = good + praise + bad;
        let loud = self.words.exclamations > 1 || self.words.shouts || self.words.stretched;
        if loud { mood * 5 / 4 } else { mood }
    }

    fn value(self, at: usize, found: Match) -> i32 {
        let (Effect::Mood(value) | Effect::Verb(value) | Effect::Praise(value)) = found.effect else { return 0 };
        let last = at + found.tokens - 1;
        let begins_with_not = self.has(at, Mark::Not);
        let denied_before = !begins_with_not && self.before(at).take(NEGATION_REACH).any(|n| self.denies(n));
        let denied_after = matches!(found.effect, Effect::Verb(_))
            && self.after(last).take(1).any(|n| self.has(n, Mark::Not) || self.has(n, Mark::Plus));
        let strength = self.before(at).next().map_or(10, |n| match () {
            () if self.has(n, Mark::Very) => 15,
            () if self.has(n, Mark::Little) => 6,
            () => 10,
        });
        let value = value * strength / 10;
        match (denied_before || denied_after, value > 0) {
            (false, _) => value,
            (true, true) => -value,
            // `pas un problème` is no joy either.
            (true, false) => -value / 4,
        }
    }
}

/// Says whether a wait of so many units is long: from the second day on. Years tell how old a contract is.
fn is_long(unit: &str, amount: Option<u32>) -> bool {
    match unit {
        "h" | "heure" | "heures" | "hour" | "hours" | "hrs" => amount.is_some_and(|amount| amount >= 24),
        "j" | "jour" | "jours" | "day" | "days" => amount.map_or(unit.ends_with('s'), |amount| amount >= 2),
        "mois" | "semaine" | "semaines" | "week" | "weeks" | "month" | "months" => true,
        _ => false,
    }
}
