use std::{fmt, str::FromStr, time::Duration};

use crate::Failpoint;

/// Which points fail, how and when: `page.post_llm=kill@3; lease.renew=err`.
///
/// `NAME=ACTION` or `NAME=ACTION@N`, separated by semicolons. An action is `kill` (the process ends as by `kill -9`),
/// `panic`, `err` (the call returns an error), `pause` (for ever) or `sleep(MILLISECONDS)`; with `@N` it happens the
/// N-th time that the point is passed and at no other time, without it each time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan(Vec<Rule>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    point: Failpoint,
    action: Action,
    at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Kill,
    Panic,
    Err,
    Pause,
    Sleep(Duration),
}

/// The text is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no failpoint: NAME=kill|panic|err|pause|sleep(MILLISECONDS), with @N for the N-th time only")]
pub struct InvalidPlan(String);

impl Plan {
    /// Nothing fails.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What happens when the point is passed the `count`-th time.
    pub(crate) fn action(&self, point: Failpoint, count: u64) -> Option<Action> {
        let is_due = |rule: &&Rule| rule.point == point && rule.at.is_none_or(|at| at == count);
        self.0.iter().find(is_due).map(|rule| rule.action)
    }
}

impl FromStr for Plan {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| rule(part).ok_or_else(|| InvalidPlan(part.to_owned()))).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Rule { point, action, at }) in self.0.iter().enumerate() {
            write!(f, "{}{}={action}", if place > 0 { "; " } else { "" }, point.as_str())?;
            if let Some(at) = at {
                write!(f, "@{at}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill"),
            Self::Panic => f.write_str("panic"),
            Self::Err => f.write_str("err"),
            Self::Pause => f.write_str("pause"),
            Self::Sleep(time) => write!(f, "sleep({})", time.as_millis()),
        }
    }
}

fn rule(text: &str) -> Option<Rule> {
    let (name, what) = text.split_once('=')?;
    let (action, at) = match what.split_once('@') {
        Some((action, at)) => (action, Some(at.trim().parse().ok().filter(|at| *at > 0)?)),
        None => (what, None),
    };
    let action = match action.trim() {
        "kill" => Action::Kill,
        "panic" => Action::Panic,
        "err" => Action::Err,
        "pause" => Action::Pause,
        other => {
            let time = other.strip_prefix("sleep(")?.strip_suffix(')')?;
            Action::Sleep(Duration::from_millis(time.trim().parse().ok()?))
        }
    };
    let point = Failpoint::ALL.iter().copied().find(|point| point.as_str() == name.trim())?;
    Some(Rule { point, action, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_as_it_is_written() {
        for (text, read) in [
            ("", ""),
            (" ; ", ""),
            ("claim.pre=kill", "claim.pre=kill"),
            (" page.post_llm = kill@3 ;lease.renew=err;", "page.post_llm=kill@3; lease.renew=err"),
            ("ack.pre=sleep( 250 )@1", "ack.pre=sleep(250)@1"),
            ("ctl.post_cas=pause;ctl.post_cas=panic@2", "ctl.post_cas=pause; ctl.post_cas=panic@2"),
        ] {
            assert_eq!(text.parse::<Plan>().unwrap().to_string(), read, "{text}");
        }
    }

    #[test]
    fn what_is_no_plan_is_named() {
        for text in [
            "claim.pre",
            "claim.pre=",
            "claim.pre=explode",
            "no.such=kill",
            "claim.pre=kill@0",
            "claim.pre=kill@x",
            "claim.pre=sleep",
            "claim.pre=sleep(x)",
            "claim.pre=sleep(-1)",
        ] {
            let error = format!("ack.pre=err;{text}").parse::<Plan>().unwrap_err();
            assert_eq!(error, InvalidPlan(text.to_owned()));
        }
    }

    #[test]
    fn rules_of_one_point_count_the_same_passes() {
        let plan: Plan = "claim.pre=err@2; claim.pre=kill@3".parse().unwrap();
        let found = [1, 2, 3, 4].map(|count| plan.action(Failpoint::ClaimPre, count));
        assert_eq!(found, [None, Some(Action::Err), Some(Action::Kill), None]);
    }

    #[test]
    fn every_point_has_a_name_of_its_own() {
        for point in Failpoint::ALL {
            let plan: Plan = format!("{}=err", point.as_str()).parse().unwrap();
            let due = Failpoint::ALL.iter().filter(|other| plan.action(**other, 1).is_some());
            assert!(due.eq([point]), "{point:?}");
        }
    }
}
