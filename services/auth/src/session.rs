use chrono::{DateTime, TimeDelta, Utc};
use dallosh_primitives::Uid;

/// How long a session lives without a refresh.
pub const IDLE: TimeDelta = TimeDelta::days(7);
/// How long it lives at most.
const ABSOLUTE: TimeDelta = TimeDelta::days(30);
/// How long a replaced refresh token still gets its successor: the time of a lost answer or of a second tab.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// The hash under which a refresh token is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash(pub String);

/// What one sign-in began: a family of refresh tokens of which one is current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub user: Uid,
    /// The user's generation then; another one ends the session.
    pub generation: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its token was replaced last.
    pub refreshed_at: DateTime<Utc>,
    /// The token that may be used.
    pub current: TokenHash,
    /// The one before.
    pub previous: Option<TokenHash>,
    /// What it was begun with, as the client calls itself.
    pub user_agent: Option<String>,
    /// From which address it was begun.
    pub address: Option<String>,
    /// When it was ended, by sign-out or because a token was used again.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What a presented token of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The current one: it is replaced.
    Current,
    /// The one before, a moment ago: it gets the same successor again.
    JustReplaced,
    /// Any other: somebody has a copy, so nobody may go on.
    Reused,
    /// The session is over, whatever the token.
    Ended,
}

impl Session {
    /// Begins a session with its first token.
    pub fn start(user: Uid, generation: i64, token: TokenHash, now: DateTime<Utc>) -> Self {
        Self {
            user,
            generation,
            started_at: now,
            refreshed_at: now,
            current: token,
            previous: None,
            user_agent: None,
            address: None,
            ended_at: None,
        }
    }

    /// When it ends if nothing happens.
    pub fn expires_at(&self) -> DateTime<Utc> {
        let unused = (self.refreshed_at + IDLE).min(self.started_at + ABSOLUTE);
        self.ended_at.map_or(unused, |ended| ended.min(unused))
    }

    /// Whether it goes on.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at()
    }

    /// Judges a token that names this session.
    pub fn judge(&self, token: &TokenHash, now: DateTime<Utc>) -> Presented {
        if !self.is_live(now) {
            Presented::Ended
        } else if *token == self.current {
            Presented::Current
        } else if self.previous.as_ref() == Some(token) && now <= self.refreshed_at + GRACE {
            Presented::JustReplaced
        } else {
            Presented::Reused
        }
    }

    /// Replaces the current token.
    pub fn rotate(&mut self, successor: TokenHash, now: DateTime<Utc>) {
        self.previous = Some(std::mem::replace(&mut self.current, successor));
        self.refreshed_at = now;
    }

    /// Ends it; what is over stays as it was.
    pub fn end(&mut self, now: DateTime<Utc>) {
        self.ended_at.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> TokenHash {
        TokenHash(text.to_owned())
    }

    #[test]
    fn only_the_current_token_and_for_ten_seconds_the_one_before_go_on() {
        let began = Utc::now();
        let mut session = Session::start(Uid::new(), 1, hash("a"), began);
        assert_eq!(session.judge(&hash("a"), began), Presented::Current);
        session.rotate(hash("b"), began);
        assert_eq!(session.judge(&hash("b"), began), Presented::Current);
        assert_eq!(session.judge(&hash("a"), began + TimeDelta::seconds(10)), Presented::JustReplaced);
        assert_eq!(session.judge(&hash("a"), began + TimeDelta::seconds(11)), Presented::Reused);
        session.rotate(hash("c"), began);
        assert_eq!(session.judge(&hash("a"), began), Presented::Reused);
    }

    #[test]
    fn a_session_ends_after_seven_idle_days_and_after_thirty_in_any_case() {
        let began = Utc::now();
        let mut session = Session::start(Uid::new(), 1, hash("0"), began);
        assert!(!session.is_live(began + TimeDelta::days(7)));
        let mut now = began;
        for day in 1..=29 {
            now = began + TimeDelta::days(day);
            assert!(session.is_live(now), "day {day}");
            session.rotate(hash(&day.to_string()), now);
        }
        assert!(!session.is_live(now + TimeDelta::days(1)));
    }

    #[test]
    fn an_ended_session_takes_no_token() {
        let began = Utc::now();
        let mut session = Session::start(Uid::new(), 1, hash("a"), began);
        session.end(began);
        session.end(began + TimeDelta::days(1));
        assert_eq!(session.ended_at, Some(began));
        assert_eq!(session.judge(&hash("a"), began), Presented::Ended);
    }
}
