use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde::Deserialize;

use crate::Profile;

/// Somebody else who says who users are (Auth0, Cognito, any `OpenID` provider), as `auth.issuers` describes them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// What its tokens say in `iss`, to the letter.
    pub issuer: String,
    /// What they must say in `audience_claim`.
    pub audience: String,
    /// The claim that names whom a token is for; an access token of Cognito has `client_id`.
    #[serde(default = "aud")]
    pub audience_claim: String,
    /// Where its keys are; where its `/.well-known/openid-configuration` says, unless told.
    pub jwks_uri: Option<String>,
    /// The claim with the roles or groups of a user; a path with dots when there is no claim of this very name.
    pub role_claim: Option<String>,
    /// What each value of that claim is called here.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// The role of those who have none by the claim; without it they are refused.
    pub default_role: Option<String>,
    /// The claim with the address.
    #[serde(default = "email")]
    pub email_claim: String,
    /// The claim with what to call the user.
    #[serde(default = "name")]
    pub name_claim: String,
}

fn aud() -> String {
    "aud".to_owned()
}

fn email() -> String {
    "email".to_owned()
}

fn name() -> String {
    "name".to_owned()
}

/// What is allowed, for people.
pub(crate) const ALLOWED: &str = "tables such as { issuer = \"https://login.example.com/\", audience = \"dallosh\", \
    default_role = \"analyst\" }, each issuer once, over https, with a default_role or a role_claim and its roles";

/// Reads issuers, written as inline tables of TOML with commas between them.
pub(crate) fn parse(text: &str, profile: Profile) -> Option<Vec<Issuer>> {
    #[derive(Deserialize)]
    struct Listed {
        issuers: Vec<Issuer>,
    }
    let Listed { issuers } = toml::from_str(&format!("issuers = [{text}]")).ok()?;
    let names: BTreeSet<_> = issuers.iter().map(|issuer| &issuer.issuer).collect();
    (names.len() == issuers.len() && issuers.iter().all(|issuer| issuer.makes_sense(profile))).then_some(issuers)
}

impl Issuer {
    fn makes_sense(&self, profile: Profile) -> bool {
        let addresses = [Some(&self.issuer), self.jwks_uri.as_ref()];
        addresses.into_iter().flatten().all(|address| keys_url(address, profile).is_some())
            && !self.audience.is_empty()
            && self.role_claim.is_some() != self.roles.is_empty()
            && (self.role_claim.is_some() || self.default_role.is_some())
    }
}

/// An address from which keys may be taken: over TLS, or on this machine in the development profile.
pub fn keys_url(text: &str, profile: Profile) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_local = url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local && profile == Profile::Development);
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Who a token says that it is of; not verified.
pub fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&claims).ok().map(|claims| claims.iss)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{ issuer = "https://a.example/", audience = "api", role_claim = "groups", roles = { boss = "admin" } }"#;

    #[test]
    fn issuers_are_read_from_tables_with_commas_between_them() {
        let both = format!(r#"{GOOD}, {{ issuer = "https://b.example", audience = "api", default_role = "analyst" }}"#);
        let read = parse(&both, Profile::Production).unwrap();
        assert_eq!((read.len(), read[0].roles["boss"].as_str(), read[1].audience_claim.as_str()), (2, "admin", "aud"));
        assert_eq!(parse("", Profile::Production).unwrap(), []);
    }

    #[test]
    fn an_issuer_that_lets_nobody_in_or_is_not_safe_is_refused() {
        for text in [
            "https://a.example",
            r#"{ issuer = "https://a.example" }"#,
            r#"{ issuer = "https://a.example", audience = "api" }"#,
            r#"{ issuer = "https://a.example", audience = "", default_role = "analyst" }"#,
            r#"{ issuer = "https://a.example", audience = "api", default_role = "analyst", secret = "x" }"#,
            r#"{ issuer = "https://a.example", audience = "api", role_claim = "groups", default_role = "analyst" }"#,
            r#"{ issuer = "http://a.example", audience = "api", default_role = "analyst" }"#,
            r#"{ issuer = "https://u:p@a.example", audience = "api", default_role = "analyst" }"#,
            r#"{ issuer = "https://a.example", audience = "api", default_role = "analyst", jwks_uri = "file:///etc/x" }"#,
            &format!("{GOOD},{GOOD}"),
        ] {
            assert_eq!(parse(text, Profile::Development), None, "{text}");
        }
    }

    #[test]
    fn keys_come_over_tls_or_in_development_from_this_machine() {
        for (text, in_development, in_production) in [
            ("https://a.example/keys", true, true),
            ("http://127.0.0.1:1/keys", true, false),
            ("http://[::1]:1/keys", true, false),
            ("http://localhost/keys", true, false),
            ("http://127.0.0.1.example/keys", false, false),
            ("http://10.0.0.1/keys", false, false),
            ("ftp://127.0.0.1/keys", false, false),
        ] {
            let is_allowed = |profile| keys_url(text, profile).is_some();
            let seen = (is_allowed(Profile::Development), is_allowed(Profile::Production));
            assert_eq!(seen, (in_development, in_production), "{text}");
        }
    }
}
