use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use dallosh_service_kit::{Caller, Credential, Problem};

use crate::error::Error;

/// A caller who is no program with an API token. Refused before the body is looked at.
pub struct Person(pub Caller);

impl FromRequest for Person {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let caller = caller.await?;
            if caller.credential == Credential::ApiToken {
                Err(Error::NotForApiTokens.into())
            } else {
                Ok(Self(caller))
            }
        })
    }
}
