use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr,
};

use dallosh_failpoints::Plan;
use dallosh_primitives::ByteSize;
use dallosh_secrets::{KeyError, MasterKeys};
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    issuer::{self, Issuer},
    wire,
};

/// The prefix of environment variables that are configuration; `__` separates the parts of a key.
const PREFIX: &str = "DALLOSH__";
/// What is allowed for a list of origins.
const ORIGINS: &str = "origins separated by commas";
/// Where the S3 SDK looks for the server, when the URL does not name it.
const S3_ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];
/// The environment variable with the points at which a test makes the process fail; no other layer has it.
const FAILPOINTS: &str = "FAILPOINTS";

/// How strict the process is about defaults that only suit a developer's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Known accounts, loopback model servers allowed.
    Development,
    /// Nothing that is known to everybody.
    Production,
}

/// A service that the binary can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceName {
    /// The public door.
    Gateway,
    /// Users, sessions, tokens.
    Auth,
    /// Datasets.
    Files,
    /// Task documents and control.
    Tasks,
    /// The worker.
    Enrichment,
    /// Settings and models.
    Admin,
    /// Looking at results.
    Query,
}

impl ServiceName {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 7] =
        [Self::Auth, Self::Admin, Self::Files, Self::Tasks, Self::Enrichment, Self::Query, Self::Gateway];

    /// The name on the command line and in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Auth => "auth",
            Self::Files => "files",
            Self::Tasks => "tasks",
            Self::Enrichment => "enrichment",
            Self::Admin => "admin",
            Self::Query => "query",
        }
    }

    /// The port of the service when it runs alone.
    const fn default_port(self) -> u16 {
        match self {
            Self::Gateway => 5006,
            Self::Auth => 5011,
            Self::Files => 5012,
            Self::Tasks => 5013,
            Self::Enrichment => 5014,
            Self::Admin => 5015,
            Self::Query => 5016,
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// This environment variable.
    Environment(String),
    /// This file.
    File(PathBuf),
    /// Compiled in.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The layers, strongest first: flags, environment, file.
#[derive(Debug, Default)]
pub struct Sources {
    /// Keys set on the command line.
    pub flags: Vec<(&'static str, String)>,
    /// Environment variables; only those that begin with `DALLOSH__` count, `FAILPOINTS`, and where the S3 SDK finds its
    /// server.
    pub environment: Vec<(String, String)>,
    /// A TOML file and its text.
    pub file: Option<(PathBuf, String)>,
}

impl Sources {
    /// The process's environment and `dallosh.toml` in the working directory, when there is one.
    pub fn of_process(flags: Vec<(&'static str, String)>) -> Self {
        // What is not Unicode is not ours; `vars` would panic over it.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let path = PathBuf::from("dallosh.toml");
        let file = std::fs::read_to_string(&path).ok().map(|text| (path, text));
        Self { flags, environment, file }
    }
}

/// Where a certificate with its chain, and its key, are kept as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// `gateway.tls_certificate`.
    pub certificate: PathBuf,
    /// `gateway.tls_key`.
    pub key: PathBuf,
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `profile`.
    pub profile: Profile,
    /// `listen`: the public address of the gateway.
    pub listen: SocketAddr,
    /// `data_dir`: what relative paths are relative to, made absolute.
    pub data_dir: PathBuf,
    /// `gateway.trusted_proxies`: whose word about the client's address and scheme the gateway believes.
    pub trusted_proxies: Vec<IpNet>,
    /// `gateway.requests_per_second`: of one user, or of one address that is signed in as nobody.
    pub requests_per_second: NonZeroU32,
    /// `gateway.connections_per_address`: how many may be open from one address that is no trusted proxy.
    pub connections_per_address: NonZeroU32,
    /// With what the gateway speaks TLS; plain HTTP without.
    pub tls: Option<TlsFiles>,
    /// `gateway.allowed_origins`: whose pages may read the answers of the gateway, with a token.
    pub page_origins: Vec<String>,
    /// `database.url`.
    pub database_url: String,
    /// `broker.url`.
    pub broker_url: String,
    /// `storage.url`.
    pub storage_url: String,
    /// `services.<name>.listen`: where a service listens when it runs alone.
    pub service_listen: BTreeMap<ServiceName, SocketAddr>,
    /// `services.<name>.url`: where the others find it.
    pub service_url: BTreeMap<ServiceName, String>,
    /// `tasks.lease_seconds`: silence after which another worker takes a task.
    pub lease_seconds: u64,
    /// `tasks.max_parallel`: tasks that a worker runs at once.
    pub max_parallel: u32,
    /// `tasks.max_running_per_user`: tasks of one user that run at once, on all workers; more wait in the queue.
    pub max_running_per_user: u32,
    /// `tasks.max_rows_per_user_per_day`: rows of one user's tasks that go to models other than the one inside within a day.
    pub max_rows_per_user_per_day: u64,
    /// `files.max_bytes`.
    pub max_upload: ByteSize,
    /// `files.max_per_user`: how many datasets a user may have, those on their way included.
    pub max_files_per_user: u64,
    /// `files.max_bytes_per_user`: how large they may be together.
    pub max_bytes_per_user: ByteSize,
    /// `storage.reserve_bytes`: room that uploads leave free.
    pub storage_reserve: ByteSize,
    /// `models.allowed_origins`.
    pub allowed_origins: Vec<String>,
    /// `logs.anchors`: the file to which the ends of the activity log are added.
    pub log_anchors: PathBuf,
    /// `auth.admin_email`.
    pub admin_email: Option<String>,
    /// `auth.admin_password`.
    pub admin_password: Option<SecretString>,
    /// `auth.breached_passwords`: a list of passwords that leaked, as Have I Been Pwned publishes it.
    pub breached_passwords: Option<PathBuf>,
    /// `auth.issuers`: who else may say who users are.
    pub issuers: Vec<Issuer>,
    /// `auth.master_key`.
    pub master_key: Option<SecretString>,
    /// `auth.previous_master_keys`: what was sealed under them still opens.
    pub previous_master_keys: Vec<SecretString>,
    /// `FAILPOINTS`: where the process is made to fail; nothing in the production profile.
    pub failpoints: Plan,
    effective: Vec<(String, String, Origin)>,
}

impl Config {
    /// Whether there are accounts with a password that everybody knows: for trying out on this machine, and for nobody
    /// who comes from another one.
    pub fn has_known_accounts(&self) -> bool {
        self.profile == Profile::Development && self.listen.ip().is_loopback()
    }

    /// Reads the layers and checks every value.
    ///
    /// # Errors
    /// All problems at once, each naming the key, its origin and what is allowed.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(sources);
        let profile = reader.parse("profile", "development", "development or production", |text| match text {
            "development" => Some(Profile::Development),
            "production" => Some(Profile::Production),
            _ => None,
        });
        let address = "an address and a port, such as 127.0.0.1:5006";
        let listen = reader.parse("listen", "127.0.0.1:5006", address, parsed);
        let trusted_proxies = reader.parse(
            "gateway.trusted_proxies",
            "",
            "addresses or networks such as 10.0.0.0/8, separated by commas",
            |text| {
                text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(network).collect::<Option<Vec<_>>>()
            },
        );
        let requests_per_second =
            reader.parse("gateway.requests_per_second", "100", "a whole number from 1", parsed::<NonZeroU32>);
        let connections_per_address =
            reader.parse("gateway.connections_per_address", "500", "a whole number from 1", parsed::<NonZeroU32>);
        let data_dir = reader.parse("data_dir", "data", "a folder", |text| {
            std::path::absolute(Path::new(text)).ok().filter(|_| !text.is_empty())
        });
        let below = |path: &str| data_dir.clone().unwrap_or_default().join(path).display().to_string();
        let database_url = reader.parse(
            "database.url",
            "sqlite://dallosh.db",
            "sqlite://FILE or mongodb://HOST:PORT/DATABASE",
            |text| match text.strip_prefix("sqlite://") {
                Some(path) => (!path.is_empty()).then(|| format!("sqlite://{}", below(path))),
                None => (text.starts_with("mongodb://") || text.starts_with("mongodb+srv://")).then(|| text.to_owned()),
            },
        );
        let broker_url = reader.parse("broker.url", "memory://", "memory:// or amqp://HOST:PORT/VHOST", |text| {
            (text == "memory://" || text.starts_with("amqp://") || text.starts_with("amqps://"))
                .then(|| text.to_owned())
        });
        let storage_url =
            reader.parse("storage.url", "file://storage", "file://FOLDER or s3://BUCKET/PREFIX", |text| {
                match text.strip_prefix("file://") {
                    Some(path) => (!path.is_empty()).then(|| format!("file://{}", below(path))),
                    None => text.starts_with("s3://").then(|| text.to_owned()),
                }
            });
        let mut service_listen = BTreeMap::new();
        let mut service_url = BTreeMap::new();
        for name in ServiceName::ALL {
            let default = format!("127.0.0.1:{}", name.default_port());
            let key = format!("services.{}.listen", name.as_str());
            service_listen.insert(name, reader.parse(&key, &default, address, parsed::<SocketAddr>));
            let key = format!("services.{}.url", name.as_str());
            let url = reader.parse(&key, &format!("http://{default}"), "http://HOST:PORT", |text| {
                (text.starts_with("http://") || text.starts_with("https://"))
                    .then(|| text.trim_end_matches('/').to_owned())
            });
            service_url.insert(name, url);
        }
        let lease_seconds = reader.number("tasks.lease_seconds", 30, 1, 3600);
        let max_parallel = reader.number("tasks.max_parallel", 2, 1, 64);
        let max_running_per_user = reader.number("tasks.max_running_per_user", 16, 1, 1_000);
        let max_rows_per_user_per_day =
            reader.number("tasks.max_rows_per_user_per_day", 10_000_000, 1, 1_000_000_000_000);
        let max_files_per_user = reader.number("files.max_per_user", 1_000, 1, 1_000_000);
        let max_bytes_per_user =
            reader.parse("files.max_bytes_per_user", "100 GiB", "a size such as 100 GiB", |text| {
                parsed::<ByteSize>(text).filter(|size| size.0 > 0)
            });
        let max_upload = reader.parse("files.max_bytes", "512 MiB", "a size such as 512 MiB", |text| {
            parsed::<ByteSize>(text).filter(|size| size.0 > 0)
        });
        let storage_reserve =
            reader.parse("storage.reserve_bytes", "1 GiB", "a size such as 1 GiB", parsed::<ByteSize>);
        let tls = reader.tls(below);
        let page_origins = reader.parse("gateway.allowed_origins", "", ORIGINS, origins);
        let allowed_origins = reader.parse("models.allowed_origins", "", ORIGINS, origins);
        let log_anchors = reader.parse("logs.anchors", "anchors", "a file", |text| {
            let folder = data_dir.clone().unwrap_or_default();
            (!text.is_empty()).then(|| folder.join(text))
        });
        let admin_email = reader.optional("auth.admin_email", "an e-mail address", |text| text.contains('@'));
        let admin_password = reader.secret("auth.admin_password");
        let breached_passwords = reader.optional("auth.breached_passwords", "a file", |text| !text.is_empty());
        let breached_passwords = breached_passwords.map(|path| PathBuf::from(below(&path)));
        let issuers = reader.parse("auth.issuers", "", issuer::ALLOWED, |text| {
            issuer::parse(text, profile.unwrap_or(Profile::Development))
        });
        let master_key = reader.secret("auth.master_key");
        let previous = reader.secret("auth.previous_master_keys");
        let previous_master_keys = previous.iter().flat_map(|keys| keys.expose_secret().split(','));
        let previous_master_keys =
            previous_master_keys.map(str::trim).filter(|key| !key.is_empty()).map(SecretString::from).collect();
        let failpoints = reader.failpoints(sources, profile);
        let strict = profile.unwrap_or(Profile::Production);
        let environment = sources.environment.iter().filter(|(name, _)| S3_ENDPOINTS.contains(&name.as_str()));
        let endpoints = environment.map(|(_, endpoint)| endpoint.as_str());
        for (key, checked) in [
            ("database.url", database_url.as_deref().map(|url| wire::check_database(url, strict))),
            ("broker.url", broker_url.as_deref().map(|url| wire::check_broker(url, strict))),
            ("storage.url", storage_url.as_deref().map(|url| wire::check_storage(url, endpoints, strict))),
        ] {
            if let Some(Err(reason)) = checked {
                reader.errors.push(format!("{key}: {reason}"));
            }
        }
        reader.finish(|effective| {
            Some(Self {
                profile: profile?,
                listen: listen?,
                trusted_proxies: trusted_proxies?,
                requests_per_second: requests_per_second?,
                connections_per_address: connections_per_address?,
                tls,
                page_origins: page_origins?,
                data_dir: data_dir?,
                database_url: database_url?,
                broker_url: broker_url?,
                storage_url: storage_url?,
                service_listen: service_listen
                    .into_iter()
                    .map(|(name, at)| Some((name, at?)))
                    .collect::<Option<_>>()?,
                service_url: service_url.into_iter().map(|(name, url)| Some((name, url?))).collect::<Option<_>>()?,
                lease_seconds: lease_seconds?,
                max_parallel: u32::try_from(max_parallel?).ok()?,
                max_running_per_user: u32::try_from(max_running_per_user?).ok()?,
                max_rows_per_user_per_day: max_rows_per_user_per_day?,
                max_files_per_user: max_files_per_user?,
                max_bytes_per_user: max_bytes_per_user?,
                max_upload: max_upload?,
                storage_reserve: storage_reserve?,
                allowed_origins: allowed_origins?,
                log_anchors: log_anchors?,
                admin_email,
                admin_password,
                breached_passwords,
                issuers: issuers?,
                master_key,
                previous_master_keys,
                failpoints,
                effective,
            })
        })
    }

    /// Every key with its value (secrets and passwords in URLs masked) and its origin.
    pub fn effective(&self) -> &[(String, String, Origin)] {
        &self.effective
    }

    /// The master keys: as configured, and of the data folder.
    ///
    /// # Errors
    /// As [`MasterKeys::open`].
    pub fn master_keys(&self) -> Result<MasterKeys, KeyError> {
        MasterKeys::open(self.master_key.as_ref(), &self.previous_master_keys, &self.data_dir)
    }

    /// Where a service is found.
    pub fn url_of(&self, name: ServiceName) -> &str {
        self.service_url.get(&name).map_or("", String::as_str)
    }
}

/// Origins, separated by commas.
fn origins(text: &str) -> Option<Vec<String>> {
    let origins: Vec<_> = text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    origins.iter().all(|one| one.starts_with("http://") || one.starts_with("https://")).then_some(origins)
}

/// A network, or an address as the network of it alone.
fn network(text: &str) -> Option<IpNet> {
    parsed::<IpNet>(text).or_else(|| parsed::<IpAddr>(text).map(IpNet::from))
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Hands out the values key by key, and gathers what is wrong with them.
struct Reader {
    raw: BTreeMap<String, (String, Origin)>,
    read: BTreeSet<String>,
    effective: Vec<(String, String, Origin)>,
    errors: Vec<String>,
}

impl Reader {
    fn new(sources: &Sources) -> Self {
        let (mut raw, mut errors) = (BTreeMap::new(), Vec::new());
        if let Some((path, text)) = &sources.file {
            match text.parse::<toml::Table>() {
                Ok(table) => flatten("", &toml::Value::Table(table), &mut |key, value| {
                    raw.insert(key, (value, Origin::File(path.clone())));
                }),
                Err(error) => {
                    // Its own text quotes the line, which may hold a secret.
                    let line = error
                        .span()
                        .and_then(|span| text.get(..span.start))
                        .map_or(1, |before| before.lines().count().max(1));
                    errors.push(format!("{}: line {line}: {}", path.display(), error.message()));
                }
            }
        }
        for (name, value) in &sources.environment {
            if let Some(key) = name.strip_prefix(PREFIX) {
                raw.insert(key.to_lowercase().replace("__", "."), (value.clone(), Origin::Environment(name.clone())));
            }
        }
        for (key, value) in &sources.flags {
            raw.insert((*key).to_owned(), (value.clone(), Origin::Flag));
        }
        Self { raw, read: BTreeSet::new(), effective: Vec::new(), errors }
    }

    fn take(&mut self, key: &str) -> Option<(String, Origin)> {
        self.read.insert(key.to_owned());
        self.raw.get(key).cloned()
    }

    fn parse<T>(&mut self, key: &str, default: &str, allowed: &str, turn: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (text, origin) = self.take(key).unwrap_or_else(|| (default.to_owned(), Origin::Default));
        let value = turn(&text);
        if value.is_none() {
            self.errors.push(format!("{key}: `{}` ({origin}) is not allowed: {allowed}", masked(&text)));
        }
        self.effective.push((key.to_owned(), masked(&text), origin));
        value
    }

    fn number(&mut self, key: &str, default: u64, least: u64, most: u64) -> Option<u64> {
        self.parse(key, &default.to_string(), &format!("a whole number from {least} to {most}"), |text| {
            parsed(text).filter(|number| (least..=most).contains(number))
        })
    }

    fn optional(&mut self, key: &str, allowed: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
        let (text, origin) = self.take(key)?;
        if !fits(&text) {
            self.errors.push(format!("{key}: `{text}` ({origin}) is not allowed: {allowed}"));
        }
        self.effective.push((key.to_owned(), text.clone(), origin));
        Some(text)
    }

    /// A certificate and its key, `below` the data folder unless absolute.
    fn tls(&mut self, below: impl Fn(&str) -> String) -> Option<TlsFiles> {
        let mut file = |key| self.optional(key, "a PEM file", |text| !text.is_empty());
        match (file("gateway.tls_certificate"), file("gateway.tls_key")) {
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: below(&certificate).into(), key: below(&key).into() })
            }
            (None, None) => None,
            _ => {
                self.errors
                    .push("gateway.tls_certificate and gateway.tls_key go together: set both or none".to_owned());
                None
            }
        }
    }

    fn secret(&mut self, key: &str) -> Option<SecretString> {
        let (text, origin) = self.take(key)?;
        self.effective.push((key.to_owned(), "********".to_owned(), origin));
        Some(text.into())
    }

    fn failpoints(&mut self, sources: &Sources, profile: Option<Profile>) -> Plan {
        let Some((_, text)) = sources.environment.iter().find(|(name, _)| name == FAILPOINTS) else {
            return Plan::none();
        };
        if profile == Some(Profile::Production) {
            self.errors.push(format!("{FAILPOINTS}: the production profile is never made to fail; unset it"));
        }
        text.parse().unwrap_or_else(|error| {
            self.errors.push(format!("{FAILPOINTS}: {error}"));
            Plan::none()
        })
    }

    fn finish(
        mut self,
        build: impl FnOnce(Vec<(String, String, Origin)>) -> Option<Config>,
    ) -> Result<Config, ConfigErrors> {
        for (key, (_, origin)) in &self.raw {
            if !self.read.contains(key) {
                self.errors.push(format!("{key} ({origin}) is no key; `dallosh config` lists them"));
            }
        }
        self.effective.sort_by(|a, b| a.0.cmp(&b.0));
        let config = build(self.effective);
        match config {
            Some(config) if self.errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors(self.errors)),
        }
    }
}

