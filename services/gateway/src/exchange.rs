//! What a caller may show instead of an access token of ours. The auth service knows what it is worth; the services
//! behind the door see access tokens alone.

use std::{sync::Arc, time::Duration};

use dallosh_contracts::{API_TOKEN_PREFIX, ExchangeRequest, ExchangedToken};
use dallosh_service_kit::{ClientError, ErrorCode, Issuer, Problem, ServiceClient, claimed_issuer};
use moka::future::Cache;
use sha2::{Digest as _, Sha256};

/// How long an answer of the auth service is believed, unless somebody does not. A credential that was ended opens nothing
/// after this.
const BELIEVED: Duration = Duration::from_secs(3);
/// How many answers are remembered.
const MOST: u64 = 10_000;

/// Exchanges credentials, and remembers the answers for a moment.
pub struct Exchange {
    auth: ServiceClient,
    /// Whose tokens are exchanged.
    issuers: Vec<String>,
    known: Cache<[u8; 32], Arc<str>>,
}

impl Exchange {
    /// Asks the service behind `auth`, also about tokens of these `issuers`.
    pub fn new(auth: ServiceClient, issuers: &[Issuer]) -> Self {
        let issuers = issuers.iter().map(|issuer| issuer.issuer.clone()).collect();
        Self { auth, issuers, known: Cache::builder().max_capacity(MOST).time_to_live(BELIEVED).build() }
    }

    /// The access token with which the request goes on: `shown` itself, unless it is of a kind that is exchanged. What
    /// is remembered does for it unless it is to be `fresh`. Before the auth service is asked about what is not
    /// remembered, `count` says whether this client may ask for more.
    ///
    /// # Errors
    /// What `count` says; `unauthorized` for a credential that is worth nothing; `forbidden` for one whose owner may do
    /// nothing here; `unavailable`.
    pub async fn access(
        &self,
        shown: &str,
        fresh: bool,
        count: impl Fn() -> Result<(), Problem>,
    ) -> Result<String, Problem> {
        if !self.takes(shown) {
            return Ok(shown.to_owned());
        }
        // Most requests bring what is not exchanged, and carry no room for it.
        Box::pin(self.exchanged(shown, fresh, count)).await
    }

    async fn exchanged(
        &self,
        shown: &str,
        fresh: bool,
        count: impl Fn() -> Result<(), Problem>,
    ) -> Result<String, Problem> {
        let key: [u8; 32] = Sha256::digest(shown).into();
        let was_good = fresh && self.known.remove(&key).await.is_some();
        let ask = async {
            if !was_good {
                count()?;
            }
            let request = ExchangeRequest { token: shown.to_owned() };
            let asked = self.auth.post("/internal/tokens/exchange", &request, None).await;
            let ExchangedToken { access_token, .. } = asked.map_err(refusal)?;
            Ok(Arc::from(access_token))
        };
        let access = self.known.try_get_with(key, ask).await;
        access.map(|token| token.as_ref().to_owned()).map_err(|problem: Arc<Problem>| problem.as_ref().clone())
    }

    /// Whether this is to be exchanged.
    pub fn takes(&self, shown: &str) -> bool {
        let is_foreign = || claimed_issuer(shown).is_some_and(|issuer| self.issuers.contains(&issuer));
        shown.starts_with(API_TOKEN_PREFIX) || (!self.issuers.is_empty() && is_foreign())
    }
}

fn refusal(error: ClientError) -> Problem {
    match error {
        ClientError::Refused { status: 401, .. } => Problem::unauthorized(),
        ClientError::Refused { status: 403, detail, .. } => Problem::new(ErrorCode::Forbidden, detail),
        error => Problem::unavailable("the auth service", error),
    }
}
