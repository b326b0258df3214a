use std::{net::TcpListener, path::PathBuf};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Client, Process, amqp_url, mongodb_url, s3_bucket};

/// The services in the order in which a stack of separate processes starts them.
const SERVICES: [&str; 7] = ["auth", "admin", "files", "tasks", "enrichment", "query", "gateway"];

/// A test asks faster than anybody does, and how fast one may ask is no matter of most of them.
const UNLIMITED: (&str, &str) = ("DALLOSH__GATEWAY__REQUESTS_PER_SECOND", "100000");

/// A running platform; what it is made of is told by how it was started, and by nothing else.
pub struct Stack {
    binary: String,
    environment: Vec<(String, String)>,
    folder: TempDir,
    processes: Vec<(&'static str, Process)>,
    /// The address of the door.
    pub base: String,
}

impl Stack {
    /// One process, nothing beside it.
    pub async fn embedded(binary: &str, environment: &[(&str, &str)]) -> Result<Self> {
        Self::up(binary, owned(environment)).await
    }

    /// One process with MongoDB and RabbitMQ.
    pub async fn with_servers(binary: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let servers = [("DALLOSH__DATABASE__URL", mongodb_url()?), ("DALLOSH__BROKER__URL", amqp_url()?)]
            .map(|(name, value)| (name.to_owned(), value));
        Self::up(binary, [owned(environment), servers.into()].concat()).await
    }

    /// A process for each service, with MongoDB, RabbitMQ and S3.
    pub async fn separate(binary: &str) -> Result<Self> {
        let (endpoint, bucket) = s3_bucket().await?;
        let mut environment: Vec<(String, String)> = [
            (UNLIMITED.0, UNLIMITED.1.to_owned()),
            ("DALLOSH__DATABASE__URL", mongodb_url()?),
            ("DALLOSH__BROKER__URL", amqp_url()?),
            ("DALLOSH__STORAGE__URL", format!("s3://{bucket}/data")),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "eu-west-3".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for service in SERVICES {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let name = service.to_uppercase();
            environment.push((format!("DALLOSH__SERVICES__{name}__LISTEN"), address.to_string()));
            environment.push((format!("DALLOSH__SERVICES__{name}__URL"), format!("http://{address}")));
        }
        let folder = tempfile::tempdir()?;
        let mut processes = Vec::new();
        let mut base = String::new();
        for service in SERVICES {
            let process =
                Process::start(binary, &["serve", service, "--listen", "127.0.0.1:0"], &environment, folder.path())
                    .await?;
            base.clone_from(&process.base);
            processes.push((service, process));
        }
        Ok(Self { binary: binary.to_owned(), environment, folder, processes, base })
    }

    async fn up(binary: &str, environment: Vec<(String, String)>) -> Result<Self> {
        // What a test says of its own comes after it, and counts.
        let environment = [owned(&[UNLIMITED]), environment].concat();
        let folder = tempfile::tempdir()?;
        let mut stack =
            Self { binary: binary.to_owned(), environment, folder, processes: Vec::new(), base: String::new() };
        stack.restart().await?;
        Ok(stack)
    }

    /// Sets a variable of the environment for the next start, or takes it away.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// Runs a command on the data of the stack, configured as its processes are but for `more`, with this on its standard
    /// input: exit code, standard output, standard error.
    pub async fn command(
        &self,
        arguments: &[&str],
        more: &[(&str, &str)],
        input: &str,
    ) -> Result<(Option<i32>, String, String)> {
        let (data, elsewhere) = (self.data().display().to_string(), tempfile::tempdir()?);
        let arguments = [arguments, &["--data-dir", &data]].concat();
        let environment = [self.environment.clone(), owned(more)].concat();
        Process::run_with(&self.binary, &arguments, &environment, elsewhere.path(), input).await
    }

    /// Starts the one process again after [`Stack::kill`].
    pub async fn restart(&mut self) -> Result<()> {
        let arguments = ["up", "--listen", "127.0.0.1:0"];
        let process = Process::start(&self.binary, &arguments, &self.environment, self.folder.path()).await?;
        self.base.clone_from(&process.base);
        self.processes.push(("up", process));
        Ok(())
    }

    /// Kills every process as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        for (_, process) in self.processes.drain(..) {
            process.kill().await?;
        }
        Ok(())
    }

    /// Waits until every process ended by itself.
    pub async fn ended(&mut self) -> Result<()> {
        for (_, process) in self.processes.drain(..) {
            process.ended().await?;
        }
        Ok(())
    }

    /// Sends every process a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.processes.iter().try_for_each(|(_, process)| process.signal(signal))
    }

    /// The one process.
    pub fn process(&self) -> Result<&Process> {
        self.processes.first().map(|(_, process)| process).context("nothing runs")
    }

    /// Asks every process to stop, the door first; the exit codes. The data stays for [`Stack::restart`].
    pub async fn terminate(&mut self) -> Result<Vec<Option<i32>>> {
        let mut codes = Vec::new();
        for (_, process) in self.processes.drain(..).rev() {
            codes.push(process.stop().await?);
        }
        Ok(codes)
    }

    /// Ends the stack; the exit codes.
    pub async fn stop(mut self) -> Result<Vec<Option<i32>>> {
        self.terminate().await
    }

    /// Where the data lies.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// An administrator at the door.
    pub async fn admin(&self) -> Result<Client> {
        Client::login(&self.base, "admin@free.com", "123456").await
    }

    /// An analyst at the door.
    pub async fn analyst(&self) -> Result<Client> {
        Client::login(&self.base, "user@free.com", "123456").await
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
