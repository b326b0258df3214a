//! Opens the parts that the configuration names, builds the services on them, and runs them: all or one.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dallosh_auth::Operator;
use dallosh_broker::Broker;
use dallosh_primitives::{ByteSize, Clock, SystemClock};
use dallosh_service_kit::{Config, Service, ServiceName, merge, run};
use dallosh_storage::Storage;
use dallosh_store::{Store, StoreErrorKind};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::{
    api::{ApiError, TokenSource},
    backup::{self, BackupError, Copied},
    folder::{DataFolder, FolderError},
    job::JobFailed,
    user::UserError,
};

/// How long it takes to look again for a server that does not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// The stack can't run, or the job that was to run on it failed.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The configuration makes no sense here.
    #[error("{0}")]
    Configuration(String),
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A port.
    #[error("{address} can't be listened on")]
    Port {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A part.
    #[error("{what} can't be opened")]
    Part {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A service.
    #[error(transparent)]
    Run(#[from] dallosh_service_kit::RunError),
    /// The job.
    #[error(transparent)]
    Job(#[from] JobFailed),
    /// An account.
    #[error(transparent)]
    User(#[from] UserError),
}

pub fn part<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl Fn(E) -> StackError {
    move |source| StackError::Part { what, source: Box::new(source) }
}

/// What a process is to run.
pub struct Stack {
    pub config: Config,
    pub figures: PrometheusHandle,
    pub stop: CancellationToken,
}

/// The door of this process, and the right to use it.
pub struct Local {
    /// Its address.
    pub base: String,
    /// Tokens of the operator.
    pub token: TokenSource,
    /// Whether the accounts whose password everybody knows are there.
    pub has_known_accounts: bool,
}

/// The parts that services share.
struct Parts {
    store: Store,
    broker: Broker,
    storage: Storage,
    clock: Arc<dyn Clock>,
    instance: String,
}

impl Stack {
    /// Runs every service in this process. `work` begins once all of them are ready, and is given the address of the
    /// door; the process stays up after it until `stop`.
    ///
    /// # Errors
    /// When something can't be opened, or `work` failed.
    pub async fn up<F>(mut self, work: impl FnOnce(Local, CancellationToken) -> F) -> Result<(), StackError>
    where
        F: Future<Output = Result<(), JobFailed>>,
    {
        let folder = DataFolder::take(&self.config.data_dir, None)?;
        let door = listen(&self.config.listen.to_string())?;
        let mut listeners = Vec::new();
        for name in ServiceName::ALL {
            let listener = if name == ServiceName::Gateway { clone(&door)? } else { listen("127.0.0.1:0")? };
            let address = address(&listener)?;
            self.config.service_url.insert(name, format!("http://{address}"));
            listeners.push((name, listener));
        }
        let base = format!("{}://{}", self.scheme(), address(&door)?);
        drop(door);
        let parts = self.open(folder.instance.clone()).await?;
        let mut services = Vec::new();
        for (name, listener) in listeners {
            let Some(service) = self.build(name, listener, &parts).await? else { return Ok(()) };
            services.push(service);
        }
        let operator =
            Operator::open(&self.config, &parts.store, parts.clock.clone()).await.map_err(part("the local access"))?;
        let token: TokenSource = Arc::new(move || match operator.token() {
            Ok(token) => Ok(token.expose_secret().to_owned()),
            Err(error) => Err(ApiError::Token(Box::new(error))),
        });
        let has_known_accounts = self.config.has_known_accounts();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let stop = self.stop.clone();
        let working = async {
            if is_ready.await.is_err() {
                return Ok(());
            }
            let outcome = work(Local { base, token, has_known_accounts }, stop.clone()).await;
            if outcome.is_err() {
                stop.cancel();
            }
            outcome
        };
        let running = run(services, self.figures.clone(), self.stop.clone(), || {
            let _ = ready.send(());
        });
        let (ran, worked) = tokio::join!(running, working);
        parts.broker.close().await;
        drop(folder);
        ran?;
        Ok(worked?)
    }

    /// Runs one service.
    ///
    /// # Errors
    /// When something can't be opened, or the configuration only suits a single process.
    pub async fn serve(self, name: ServiceName) -> Result<(), StackError> {
        if self.config.broker_url.starts_with("memory://") {
            let reason = "broker.url: memory:// connects only services of one process; `dallosh serve` needs amqp://HOST:PORT/VHOST";
            return Err(StackError::Configuration(reason.to_owned()));
        }
        let folder = DataFolder::take(&self.config.data_dir, Some(name.as_str()))?;
        let wanted = match name {
            ServiceName::Gateway => self.config.listen,
            other => self.config.service_listen.get(&other).copied().unwrap_or(self.config.listen),
        };
        let listener = listen(&wanted.to_string())?;
        let scheme = if name == ServiceName::Gateway { self.scheme() } else { "http" };
        let base = format!("{scheme}://{}", address(&listener)?);
        let parts = self.open(folder.instance.clone()).await?;
        let Some(service) = self.build(name, listener, &parts).await? else { return Ok(()) };
        run(vec![service], self.figures.clone(), self.stop.clone(), || println!("ready {base}")).await?;
        parts.broker.close().await;
        drop(folder);
        Ok(())
    }

    /// What the door speaks.
    const fn scheme(&self) -> &'static str {
        if self.config.tls.is_some() { "https" } else { "http" }
    }

    async fn open(&self, instance: String) -> Result<Parts, StackError> {
        dallosh_failpoints::arm(self.config.failpoints.clone());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Store::open(&self.config.database_url, clock.clone()).await.map_err(part("the database"))?;
        let queues = [&dallosh_enrichment::QUEUES[..], &dallosh_admin::QUEUES[..]].concat();
        let storage = Storage::open(&self.config.storage_url).await.map_err(part("the object store"))?;
        let broker = Broker::open(&self.config.broker_url, &queues).await.map_err(part("the broker"))?;
        Ok(Parts { store, broker, storage, clock, instance })
    }

    /// Builds a service; looks again and again for a database that does not answer. `None` when the process is to stop
    /// meanwhile.
    async fn build(
        &self,
        name: ServiceName,
        listener: TcpListener,
        parts: &Parts,
    ) -> Result<Option<Service>, StackError> {
        loop {
            let listener = clone(&listener)?;
            let error = match self.build_once(name, listener, parts).await {
                Ok(service) => return Ok(Some(service)),
                Err(error) => error,
            };
            if !is_unavailable(&error) {
                return Err(error);
            }
            tracing::warn!(error = %causes(&error), "the database does not answer; trying again");
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    async fn build_once(&self, name: ServiceName, listener: TcpListener, parts: &Parts) -> Result<Service, StackError> {
        let Parts { store, broker, storage, clock, instance } = parts;
        let config = &self.config;
        match name {
            ServiceName::Auth => {
                dallosh_auth::service(listener, config, store, clock.clone()).await.map_err(|error| match error {
                    dallosh_auth::StartError::Configuration(reason) => StackError::Configuration(reason.to_string()),
                    error => part("the auth service")(error),
                })
            }
            ServiceName::Files => {
                dallosh_files::service(listener, config, store, storage).await.map_err(part("the files service"))
            }
            ServiceName::Tasks => dallosh_tasks::service(listener, config, store, broker, storage, clock.clone())
                .await
                .map_err(part("the tasks service")),
            ServiceName::Enrichment => {
                let (store, broker, storage) = (store.clone(), broker.clone(), storage.clone());
                let parts = dallosh_enrichment::Parts {
                    store,
                    broker,
                    storage,
                    clock: clock.clone(),
                    instance: instance.clone(),
                };
                dallosh_enrichment::service(listener, config, dallosh_tasks::KIND, parts)
                    .await
                    .map_err(part("the enrichment worker"))
            }
            ServiceName::Admin => {
                dallosh_admin::service(listener, config, store, broker).await.map_err(part("the admin service"))
            }
            ServiceName::Query => dallosh_query::service(listener, config, storage).map_err(part("the query service")),
            ServiceName::Gateway => {
                dallosh_gateway::service(listener, config, broker, openapi).map_err(part("the gateway"))
            }
        }
    }
}

/// The OpenAPI document of everything behind the door.
pub fn openapi() -> OpenApi {
    merge([
        dallosh_gateway::openapi(),
        dallosh_auth::openapi(),
        dallosh_admin::openapi(),
        dallosh_files::openapi(),
        dallosh_tasks::openapi(),
        dallosh_query::openapi(),
    ])
}

/// Makes collections, roles and accounts.
pub async fn init(config: &Config) -> Result<(), StackError> {
    let folder = DataFolder::take(&config.data_dir, Some("init"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(&config.database_url, clock.clone()).await.map_err(part("the database"))?;
    dallosh_auth::init(config, &store, clock).await.map_err(|error| match error {
        dallosh_auth::StartError::Configuration(reason) => StackError::Configuration(reason.to_string()),
        error => part("the first accounts")(error),
    })?;
    drop(folder);
    println!("roles and first accounts are there");
    Ok(())
}

/// Opens the platform's database, which must be there: opening would make one, and a wrong folder be taken for a new
/// platform.
pub async fn open_database(config: &Config) -> Result<Store, StackError> {
    if let Some(file) = config.database_url.strip_prefix("sqlite://")
        && !Path::new(file).exists()
    {
        let reason = format!("there is no database at {file}; name the platform's folder with --data-dir");
        return Err(StackError::Configuration(reason));
    }
    Store::open(&config.database_url, Arc::new(SystemClock)).await.map_err(part("the database"))
}

/// Reads the whole activity log, and says what was found in it.
pub async fn verify_log(config: &Config) -> Result<dallosh_admin::Report, StackError> {
    let store = open_database(config).await?;
    dallosh_admin::verify_log(config, &store).await.map_err(part("the activity log"))
}

/// Takes a backup, beside a platform that may be at work.
pub async fn back_up(config: Config, folder: PathBuf) -> Result<(), StackError> {
    let place = folder.display().to_string();
    let Copied { files, bytes, .. } = aside(move || backup::take(&config, &folder)).await?;
    println!("{files} files, {} in {place}; the keys are among them", ByteSize(bytes));
    Ok(())
}

/// Brings a backup back, while nothing runs on the data folder.
pub async fn restore(config: Config, folder: PathBuf) -> Result<(), StackError> {
    let held = DataFolder::take(&config.data_dir, None)?;
    let Copied { files, bytes, taken_at } = aside(move || backup::restore(&config, &folder)).await?;
    drop(held);
    println!("{files} files, {} of {}; `dallosh up` goes on from there", ByteSize(bytes), taken_at.to_rfc3339());
    Ok(())
}

/// Copies files off the threads that others wait on.
async fn aside(work: impl FnOnce() -> Result<Copied, BackupError> + Send + 'static) -> Result<Copied, StackError> {
    match tokio::task::spawn_blocking(work).await.map_err(part("the copy"))? {
        Err(error @ BackupError::Elsewhere(_)) => Err(StackError::Configuration(error.to_string())),
        outcome => outcome.map_err(part("the backup")),
    }
}

fn listen(address: &str) -> Result<TcpListener, StackError> {
    TcpListener::bind(address).map_err(|source| StackError::Port { address: address.to_owned(), source })
}

fn clone(listener: &TcpListener) -> Result<TcpListener, StackError> {
    listener.try_clone().map_err(|source| StackError::Port { address: "the port".to_owned(), source })
}

fn address(listener: &TcpListener) -> Result<std::net::SocketAddr, StackError> {
    listener.local_addr().map_err(|source| StackError::Port { address: "the port".to_owned(), source })
}

fn is_unavailable(error: &StackError) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause
            .downcast_ref::<dallosh_store::StoreError>()
            .is_some_and(|error| error.kind == StoreErrorKind::Unavailable)
        {
            return true;
        }
        source = cause.source();
    }
    false
}

fn causes(error: &StackError) -> String {
    let mut line = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    line
}
