use dallosh_primitives::Uid;
use dallosh_secrets::Authenticator;
use dallosh_store::Document;
use serde::{Deserialize, Serialize};

use crate::activity::Entry;

/// A place in the chain: an entry's number and its hash. The default is the place before the first one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub seq: i64,
    pub hash: String,
}

/// An entry that the head takes along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub uid: Uid,
    pub entry: Entry,
}

/// Where the chain ends and begins; the one document that appending writers compete for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last entry.
    pub place: Place,
    /// The last one of those at the beginning that were dropped for their age.
    pub dropped: Place,
    /// The entries that were appended last; they may not be among the entries yet.
    pub pending: Vec<Pending>,
    /// Under which master key it was written; one from before there were several does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// HMAC-SHA-256 over both places, hexadecimal.
    pub mac: String,
}

impl Document for Head {
    const COLLECTION: &'static str = "log_heads";
}

impl Head {
    /// The id of the one document.
    pub fn uid() -> Uid {
        Uid::only("logs/head")
    }

    pub fn new(place: Place, dropped: Place, pending: Vec<Pending>, key: &Authenticator) -> Self {
        let mut head = Self { place, dropped, pending, key_id: Some(key.key_id().to_owned()), mac: String::new() };
        head.mac = hex::encode(key.tag(&head.canonical()));
        head
    }

    /// Whether a holder of the key wrote both places.
    pub fn is_genuine(&self, key: &Authenticator) -> bool {
        hex::decode(&self.mac).is_ok_and(|mac| key.accepts(self.key_id.as_deref(), &self.canonical(), &mac))
    }

    fn canonical(&self) -> Vec<u8> {
        match &self.key_id {
            None => serde_json::to_vec(&("head v1", &self.place, &self.dropped)),
            Some(key_id) => serde_json::to_vec(&("head v2", key_id, &self.place, &self.dropped)),
        }
        .unwrap_or_default()
    }
}
