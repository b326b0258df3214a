use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{FieldProblem, manners::current_request, problem::ProblemBody};

/// Asks another service through its API, in the name of a caller, with the request's id and trace.
#[derive(Debug, Clone)]
pub struct ServiceClient {
    http: reqwest::Client,
    base: String,
}

/// Another service did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It refused, with this problem.
    #[error("refused with {status} {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// The problem's detail.
        detail: String,
        /// The problem's fields.
        errors: Vec<FieldProblem>,
    },
    /// It did not answer, or not sensibly.
    #[error("no sensible answer")]
    Unreachable(#[from] reqwest::Error),
}

impl ServiceClient {
    /// A client of the service at `base` (`http://host:port`). It follows no redirects and uses no proxy.
    ///
    /// # Errors
    /// When the TLS library can't be set up.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(10))
            // Servers close idle connections after five seconds; a call must not meet that moment.
            .pool_idle_timeout(Duration::from_secs(4))
            .build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// GETs JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, token: Option<&str>) -> Result<T, ClientError> {
        self.send(self.http.get(format!("{}{path}", self.base)), token).await
    }

    /// POSTs JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        token: Option<&str>,
    ) -> Result<T, ClientError> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body), token).await
    }

    /// POSTs JSON with an `Idempotency-Key`: what was done under the same one is not done again.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        token: Option<&str>,
        key: &str,
    ) -> Result<T, ClientError> {
        let request = self.http.post(format!("{}{path}", self.base)).header("idempotency-key", key).json(body);
        self.send(request, token).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        mut request: reqwest::RequestBuilder,
        token: Option<&str>,
    ) -> Result<T, ClientError> {
        let context = current_request();
        request = request.header("x-request-id", context.id).header("traceparent", context.traceparent);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.json().await?);
        }
        let ProblemBody { code, detail, errors, .. } = response.json().await?;
        Err(ClientError::Refused { status: status.as_u16(), code, detail, errors })
    }
}
