use chrono::SecondsFormat;
use dallosh_contracts::Activity;
use dallosh_primitives::Uid;
use dallosh_secrets::Authenticator;
use dallosh_store::{Document, Index};
use serde::{Deserialize, Serialize};

use crate::activity::chain::Place;

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: i64,
    /// RFC 3339 with microseconds, so that it sorts as the times do.
    pub at: String,
    pub method: String,
    pub path: String,
    /// Nothing where requests were lost.
    pub status: Option<u16>,
    pub requested_by: Option<Uid>,
    pub request_id: String,
    pub ip: Option<String>,
    pub duration_ms: u64,
    /// How many requests this entry stands for that could not be kept.
    pub lost: u64,
    /// How many requests that are alike this entry stands for.
    #[serde(default = "one")]
    pub times: u64,
    pub prev_hash: String,
    /// Under which master key it is hashed; entries from before there were several do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// HMAC-SHA-256 over all the rest, hexadecimal.
    pub hash: String,
}

const fn one() -> u64 {
    1
}

impl Document for Entry {
    const COLLECTION: &'static str = "logs";
    const INDEXES: &'static [Index] = &[
        Index { fields: &["seq"], unique: true },
        Index { fields: &["at"], unique: false },
        Index { fields: &["requested_by", "seq"], unique: false },
        Index { fields: &["status", "seq"], unique: false },
    ];
}

/// An entry that has no place yet.
#[derive(Debug, Clone)]
pub struct Draft {
    pub at: String,
    pub method: String,
    pub path: String,
    pub status: Option<u16>,
    pub requested_by: Option<Uid>,
    pub request_id: String,
    pub ip: Option<String>,
    pub duration_ms: u64,
    pub lost: u64,
    pub times: u64,
}

impl From<Activity> for Draft {
    fn from(activity: Activity) -> Self {
        let Activity { id: _, at, method, path, status, requested_by, request_id, ip, duration_ms, times } = activity;
        let at = time_text(at);
        // What every database keeps unchanged.
        let (duration_ms, times) = (duration_ms.min(u64::from(u32::MAX)), times.clamp(1, u64::from(u32::MAX)));
        Self { at, method, path, status: Some(status), requested_by, request_id, ip, duration_ms, lost: 0, times }
    }
}

impl Draft {
    /// So many requests before `at` that could not be kept.
    pub fn lost(lost: u64, at: chrono::DateTime<chrono::Utc>) -> Self {
        Self {
            at: time_text(at),
            method: String::new(),
            path: String::new(),
            status: None,
            requested_by: None,
            request_id: String::new(),
            ip: None,
            duration_ms: 0,
            lost: lost.min(u64::from(u32::MAX)),
            times: 1,
        }
    }
}

impl Entry {
    /// The entry behind `place`.
    pub fn following(place: &Place, uid: Uid, draft: Draft, key: &Authenticator) -> Self {
        let Draft { at, method, path, status, requested_by, request_id, ip, duration_ms, lost, times } = draft;
        let mut entry = Self {
            seq: place.seq.saturating_add(1),
            at,
            method,
            path,
            status,
            requested_by,
            request_id,
            ip,
            duration_ms,
            lost,
            times,
            prev_hash: place.hash.clone(),
            key_id: Some(key.key_id().to_owned()),
            hash: String::new(),
        };
        entry.hash = hex::encode(key.tag(&entry.canonical(uid)));
        entry
    }

    /// Whether its hash is the one of what it says.
    pub fn is_genuine(&self, uid: Uid, key: &Authenticator) -> bool {
        hex::decode(&self.hash).is_ok_and(|hash| key.accepts(self.key_id.as_deref(), &self.canonical(uid), &hash))
    }

    /// Its place in the chain.
    pub fn place(&self) -> Place {
        Place { seq: self.seq, hash: self.hash.clone() }
    }

    /// What the hash covers: every field, as JSON in this order. That an entry stands for one request is left out, as it
    /// was before there were others.
    fn canonical(&self, uid: Uid) -> Vec<u8> {
        let Self {
            seq,
            at,
            method,
            path,
            status,
            requested_by,
            request_id,
            ip,
            duration_ms,
            lost,
            times,
            prev_hash,
            key_id,
            hash: _,
        } = self;
        let rest = (requested_by, request_id, ip, duration_ms, lost);
        // Texts and numbers are always JSON.
        match key_id {
            None if *times == 1 => {
                let first = ("entry v1", uid, seq, prev_hash, at, method, path, status);
                let (requested_by, request_id, ip, duration_ms, lost) = rest;
                serde_json::to_vec(&(first, requested_by, request_id, ip, duration_ms, lost))
            }
            Some(key_id) if *times == 1 => {
                serde_json::to_vec(&("entry v2", key_id, uid, seq, prev_hash, at, method, path, status, rest))
            }
            key_id => {
                serde_json::to_vec(&("entry v3", key_id, uid, seq, prev_hash, at, method, path, status, rest, times))
            }
        }
        .unwrap_or_default()
    }
}

/// A time as entries have it.
pub fn time_text(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_stays_what_it_was_so_that_every_kept_chain_can_be_proved() {
        let uid: Uid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let hashed = |key_id: Option<&str>, times| {
            let entry = Entry {
                seq: 7,
                at: "2026-01-02T03:04:05.000006Z".to_owned(),
                method: "PATCH".to_owned(),
                path: "/v1/auth/me".to_owned(),
                status: Some(422),
                requested_by: None,
                request_id: "r".to_owned(),
                ip: Some("127.0.0.1".to_owned()),
                duration_ms: 8,
                lost: 0,
                times,
                prev_hash: "before".to_owned(),
                key_id: key_id.map(str::to_owned),
                hash: "not covered".to_owned(),
            };
            String::from_utf8(entry.canonical(uid)).unwrap()
        };
        let place = r#""01890a5d-ac96-774b-bcce-b302099a8057",7,"before","2026-01-02T03:04:05.000006Z","PATCH","/v1/auth/me",422"#;
        let rest = r#"null,"r","127.0.0.1",8,0"#;
        assert_eq!(hashed(None, 1), format!(r#"[["entry v1",{place}],{rest}]"#));
        assert_eq!(hashed(Some("k"), 1), format!(r#"["entry v2","k",{place},[{rest}]]"#));
        assert_eq!(hashed(Some("k"), 3), format!(r#"["entry v3","k",{place},[{rest}],3]"#));
        assert_eq!(hashed(None, 3), format!(r#"["entry v3",null,{place},[{rest}],3]"#));
    }
}
