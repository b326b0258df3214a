//! Which base URLs may be used at all.

use std::net::IpAddr;

use reqwest::Url;

use super::address::{Network, network};

/// The longest base URL that is looked at, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Services that listen on a developer's machine and speak no HTTP to models, beside the ports below 1024.
const FOREIGN_PORTS: [u16; 12] = [1433, 2049, 2375, 2379, 3306, 5432, 5671, 5672, 6379, 9200, 11211, 27017];

/// The origins that an operator allows models to be asked at.
///
/// Nothing else is ever connected to. An entry is an origin such as `https://api.openai.com` or `http://ollama:11434`:
/// scheme, host and port have to be the same.
#[derive(Debug, Clone, Default)]
pub struct UrlPolicy {
    listed: Vec<Url>,
    loopback: bool,
}

/// An entry of the operator's list that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin such as https://api.example.com or http://ollama:11434")]
pub struct InvalidOrigin(String);

/// Why a base URL may not be used. No request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum UrlRefused {
    /// Nothing is there.
    #[error("the base URL is empty")]
    Empty,
    /// It has more than 2,048 bytes.
    #[error("the base URL is longer than 2048 bytes")]
    TooLong,
    /// It does not parse, or has white space, control characters or backslashes in it.
    #[error("the base URL is malformed")]
    Malformed,
    /// It is neither http nor https.
    #[error("the base URL is neither http nor https")]
    Scheme,
    /// It has a user name or password, or an `@` where one would stand.
    #[error("the base URL has a user name in it")]
    Userinfo,
    /// It has a query or a fragment.
    #[error("the base URL has a query or a fragment")]
    QueryOrFragment,
    /// The operator's list does not have its origin.
    #[error("the operator does not allow this origin")]
    NotListed,
    /// A key would travel unencrypted over a network.
    #[error("a key is only sent over https or to this machine")]
    PlaintextKey,
}

/// Where an allowed URL leads, and how much its addresses are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The operator listed the origin.
    Listed,
    /// The development profile allows this machine.
    Loopback,
}

impl UrlPolicy {
    /// Makes a policy of the operator's origins; `loopback` adds `localhost`, `127.0.0.0/8` and `::1` on the usual HTTP
    /// ports and all above 1023 that belong to no well-known other service, for the development profile.
    pub fn new(allowed_origins: &[String], loopback: bool) -> Result<Self, InvalidOrigin> {
        let parse =
            |text: &String| parse(text).ok().filter(|url| url.path() == "/").ok_or_else(|| InvalidOrigin(text.clone()));
        Ok(Self { listed: allowed_origins.iter().map(parse).collect::<Result<_, _>>()?, loopback })
    }

    pub(super) fn trust(&self, url: &Url) -> Option<Trust> {
        if self.listed.iter().any(|listed| listed.origin() == url.origin()) {
            return Some(Trust::Listed);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let web = matches!(port, 80 | 443) || (port >= 1024 && !FOREIGN_PORTS.contains(&port));
        (self.loopback && web && names_this_machine(url)).then_some(Trust::Loopback)
    }
}

/// Says whether the URL itself names this machine: no address that only maps to it, and no name that resolves to it.
fn names_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse().is_ok_and(|address: IpAddr| network(address) == Network::Loopback),
        None => false,
    }
}

/// Checks a base URL that somebody typed; `with_key` says whether a key will be sent there.
///
/// # Errors
/// The first [`UrlRefused`] that applies. Only the text is looked at: names are resolved and their addresses checked
/// each time a connection is made.
pub fn check_base_url(text: &str, with_key: bool, policy: &UrlPolicy) -> Result<Url, UrlRefused> {
    let url = parse(text)?;
    if policy.trust(&url).is_none() {
        return Err(UrlRefused::NotListed);
    }
    if with_key && url.scheme() == "http" && !names_this_machine(&url) {
        return Err(UrlRefused::PlaintextKey);
    }
    Ok(url)
}

