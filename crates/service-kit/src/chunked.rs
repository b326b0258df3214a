//! A body in chunks, on its way from the connection to its handler.

use actix_web::{
    HttpMessage as _,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header,
};
use futures::{
    FutureExt as _, StreamExt as _,
    future::{Fuse, LocalBoxFuture},
    stream,
};
use tokio::sync::mpsc;

use crate::{ErrorCode, Problem};

/// The way of a body, which fails when the body does. It is over from the beginning when there is none in chunks.
pub(crate) type Passage = Fuse<LocalBoxFuture<'static, Result<(), Problem>>>;

/// Puts itself between the connection and whoever reads the body. The server's library gives a connection up over a chunk
/// that is none, and looks once more whether there is an answer: only what the connection's own task knows by then is
/// sent, and the handler has a task of its own.
pub(crate) fn pass_on(request: &mut ServiceRequest) -> Passage {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Fuse::terminated();
    }
    let mut payload = request.take_payload();
    let (pieces, taken) = mpsc::channel(1);
    let body = stream::unfold(taken, |mut taken| async move {
        // Its end is a piece too, so that a passage that was given up is never taken for one.
        let piece: Option<Result<_, PayloadError>> =
            taken.recv().await.unwrap_or(Some(Err(PayloadError::Incomplete(None))));
        Some((piece?, taken))
    });
    request.set_payload(Payload::Stream { payload: body.boxed_local() });
    let passage = async move {
        while let Some(piece) = payload.next().await {
            if let Err(error) = piece {
                // Without room for it, the reader learns of it from what is missing.
                let _ = pieces.try_send(Some(Err(error)));
                return Err(Problem::new(ErrorCode::BadRequest, "the client did not send the whole body"));
            }
            if pieces.send(Some(piece)).await.is_err() {
                // Nobody wants the rest.
                return Ok(());
            }
        }
        let _ = pieces.send(None).await;
        Ok(())
    };
    passage.boxed_local().fuse()
}
