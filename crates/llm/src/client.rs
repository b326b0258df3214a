//! The only way out: one guarded HTTP client that every model on a network is asked through.
//!
//! It belongs to one base URL, whose origin the operator listed. Addresses are checked at the moment of connecting, so a
//! name that changes its mind between check and connection gains nothing. It follows no redirect, uses no proxy, repeats
//! nothing, and bounds time and size.

mod address;
mod policy;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::{ProviderError, ProviderErrorKind, Spend};
use address::{Network, network};
use policy::Trust;

pub use policy::{InvalidOrigin, UrlPolicy, UrlRefused, check_base_url};

/// Shorter than common servers keep an idle connection: one that is closed while a request is on its way costs a call
/// whose fate nobody knows.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The bounds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    /// Until a connection stands, name and TLS included.
    pub connect_timeout: Duration,
    /// From the start of a call to the last byte of its answer.
    pub timeout: Duration,
    /// The most of an answer that is read.
    pub max_body_bytes: usize,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL may not be used.
    #[error(transparent)]
    Url(#[from] UrlRefused),
    /// The key holds characters that no header can carry.
    #[error("the key is no valid header value")]
    InvalidKey,
    /// The TLS configuration of this machine could not be read.
    #[error("no HTTP client could be made")]
    Tls(#[source] reqwest::Error),
}

/// A client for one base URL.
#[derive(Clone)]
pub struct GuardedClient {
    http: Client,
    base: Url,
    authorization: Option<HeaderValue>,
    max_body_bytes: usize,
}

/// A whole answer, whatever its status.
pub struct Received {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// At most as much as the client reads.
    pub body: Vec<u8>,
}

/// A name that leads where no model may be asked.
#[derive(Debug, thiserror::Error)]
#[error("the host has an address that is not allowed")]
struct AddressRefused;

type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// Resolves the client's own host, and that one only to addresses that its trust covers.
struct Guard {
    host: String,
    trust: Trust,
    lookup: Lookup,
}

impl Default for ClientOptions {
    /// 5 s to connect, 120 s in all, 4 MiB.
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(120), max_body_bytes: 4 << 20 }
    }
}

impl GuardedClient {
    /// Makes a client for `base_url`, which sends `key` as a bearer token.
    pub fn new(
        base_url: &str,
        key: Option<&SecretString>,
        policy: &UrlPolicy,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        Self::with_lookup(base_url, key, policy, options, Arc::new(|host| Box::pin(system_lookup(host))))
    }