fn flatten(prefix: &str, value: &toml::Value, take: &mut impl FnMut(String, String)) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, take);
            }
        }
        toml::Value::Array(items) => {
            let items: Vec<_> =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            take(prefix.to_owned(), items.join(","));
        }
        toml::Value::String(text) => take(prefix.to_owned(), text.clone()),
        other => take(prefix.to_owned(), other.to_string()),
    }
}

/// The text without the user and password of a URL.
fn masked(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, place)) => format!("{scheme}://********@{place}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Sources {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sources { environment, ..Sources::default() }
    }

    #[test]
    fn every_wrong_value_is_named_at_once_with_its_origin_and_what_is_allowed() {
        let sources = Sources {
            file: Some(("dallosh.toml".into(), "profile = \"staging\"\n[tasks]\nlease_seconds = 0\nspeed = 3".into())),
            ..environment(&[("DALLOSH__BROKER__URL", "http://u:p@x")])
        };
        let ConfigErrors(errors) = Config::load(&sources).unwrap_err();
        assert_eq!(
            errors,
            [
                "profile: `staging` (file dallosh.toml) is not allowed: development or production",
                "broker.url: `http://********@x` (environment DALLOSH__BROKER__URL) is not allowed: memory:// or amqp://HOST:PORT/VHOST",
                "tasks.lease_seconds: `0` (file dallosh.toml) is not allowed: a whole number from 1 to 3600",
                "tasks.speed (file dallosh.toml) is no key; `dallosh config` lists them",
            ]
        );
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        let mut sources = environment(&[("DALLOSH__TASKS__MAX_PARALLEL", "4"), ("DALLOSH__LISTEN", "127.0.0.1:1")]);
        sources.file = Some((
            "dallosh.toml".into(),
            "listen = \"127.0.0.1:2\"\n[tasks]\nmax_parallel = 5\nlease_seconds = 6".into(),
        ));
        sources.flags = vec![("listen", "127.0.0.1:3".into())];
        let config = Config::load(&sources).unwrap();
        assert_eq!((config.listen.port(), config.max_parallel, config.lease_seconds), (3, 4, 6));
    }

    #[test]
    fn failpoints_are_for_development_only() {
        let set = |profile: &str, plan: &str| {
            Config::load(&environment(&[("DALLOSH__PROFILE", profile), ("FAILPOINTS", plan)]))
        };
        let plan = "page.post_llm=kill@3";
        assert_eq!(set("development", plan).unwrap().failpoints, plan.parse().unwrap());
        let ConfigErrors(errors) = set("production", plan).unwrap_err();
        assert_eq!(errors, ["FAILPOINTS: the production profile is never made to fail; unset it"]);
        let ConfigErrors(errors) = set("development", "nowhere=kill").unwrap_err();
        assert!(errors[0].starts_with("FAILPOINTS: `nowhere=kill` is no failpoint"), "{errors:?}");
    }

    #[test]
    fn secrets_are_masked_wherever_the_configuration_is_shown() {
        let sources = environment(&[
            ("DALLOSH__AUTH__ADMIN_PASSWORD", "canary-1"),
            ("DALLOSH__AUTH__PREVIOUS_MASTER_KEYS", "canary-3, canary-4"),
            ("DALLOSH__DATABASE__URL", "mongodb://me:canary-2@db:27017/x"),
        ]);
        let config = Config::load(&sources).unwrap();
        let shown = format!("{:?} {:?}", config.effective(), config.admin_password);
        assert_eq!(config.previous_master_keys.len(), 2);
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_file_that_does_not_parse_is_refused_by_its_line_without_quoting_it() {
        let text = "profile = \"development\"\n[auth]\nadmin_password = \"canary\n";
        let sources = Sources { file: Some(("dallosh.toml".into(), text.into())), ..Sources::default() };
        let ConfigErrors(errors) = Config::load(&sources).unwrap_err();
        assert!(errors[0].starts_with("dallosh.toml: line 3: ") && !errors[0].contains("canary"), "{errors:?}");
    }

    #[test]
    fn issuers_are_tables_of_the_file_or_the_same_as_inline_tables() {
        let tables = "[[auth.issuers]]\nissuer = \"https://a.example\"\naudience = \"api\"\ndefault_role = \"analyst\"\n\n\
            [[auth.issuers]]\nissuer = \"https://b.example\"\naudience = \"api\"\nrole_claim = \"groups\"\n\
            [auth.issuers.roles]\n\"the, boss\" = \"admin\"\n";
        let file = Sources { file: Some(("dallosh.toml".into(), tables.into())), ..Sources::default() };
        let inline = r#"{ issuer = "https://a.example", audience = "api", default_role = "analyst" },
            { issuer = "https://b.example", audience = "api", role_claim = "groups", roles = { "the, boss" = "admin" } }"#;
        let read = Config::load(&file).unwrap().issuers;
        assert_eq!((read.len(), read[1].roles["the, boss"].as_str()), (2, "admin"));
        assert_eq!(Config::load(&environment(&[("DALLOSH__AUTH__ISSUERS", inline)])).unwrap().issuers, read);
        let ConfigErrors(errors) = Config::load(&environment(&[("DALLOSH__AUTH__ISSUERS", "a.example")])).unwrap_err();
        assert!(errors[0].starts_with("auth.issuers: `a.example`") && errors[0].contains("audience"), "{errors:?}");
    }

    #[test]
    fn a_connection_that_others_could_listen_to_or_log_in_to_is_refused_without_telling_its_password() {
        let sources = environment(&[
            ("DALLOSH__PROFILE", "production"),
            ("DALLOSH__BROKER__URL", "amqps://guest:canary@rabbit.example"),
            ("DALLOSH__DATABASE__URL", "mongodb://u:canary@db.example/x"),
            ("DALLOSH__STORAGE__URL", "s3://bucket"),
            ("AWS_ENDPOINT_URL", "http://minio.example"),
        ]);
        let ConfigErrors(errors) = Config::load(&sources).unwrap_err();
        let keys: Vec<_> = errors.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
        assert_eq!(keys, ["database.url", "broker.url", "storage.url"], "{errors:?}");
        assert!(!errors.iter().any(|line| line.contains("canary")), "{errors:?}");
    }

    #[test]
    fn every_service_listens_on_this_machine_alone_unless_told_otherwise() {
        let config = Config::load(&Sources::default()).unwrap();
        let addresses = config.service_listen.values().chain([&config.listen]);
        assert!(addresses.clone().count() == 8 && addresses.clone().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn any_origin_is_no_origin() {
        for key in ["DALLOSH__GATEWAY__ALLOWED_ORIGINS", "DALLOSH__MODELS__ALLOWED_ORIGINS"] {
            let ConfigErrors(errors) = Config::load(&environment(&[(key, "https://bi.example, *")])).unwrap_err();
            assert!(errors[0].contains("allowed_origins: `https://bi.example, *`"), "{errors:?}");
        }
    }

    #[test]
    fn relative_places_lie_below_the_data_folder() {
        let sources = environment(&[("DALLOSH__DATA_DIR", "/srv/d")]);
        let config = Config::load(&sources).unwrap();
        assert_eq!(config.database_url, "sqlite:///srv/d/dallosh.db");
        assert_eq!(config.storage_url, "file:///srv/d/storage");
    }
}
