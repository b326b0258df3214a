use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of a stored document: a UUID, version 7 when it is made here (sorts by time), version 5 when it is derived.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct Uid(Uuid);

impl Uid {
    /// Makes a new id that sorts after the ones made before it.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Derives the id of a part from its owner's id and a name: the same part always has the same id, so that
    /// inserting it twice is refused by the primary key.
    pub fn derived(&self, name: &str) -> Self {
        Self(Uuid::new_v5(&self.0, name.as_bytes()))
    }

    /// Derives the id of the only thing of this name, the same everywhere.
    pub fn only(name: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::nil(), name.as_bytes()))
    }
}

impl Default for Uid {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an id.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not an id")]
pub struct InvalidUid;

impl FromStr for Uid {
    type Err = InvalidUid;

    /// Accepts only the hyphenated lower-case form that [`Uid`] prints, so that one document has one address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uid = Uuid::try_parse(text).map_err(|_| InvalidUid)?;
        if Self(uid).to_string() == text { Ok(Self(uid)) } else { Err(InvalidUid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_is_an_id() {
        let uid = Uid::new();
        assert_eq!(uid.to_string().parse::<Uid>().unwrap(), uid);
        assert!(uid.to_string().to_uppercase().parse::<Uid>().is_err());
        assert!("no-such-file".parse::<Uid>().is_err());
    }

    #[test]
    fn a_derived_id_depends_on_owner_and_name_alone() {
        let (a, b) = (Uid::new(), Uid::new());
        assert_eq!(a.derived("1"), a.derived("1"));
        assert_ne!(a.derived("1"), a.derived("2"));
        assert_ne!(a.derived("1"), b.derived("1"));
    }
}
