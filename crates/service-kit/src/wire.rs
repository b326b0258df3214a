//! What a connection to a part on another machine has to be: one that nobody can listen to, and not under an account whose
//! password everybody knows.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use crate::config::Profile;

/// The account that `RabbitMQ` is installed with; a URL without an account means it.
const GUEST: &str = "guest";
/// Options of `MongoDB` that take any certificate.
const UNCHECKED: [&str; 3] = ["tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames"];

/// A URL of `amqp://` or `amqps://`.
///
/// # Errors
/// What is wrong with it, without its values.
pub(crate) fn check_broker(url: &str, profile: Profile) -> Result<(), &'static str> {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("amqp")) else {
        return Ok(());
    };
    let (account, hosts) = authority(rest);
    if hosts.iter().all(|host| is_loopback(host)) {
        return Ok(());
    }
    let user = account.unwrap_or_default().split(':').next().unwrap_or_default();
    let user = percent_decode_str(user).decode_utf8_lossy();
    if user.is_empty() || user == GUEST {
        return Err("a broker on another machine needs an account of its own: everybody knows the one of `guest`");
    }
    if profile == Profile::Production && scheme != "amqps" {
        return Err("the production profile reaches a broker on another machine over TLS alone: amqps://");
    }
    Ok(())
}

/// A URL of `mongodb://`.
///
/// # Errors
/// What is wrong with it, without its values.
pub(crate) fn check_database(url: &str, profile: Profile) -> Result<(), &'static str> {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("mongodb")) else {
        return Ok(());
    };
    let options: Vec<_> = rest.split_once('?').map_or("", |(_, options)| options).split('&').collect();
    let is_set = |name: &str| {
        let on = |option: &&str| {
            option.split_once('=').is_some_and(|(key, value)| key.eq_ignore_ascii_case(name) && value == "true")
        };
        options.iter().any(on)
    };
    if UNCHECKED.into_iter().any(is_set) {
        return Err("certificates are always checked: name the authority's with tlsCAFile instead");
    }
    let (_, hosts) = authority(rest);
    let is_safe = scheme == "mongodb+srv" || is_set("tls") || is_set("ssl");
    if profile == Profile::Production && !is_safe && !hosts.iter().all(|host| is_loopback(host)) {
        return Err("the production profile reaches a database on another machine over TLS alone: tls=true");
    }
    Ok(())
}

/// A URL of `s3://`, and where the environment says that its server is.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn check_storage<'a>(
    url: &'a str,
    endpoints: impl IntoIterator<Item = &'a str>,
    profile: Profile,
) -> Result<(), &'static str> {
    let of_url = url.strip_prefix("s3://").and_then(|place| place.split_once("?endpoint="));
    let is_open = |endpoint: &str| {
        let plain = endpoint.strip_prefix("http://");
        plain.is_some_and(|rest| !authority(rest).1.iter().all(|host| is_loopback(host)))
    };
    let mut all = endpoints.into_iter().chain(of_url.map(|(_, endpoint)| endpoint));
    if profile == Profile::Production && url.starts_with("s3://") && all.any(is_open) {
        return Err("the production profile reaches an object store on another machine over TLS alone: https://");
    }
    Ok(())
}

/// The account of a URL behind its scheme, as it is written, and its hosts without ports.
fn authority(rest: &str) -> (Option<&str>, Vec<&str>) {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (account, hosts) = match authority.rsplit_once('@') {
        Some((account, hosts)) => (Some(account), hosts),
        None => (None, authority),
    };
    (account, hosts.split(',').map(host_of).collect())
}

/// `host` of `host:port`, `[address]:port` and either without a port.
fn host_of(text: &str) -> &str {
    match text.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => text.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_account_of_a_broker_is_for_this_machine_alone() {
        for url in ["amqp://guest:guest@127.0.0.1:5672/%2f", "amqp://localhost", "amqp://[::1]:5672", "memory://"] {
            assert_eq!(check_broker(url, Profile::Production), Ok(()), "{url}");
        }
        for url in [
            "amqp://10.0.0.7:5672/%2f",
            "amqps://rabbit.example",
            "amqp://guest:a%20long%20one@rabbit.example/%2f",
            "amqp://gu%65st:x@rabbit.example",
            "amqp://:x@rabbit.example",
            "amqp://guest@127.0.0.1.example:5672",
        ] {
            for profile in [Profile::Development, Profile::Production] {
                assert!(check_broker(url, profile).is_err_and(|why| why.contains("`guest`")), "{url}");
            }
        }
        assert_eq!(check_broker("amqp://tasks:x@rabbit.example", Profile::Development), Ok(()));
    }

    #[test]
    fn in_production_other_machines_are_reached_over_tls_alone_and_certificates_are_checked() {
        const TLS: &str = "over TLS alone";
        let production = Profile::Production;
        assert!(check_broker("amqp://tasks:x@rabbit.example", production).is_err_and(|why| why.contains(TLS)));
        assert_eq!(check_broker("amqps://tasks:x@rabbit.example", production), Ok(()));
        for url in [
            "mongodb://db.example/dallosh",
            "mongodb://u:p@127.0.0.1:27017,db.example:27017/dallosh?replicaSet=a",
            "mongodb://db.example/dallosh?tls=false",
        ] {
            assert!(check_database(url, production).is_err_and(|why| why.contains(TLS)), "{url}");
            assert_eq!(check_database(url, Profile::Development), Ok(()), "{url}");
        }
        for url in [
            "mongodb://u:p@127.0.0.1:27017/dallosh",
            "mongodb://[::1]:27017,localhost:27018/x",
            "mongodb://db.example,db2.example/dallosh?replicaSet=a&TLS=true",
            "mongodb://db.example/?ssl=true",
            "sqlite:///srv/dallosh.db",
        ] {
            assert_eq!(check_database(url, production), Ok(()), "{url}");
        }
        for option in ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"] {
            let url = format!("mongodb://db.example/x?tls=true&{option}=true");
            for profile in [Profile::Development, production] {
                assert!(check_database(&url, profile).is_err_and(|why| why.contains("always checked")), "{url}");
            }
        }
        assert!(check_storage("s3://b/p?endpoint=http://10.0.0.9:9000", [], production).is_err());
        assert!(check_storage("s3://b/p", ["http://minio.example"], production).is_err());
        for (url, endpoint) in [
            ("s3://b/p", "https://minio.example"),
            ("s3://b/p?endpoint=http://127.0.0.1:9000", "http://localhost:9000"),
            ("file:///srv/storage", "http://minio.example"),
        ] {
            assert_eq!(check_storage(url, [endpoint], production), Ok(()), "{url} {endpoint}");
        }
    }
}