    fn with_lookup(
        base_url: &str,
        key: Option<&SecretString>,
        policy: &UrlPolicy,
        options: ClientOptions,
        lookup: Lookup,
    ) -> Result<Self, ClientError> {
        let base = check_base_url(base_url, key.is_some(), policy)?;
        let trust = policy.trust(&base).ok_or(UrlRefused::NotListed)?;
        let guard = Guard { host: base.host_str().unwrap_or_default().to_owned(), trust, lookup };
        let http = Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .no_proxy()
            .referer(false)
            .user_agent(concat!("dallosh/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(guard))
            .build()
            .map_err(ClientError::Tls)?;
        let authorization = key.map(bearer).transpose()?;
        Ok(Self { http, base, authorization, max_body_bytes: options.max_body_bytes })
    }

    /// Returns the base URL, which holds no secret.
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    /// Posts `body` to `path` of the base URL's origin and reads the answer.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `BadAnswer` for an answer that is too long, `NotFound` for a host that leads to an
    /// address that is not allowed. The status is not looked at.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Received, ProviderError> {
        let mut url = self.base.clone();
        url.set_path(path);
        let body = serde_json::to_vec(body)
            .map_err(|error| ProviderError::with_source(ProviderErrorKind::BadRequest, error))?;
        let mut request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.read(response).await?;
        Ok(Received { status, headers, body })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, ProviderError> {
        let max = self.max_body_bytes;
        let too_long = || ProviderError::with_source(ProviderErrorKind::BadAnswer, "the answer is too long");
        if response.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > max)) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(broken)? {
            if body.len() + part.len() > max {
                return Err(too_long());
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient")
            .field("base", &self.base.as_str())
            .field("has_key", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

fn bearer(key: &SecretString) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim()))
        .map_err(|_| ClientError::InvalidKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Says what became of a call whose answer did not come whole.
fn broken(error: reqwest::Error) -> ProviderError {
    let (connecting, timeout) = (error.is_connect(), error.is_timeout());
    let refused = causes(&error).any(<dyn Error>::is::<AddressRefused>);
    let kind = match (refused, timeout) {
        (true, _) => ProviderErrorKind::NotFound,
        (false, true) => ProviderErrorKind::Timeout,
        (false, false) => ProviderErrorKind::Unavailable,
    };
    let spend = if connecting || refused { Spend::Nothing } else { Spend::Unknown };
    ProviderError::with_source(kind, error.without_url()).spending(spend)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

async fn system_lookup(host: String) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

fn covers(trust: Trust, address: IpAddr) -> bool {
    match trust {
        Trust::Listed => network(address) != Network::Forbidden,
        Trust::Loopback => network(address) == Network::Loopback,
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        if !name.as_str().eq_ignore_ascii_case(&self.host) {
            return Box::pin(async { Err(AddressRefused.into()) });
        }
        let (trust, addresses) = (self.trust, (self.lookup)(self.host.clone()));
        Box::pin(async move {
            let addresses = addresses.await?;
            if !addresses.iter().all(|address| covers(trust, *address)) {
                return Err(AddressRefused.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const KEY: &str = "sk-canary-7261";

    fn policy(origins: &[&str], loopback: bool) -> UrlPolicy {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        UrlPolicy::new(&origins, loopback).unwrap()
    }

    /// A client whose host resolves to one list of addresses after the other.
    fn client(base: &str, policy: &UrlPolicy, answers: &'static [&'static [&'static str]]) -> GuardedClient {
        let asked = AtomicUsize::new(0);
        let lookup: Lookup = Arc::new(move |_| {
            let answer = answers[asked.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
            Box::pin(async move { Ok(answer.iter().map(|address| address.parse().unwrap()).collect()) })
        });
        let options = ClientOptions { connect_timeout: Duration::from_millis(200), ..ClientOptions::default() };
        GuardedClient::with_lookup(base, None, policy, options, lookup).unwrap()
    }

    #[tokio::test]
    async fn a_listed_name_that_resolves_to_a_metadata_or_link_local_address_is_not_connected_to() {
        const REFUSED: [&[&[&str]]; 5] = [
            &[&["169.254.169.254"]],
            &[&["fd00:ec2::254"]],
            &[&["0.0.0.0"]],
            &[&["::ffff:169.254.169.254"]],
            &[&["127.0.0.1", "169.254.169.254"]],
        ];
        let policy = policy(&["http://models.example:11434"], true);
        for addresses in REFUSED {
            let error = client("http://models.example:11434", &policy, addresses).post("/", &1).await.err().unwrap();
            assert_eq!((error.kind, error.spend()), (ProviderErrorKind::NotFound, Spend::Nothing), "{addresses:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_changes_its_address_after_the_check_is_caught_at_the_connection() {
        let policy = policy(&["http://models.example:1"], false);
        let client = client("http://models.example:1", &policy, &[&["127.0.0.1"], &["169.254.169.254"]]);
        assert_eq!(client.post("/", &1).await.err().unwrap().kind, ProviderErrorKind::Unavailable);
        assert_eq!(client.post("/", &1).await.err().unwrap().kind, ProviderErrorKind::NotFound);
    }

    #[tokio::test]
    async fn localhost_of_the_development_profile_leads_to_this_machine_only() {
        let policy = policy(&[], true);
        let client = client("http://localhost:8000", &policy, &[&["10.0.0.1"]]);
        assert_eq!(client.post("/", &1).await.err().unwrap().kind, ProviderErrorKind::NotFound);
    }

    #[tokio::test]
    async fn only_the_hosts_own_name_is_resolved() {
        let policy = policy(&["http://models.example"], false);
        let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec![IpAddr::from([1, 1, 1, 1])]) }));
        let url = Url::parse("http://models.example").unwrap();
        let guard = Guard { host: "models.example".to_owned(), trust: policy.trust(&url).unwrap(), lookup };
        assert!(guard.resolve("models.example".parse().unwrap()).await.is_ok());
        assert!(guard.resolve("other.example".parse().unwrap()).await.is_err());
    }

    #[test]
    fn the_key_is_in_no_debug_text_and_in_no_error() {
        let policy = policy(&["https://models.example"], false);
        let key = SecretString::from(KEY);
        let make = |key| GuardedClient::new("https://models.example/v1", Some(key), &policy, ClientOptions::default());
        let client = make(&key).unwrap();
        assert!(!format!("{client:?}{:?}", client.http).contains(KEY));
        assert!(!format!("{:?}", client.authorization).contains(KEY));
        let broken = SecretString::from(format!("{KEY}\n{KEY}"));
        let error = make(&broken).unwrap_err();
        assert!(matches!(error, ClientError::InvalidKey));
        assert!(!format!("{error:?}{error}").contains(KEY));
    }
}