fn parse(text: &str) -> Result<Url, UrlRefused> {
    if text.is_empty() {
        return Err(UrlRefused::Empty);
    }
    if text.len() > MAX_URL_BYTES {
        return Err(UrlRefused::TooLong);
    }
    // The parser drops tabs and line ends and turns backslashes into slashes; what is typed and what is used are the same.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(UrlRefused::Malformed);
    }
    let url = Url::parse(text).map_err(|_| UrlRefused::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlRefused::Scheme);
    }
    let (_, rest) = text.split_once("://").ok_or(UrlRefused::Malformed)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlRefused::Userinfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlRefused::QueryOrFragment);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn policy(origins: &[&str], loopback: bool) -> UrlPolicy {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        UrlPolicy::new(&origins, loopback).unwrap()
    }

    fn check(text: &str, policy: &UrlPolicy) -> Result<Url, UrlRefused> {
        check_base_url(text, false, policy)
    }

    #[test]
    fn no_base_url_outside_the_list_is_accepted_however_it_is_spelled() {
        use UrlRefused::{Empty, Malformed, NotListed, QueryOrFragment, Scheme, Userinfo};
        let policy = policy(&["https://api.openai.com", "http://localhost:11434"], false);
        let cases = [
            ("", Empty),
            ("file:///etc/passwd", Scheme),
            ("gopher://localhost:11434/", Scheme),
            ("ftp://api.openai.com/", Scheme),
            ("javascript:alert(1)", Scheme),
            ("api.openai.com", Malformed),
            ("https:api.openai.com", Malformed),
            ("http://169.254.169.254/", NotListed),
            ("http://169.254.169.254/v1", NotListed),
            ("http://[fd00:ec2::254]/", NotListed),
            ("http://metadata.google.internal/", NotListed),
            ("http://2130706433/", NotListed),
            ("http://0x7f.1:11434/", NotListed),
            ("http://127.1:11434/", NotListed),
            ("http://[::ffff:127.0.0.1]:11434/", NotListed),
            ("http://0.0.0.0:11434/", NotListed),
            ("http://localhost.:11434/", NotListed),
            ("https://api.openai.com@evil.example/", Userinfo),
            ("https://evil.example@api.openai.com/", Userinfo),
            ("https://@api.openai.com/", Userinfo),
            ("https://api.openai.com/v1#", QueryOrFragment),
            ("https://api.openai.com#.evil.example/", QueryOrFragment),
            ("https://api.openai.com/v1?x=1", QueryOrFragment),
            ("https://api.openai.com\\.evil.example/", Malformed),
            ("https://api.openai.com\t.evil.example/", Malformed),
            ("ht\ntps://api.openai.com/", Malformed),
            (" https://api.openai.com/", Malformed),
            ("https://api.openai.com.evil.example/", NotListed),
            ("https://api.openai.com:8443/", NotListed),
            ("http://api.openai.com/", NotListed),
            ("https://\u{430}pi.openai.com/", NotListed),
            ("http://localhost:22/", NotListed),
            ("http://localhost:5672/", NotListed),
            ("http://localhost:27017/", NotListed),
            ("http://localhost:6379/", NotListed),
        ];
        for (text, refused) in cases {
            assert_eq!(check(text, &policy), Err(refused), "{text}");
        }
    }

    #[test]
    fn a_listed_origin_is_accepted_with_any_path() {
        let policy = policy(&["https://api.openai.com", "http://localhost:11434"], false);
        for text in ["https://api.openai.com", "https://API.openai.com:443/v1/", "http://localhost:11434"] {
            assert!(check(text, &policy).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_odd_spelling_of_a_listed_address_is_that_address() {
        let policy = policy(&["http://10.0.0.7:8000"], false);
        for text in ["http://10.0.0.7:8000/v1", "http://167772167:8000/v1", "http://0xa.7:8000/v1"] {
            assert_eq!(check(text, &policy).unwrap().host_str(), Some("10.0.0.7"), "{text}");
        }
    }

    #[test]
    fn the_development_profile_adds_this_machine_and_nothing_else() {
        let policy = policy(&[], true);
        for text in ["http://localhost:11434", "http://127.0.0.1:9/", "http://[::1]:8080", "http://127.0.0.1:40000/v1"]
        {
            assert_eq!(check(text, &policy).is_ok(), !text.ends_with(":9/"), "{text}");
        }
        for text in [
            "http://localhost:22/",
            "http://127.0.0.1:5672/",
            "http://127.0.0.1:27017/",
            "http://127.0.0.1:6379/",
            "http://10.0.0.1:8080/",
            "http://0.0.0.0:8080/",
            "http://[::ffff:127.0.0.1]:8080/",
            "http://localhost.:8080/",
            "http://localhost.evil.example:8080/",
            "http://169.254.169.254/v1",
            "https://api.openai.com/v1",
        ] {
            assert_eq!(check(text, &policy), Err(UrlRefused::NotListed), "{text}");
        }
    }

    #[test]
    fn a_key_goes_nowhere_in_plain_text() {
        let policy = policy(&["http://models.example:8000", "https://models.example"], true);
        let check = |text| check_base_url(text, true, &policy).err();
        assert_eq!(check("http://models.example:8000/v1"), Some(UrlRefused::PlaintextKey));
        assert_eq!(check("https://models.example/v1"), None);
        assert_eq!(check("http://127.0.0.1:8000/v1"), None);
        assert!(check_base_url("http://models.example:8000/v1", false, &policy).is_ok());
    }

    #[test]
    fn a_url_of_2048_bytes_is_looked_at_and_one_of_2049_is_not() {
        let policy = policy(&["https://a.example"], false);
        let long = |bytes: usize| format!("https://a.example/{}", "x".repeat(bytes - "https://a.example/".len()));
        assert!(check(&long(2048), &policy).is_ok());
        assert_eq!(check(&long(2049), &policy), Err(UrlRefused::TooLong));
    }

    #[test]
    fn the_operators_list_holds_origins_only() {
        for entry in
            ["*", "https://*/path", "https://a.example/v1", "https://u@a.example", "a.example", "ftp://a.example"]
        {
            assert_eq!(UrlPolicy::new(&[entry.to_owned()], false).unwrap_err(), InvalidOrigin(entry.to_owned()));
        }
    }

    /// An address, and a spelling of it that a URL may have: one to four numbers, of which the last one stands for all that
    /// is left, each of them decimal, octal or hexadecimal.
    fn spelled() -> impl Strategy<Value = (Ipv4Addr, String)> {
        let addresses = prop_oneof![
            any::<u32>(),
            (0_u32..1 << 24).prop_map(|rest| 127 << 24 | rest),
            (0_u32..1 << 24).prop_map(|rest| 10 << 24 | rest),
            (0_u32..1 << 16).prop_map(|rest| 169 << 24 | 254 << 16 | rest),
            (0_u32..1 << 16).prop_map(|rest| 192 << 24 | 168 << 16 | rest),
        ];
        (addresses, 1_usize..=4, vec(0..4, 4)).prop_map(|(bits, parts, bases)| {
            let first = bits.to_be_bytes().map(u32::from);
            let rest = u64::from(bits) & ((1 << (8 * (5 - parts))) - 1);
            let numbers = first[..parts - 1].iter().map(|part| u64::from(*part)).chain([rest]);
            let written = numbers.zip(bases).map(|(number, base)| match base {
                0 => format!("{number}"),
                1 => format!("0{number:o}"),
                2 => format!("0x{number:x}"),
                _ => format!("0X{number:X}"),
            });
            (Ipv4Addr::from(bits), written.collect::<Vec<_>>().join("."))
        })
    }

    /// Texts of what URLs are made of.
    fn typed() -> impl Strategy<Value = String> {
        let pieces = [
            "http://",
            "https://",
            "HTTPS://",
            "//",
            "api.openai.com",
            "evil.example",
            "10.0.0.7",
            "167772167",
            "0xa.7",
            "[::ffff:10.0.0.7]",
            "[::1]",
            "localhost",
            ".",
            "%2e",
            ":8000",
            ":443",
            "@",
            "user:pw@",
            "/",
            "\\",
            "#",
            "?",
            "\t",
            " ",
            "\u{ff0f}",
            "\u{3002}",
            "\u{ad}",
            "v1",
        ];
        vec(select(pieces.to_vec()), 1..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn an_address_is_judged_as_the_one_that_it_is_in_any_spelling((address, text) in spelled(), port in 8000_u16..9000) {
            let (none, machine) = (policy(&["https://api.openai.com"], false), policy(&[], true));
            let listed = policy(&[&format!("http://{address}:{port}")], false);
            let url = format!("http://{text}:{port}/v1");
            prop_assert_eq!(check(&url, &none), Err(UrlRefused::NotListed));
            prop_assert_eq!(check(&url, &machine).is_ok(), address.is_loopback(), "{} {}", url, address);
            let host = check(&url, &listed).unwrap().host_str().map(str::to_owned);
            prop_assert_eq!(host, Some(address.to_string()));
            let mapped = format!("http://[::ffff:{address}]:{port}/v1");
            for policy in [&none, &machine, &listed] {
                prop_assert_eq!(check(&mapped, policy), Err(UrlRefused::NotListed));
            }
        }

        #[test]
        fn whatever_is_typed_leads_to_a_listed_origin_or_nowhere(text in prop_oneof![typed(), "\\PC{0,40}"]) {
            let listed = ["https://api.openai.com", "http://10.0.0.7:8000"];
            if let Ok(url) = check(&text, &policy(&listed, false)) {
                prop_assert!(listed.contains(&&*url.origin().ascii_serialization()), "{} is {}", text, url);
                prop_assert!(url.username().is_empty() && url.password().is_none());
            }
        }
    }
}
