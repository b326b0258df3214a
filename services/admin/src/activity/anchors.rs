use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use dallosh_secrets::Authenticator;
use serde::{Deserialize, Serialize};

use crate::activity::{chain::Place, entry::time_text};

/// A line of the file: where the chain ended then.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Anchor {
    seq: i64,
    hash: String,
    at: String,
    /// Under which master key it was written; one from before there were several does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    mac: String,
}

/// The file of anchors can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the anchors in {} can't be read or written", .path.display())]
pub struct AnchorError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl AnchorError {
    fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// Adds a line, down to the disk.
pub fn add(path: &Path, place: &Place, now: DateTime<Utc>, key: &Authenticator) -> Result<(), AnchorError> {
    let failed = AnchorError::at(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(&failed)?;
    }
    let Place { seq, hash } = place.clone();
    let mut anchor =
        Anchor { seq, hash, at: time_text(now), key_id: Some(key.key_id().to_owned()), mac: String::new() };
    anchor.mac = hex::encode(key.tag(&canonical(&anchor)));
    let mut line = serde_json::to_vec(&anchor).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(&failed)?;
    file.write_all(&line).and_then(|()| file.sync_all()).map_err(&failed)
}

/// The anchors of a file, in its order: each with its line, and its place unless it was changed. None without a file.
pub fn read(path: &Path, key: &Authenticator) -> Result<Vec<(usize, Option<Place>)>, AnchorError> {
    let failed = AnchorError::at(path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut anchors = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(&failed)?;
        if line.is_empty() {
            continue;
        }
        let anchor = serde_json::from_str::<Anchor>(&line).ok();
        let is_genuine = |one: &Anchor| {
            hex::decode(&one.mac).is_ok_and(|mac| key.accepts(one.key_id.as_deref(), &canonical(one), &mac))
        };
        let anchor = anchor.filter(is_genuine);
        anchors.push((number.saturating_add(1), anchor.map(|one| Place { seq: one.seq, hash: one.hash })));
    }
    Ok(anchors)
}

fn canonical(Anchor { seq, hash, at, key_id, mac: _ }: &Anchor) -> Vec<u8> {
    match key_id {
        None => serde_json::to_vec(&("anchor v1", seq, hash, at)),
        Some(key_id) => serde_json::to_vec(&("anchor v2", key_id, seq, hash, at)),
    }
    .unwrap_or_default()
}
