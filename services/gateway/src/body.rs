//! The way of a request's body to the service: piece by piece, counted, and never with a clean end that the client did
//! not send.

use std::time::Duration;

use actix_web::{rt, web};
use bytes::Bytes;
use dallosh_service_kit::{ErrorCode, Problem};
use futures::{StreamExt, stream};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::{Instant, timeout},
};

use crate::{
    Limits,
    client::{self, Body},
};

/// How many pieces wait for the service before the client is read no further. A piece is 32 KiB at most.
const PIECES: usize = 8;

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The client left, or what it sent is no body.
    #[error("the client did not send the whole body")]
    Incomplete,
    /// There is more of it than this path takes.
    #[error("the body is too large")]
    TooLarge,
    /// It came too slowly.
    #[error("the body came too slowly")]
    TooSlow,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let code = match fault {
            Fault::Incomplete => ErrorCode::BadRequest,
            Fault::TooLarge => ErrorCode::TooLarge,
            Fault::TooSlow => ErrorCode::RequestTimeout,
        };
        Self::new(code, fault.to_string())
    }
}

/// How far a body is.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// More is awaited from the client.
    FromClient,
    /// The service has not taken the next piece since then.
    ToService(Instant),
    /// The service got all that it wants then.
    Ended(Instant),
    /// It will never be whole.
    Failed(Fault),
}

/// What a piece on its way is. An end is said, so that a lost sender is never taken for one.
enum Piece {
    Bytes(Bytes),
    End,
}

/// The body as the service gets it, and how far it is.
pub fn pass_on(payload: web::Payload, most: u64, limits: Limits) -> (Body, watch::Receiver<Progress>) {
    let (pieces, taken) = mpsc::channel(PIECES);
    let (progress, seen) = watch::channel(Progress::FromClient);
    // The payload can't leave its thread, and the body must be able to.
    rt::spawn(async move {
        let outcome = read(payload, most, limits.window, &pieces, &progress).await;
        let last = match outcome {
            Ok(()) => {
                progress.send_replace(Progress::Ended(Instant::now()));
                Ok(Piece::End)
            }
            Err(fault) => {
                progress.send_replace(Progress::Failed(fault));
                Err(fault)
            }
        };
        // Nobody takes it when the service hung up, and then nobody needs it.
        let _ = pieces.send(last).await;
    });
    let body = stream::unfold(taken, |mut taken| async move {
        match taken.recv().await.unwrap_or(Err(Fault::Incomplete)) {
            Ok(Piece::Bytes(bytes)) => Some((Ok(bytes), taken)),
            Ok(Piece::End) => None,
            Err(fault) => Some((Err(fault), taken)),
        }
    });
    (client::streamed(body), seen)
}

/// Reads the client to its end, as fast as the service takes the pieces, and no longer than it does.
async fn read(
    mut payload: web::Payload,
    most: u64,
    window: Duration,
    pieces: &mpsc::Sender<Result<Piece, Fault>>,
    progress: &watch::Sender<Progress>,
) -> Result<(), Fault> {
    let mut total = 0_u64;
    let mut pace = Pace { window, waited: Duration::ZERO, came: 0 };
    loop {
        let bytes = match pace.next(&mut payload).await? {
            Some(Ok(bytes)) => bytes,
            Some(Err(_)) => return Err(Fault::Incomplete),
            None => return Ok(()),
        };
        total = total.saturating_add(bytes.len() as u64);
        if total > most {
            return Err(Fault::TooLarge);
        }
        match pieces.try_send(Ok(Piece::Bytes(bytes))) {
            Ok(()) => {}
            Err(TrySendError::Full(piece)) => {
                progress.send_replace(Progress::ToService(Instant::now()));
                if pieces.send(piece).await.is_err() {
                    return Ok(());
                }
                progress.send_replace(Progress::FromClient);
            }
            // The service takes no more; what it thinks of what it got, it says in its answer.
            Err(TrySendError::Closed(_)) => return Ok(()),
        }
    }
}

/// How fast a client sends, over the time in which it was waited for.
struct Pace {
    window: Duration,
    waited: Duration,
    came: u64,
}

impl Pace {
    async fn next(
        &mut self,
        payload: &mut web::Payload,
    ) -> Result<Option<Result<Bytes, actix_web::error::PayloadError>>, Fault> {
        loop {
            let began = Instant::now();
            let next = timeout(self.window.saturating_sub(self.waited), payload.next()).await;
            self.waited += began.elapsed();
            if let Ok(Some(Ok(bytes))) = &next {
                self.came = self.came.saturating_add(bytes.len() as u64);
            }
            if self.waited >= self.window {
                let wanted = u128::from(Limits::SLOWEST) * self.window.as_millis() / 1000;
                if u128::from(self.came) < wanted {
                    return Err(Fault::TooSlow);
                }
                (self.waited, self.came) = (Duration::ZERO, 0);
            }
            if let Ok(next) = next {
                return Ok(next);
            }
        }
    }
}
