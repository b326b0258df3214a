use std::time::Duration;

use actix_web::web;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use dallosh_primitives::Uid;
use dallosh_service_kit::Scope;
use dallosh_storage::{Key, ObjectWriter, PutMode};
use dallosh_store::{StoreErrorKind, Versioned};
use futures::StreamExt as _;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::{
    error::Error,
    state::State,
    upload::{Part, Upload},
};

/// Bytes of a part: what a broken connection costs at most.
const PART: u64 = 8 << 20;
/// How long a request may stand still until what it brought is kept and the next one may begin.
const STILL: Duration = Duration::from_secs(5);

/// What the bytes of a request hash to, as its client says.
pub struct Checksum {
    hash: Hash,
    expected: Vec<u8>,
}

enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Reads `Upload-Checksum`: the algorithm and the hash in base64.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (algorithm, hash) = text.split_once(' ').ok_or("Upload-Checksum is an algorithm and a hash in base64")?;
        let expected = BASE64_STANDARD.decode(hash.trim()).map_err(|_| "the hash in Upload-Checksum is not base64")?;
        let hash = match algorithm {
            "sha1" => Hash::Sha1(Sha1::new()),
            "sha256" => Hash::Sha256(Sha256::new()),
            _ => return Err("the algorithm in Upload-Checksum is neither sha256 nor sha1"),
        };
        Ok(Self { hash, expected })
    }

    fn update(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => hash.update(bytes),
        }
    }

    fn fits(self) -> bool {
        match self.hash {
            Hash::Sha1(hash) => hash.finalize().as_slice() == self.expected,
            Hash::Sha256(hash) => hash.finalize().as_slice() == self.expected,
        }
    }
}

/// Receives bytes behind those that are there. Whatever came before a request broke off is kept, unless it was to have a
/// checksum: then all of it counts, or nothing.
///
/// # Errors
/// [`Error::Form`] when it broke off or brought more than was announced, [`Error::ChecksumMismatch`],
/// [`Error::WrongOffset`] when another process took the same bytes first.
pub async fn receive(
    state: &State,
    mut upload: Versioned<Upload>,
    mut payload: web::Payload,
    mut checksum: Option<Checksum>,
) -> Result<Versioned<Upload>, Error> {
    let mut room = upload.data.length - upload.data.offset();
    let (mut sealed, mut current) = (Vec::new(), None);
    let ended = loop {
        let bytes = match tokio::time::timeout(STILL, payload.next()).await {
            Err(_) => break Err(Error::Form("the upload stood still for too long; go on from its offset")),
            Ok(Some(Err(_))) => break Err(Error::Form("the upload broke off; go on from its offset")),
            Ok(None) => break Ok(()),
            Ok(Some(Ok(bytes))) => bytes,
        };
        let Some(left) = room.checked_sub(bytes.len() as u64) else {
            break Err(Error::Form("there are more bytes than Upload-Length"));
        };
        room = left;
        if let Some(checksum) = &mut checksum {
            checksum.update(&bytes);
        }
        let mut part = match current.take() {
            Some(part) => part,
            None => Open::begin(state, upload.uid).await?,
        };
        part.size += bytes.len() as u64;
        part.writer.write(bytes).await?;
        if part.size < PART {
            current = Some(part);
            continue;
        }
        sealed.push(part.seal().await?);
        if checksum.is_none() {
            upload = count(state, upload, &mut sealed).await?;
        }
    };
    let is_whole_request = ended.is_ok();
    if let Some(checksum) = checksum
        && !(is_whole_request && checksum.fits())
    {
        if let Some(part) = current {
            part.writer.abort().await;
        }
        for part in sealed {
            state.storage.delete(&Key::upload_part(upload.uid, part.id)).await?;
        }
        return Err(ended.err().unwrap_or(Error::ChecksumMismatch));
    }
    if let Some(part) = current {
        sealed.push(part.seal().await?);
    }
    if !sealed.is_empty() {
        upload = count(state, upload, &mut sealed).await?;
    }
    ended.map(|()| upload)
}

/// Counts parts that are safe.
async fn count(state: &State, upload: Versioned<Upload>, sealed: &mut Vec<Part>) -> Result<Versioned<Upload>, Error> {
    let (uid, by) = (upload.uid, upload.created_by.clone());
    let mut data = upload.data.clone();
    data.parts.append(sealed);
    if data.is_in_too_many_parts() && !data.is_whole() {
        return Err(Error::Form("the upload came in too many parts; begin a new one and send more at once"));
    }
    match state.uploads.replace(Versioned { data, ..upload }, &by).await {
        Err(error) if error.kind == StoreErrorKind::Stale => {
            let found = state.uploads.find(Scope::All, uid).await?.ok_or(Error::NotFound)?;
            Err(Error::WrongOffset(found.data.offset()))
        }
        counted => Ok(counted?),
    }
}

/// A part that is being written.
struct Open {
    id: Uid,
    size: u64,
    writer: ObjectWriter,
}

impl Open {
    async fn begin(state: &State, upload: Uid) -> Result<Self, Error> {
        let id = Uid::new();
        let writer = state.storage.writer(&Key::upload_part(upload, id), PutMode::Create).await?;
        Ok(Self { id, size: 0, writer })
    }

    async fn seal(self) -> Result<Part, Error> {
        let Self { id, size, writer } = self;
        writer.commit().await?;
        Ok(Part { id, size })
    }
}
