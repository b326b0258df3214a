use std::collections::{HashMap, HashSet};

use dallosh_primitives::Uid;
use serde::{Deserialize, Serialize};

use crate::Claims;

/// From which state of a user and their role an access token was made. Numbers only grow, so that a newer token is never
/// refused by a service that knows an older state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The role.
    pub role: Uid,
    /// The role's revision.
    pub role_revision: i64,
    /// How often the user had got another role.
    pub assignment: i64,
}

/// What is not true any more of access tokens that are still out, as the auth service tells it at
/// [`PATH`](Self::PATH). An entry is kept for as long as a token from before it can live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// Sessions, API tokens and users of whom no access token is good any more.
    pub ended: HashSet<Uid>,
    /// How often users got a role by now, who got another one.
    pub assignments: HashMap<Uid, i64>,
    /// The revision that roles have by now that were changed.
    pub revisions: HashMap<Uid, i64>,
}

impl Revocations {
    /// Where the auth service tells them. For services alone: the door leads nobody there.
    pub const PATH: &str = "/internal/revocations";

    /// Whether a token that says this is good no more.
    pub fn name(&self, claims: &Claims) -> bool {
        let Claims { sub, sid, standing: Standing { role, role_revision, assignment }, .. } = claims;
        self.ended.contains(sub)
            || self.ended.contains(sid)
            || self.assignments.get(sub).is_some_and(|present| present > assignment)
            || self.revisions.get(role).is_some_and(|present| present > role_revision)
    }
}
