use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdout, Command},
};

/// How long a process may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `dallosh`; killed when it is dropped.
pub struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    /// The address of its `ready` line.
    pub base: String,
}

impl Process {
    /// Starts it in `folder` and waits for its `ready` line.
    pub async fn start(
        binary: &str,
        arguments: &[&str],
        environment: &[(String, String)],
        folder: &Path,
    ) -> Result<Self> {
        // What it logs goes to a file, so that a full pipe never holds it up.
        let log = folder.join("log");
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = command(binary, arguments, environment, folder)
            .stderr(errors)
            .spawn()
            .context("the binary does not start")?;
        let mut output = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        let ready = async {
            loop {
                line.clear();
                if output.read_line(&mut line).await? == 0 {
                    bail!("it ended before it was ready");
                }
                if let Some(base) = line.trim().strip_prefix("ready ") {
                    return Ok(base.to_owned());
                }
            }
        };
        match tokio::time::timeout(PATIENCE, ready).await.context("it was not ready in time").and_then(|ready| ready) {
            Ok(base) => Ok(Self { child, output, base }),
            Err(error) => {
                let _ = child.start_kill();
                let told = std::fs::read_to_string(&log).unwrap_or_default();
                Err(error.context(format!("{arguments:?}: {told}")))
            }
        }
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    pub async fn run(
        binary: &str,
        arguments: &[&str],
        environment: &[(String, String)],
        folder: &Path,
    ) -> Result<(Option<i32>, String, String)> {
        Self::run_with(binary, arguments, environment, folder, "").await
    }

    /// Runs a command to its end, with this on its standard input.
    pub async fn run_with(
        binary: &str,
        arguments: &[&str],
        environment: &[(String, String)],
        folder: &Path,
        input: &str,
    ) -> Result<(Option<i32>, String, String)> {
        let mut child = command(binary, arguments, environment, folder).stdin(Stdio::piped()).spawn()?;
        // One that ends without reading is none the worse for it.
        let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes()).await;
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output());
        let output = ended.await.context("it did not end in time")??;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code(), text(&output.stdout), text(&output.stderr)))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.id()?)?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }

    /// Lets it have so many files open from now on; those that it has stay open. As many as it ever may without a number.
    pub async fn limit_files(&self, most: Option<usize>) -> Result<()> {
        let pid = self.id()?;
        let mut ask = Command::new("prlimit");
        ask.args(["--pid", &pid.to_string(), "--nofile", "--noheadings", "--raw", "--output", "HARD"]);
        let told = ask.output().await?.stdout;
        let most = most.map_or_else(|| String::from_utf8_lossy(&told).trim().to_owned(), |most| most.to_string());
        let limit = format!("--nofile={most}:");
        let ran = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().await?;
        if ran.success() { Ok(()) } else { bail!("the limit of files can't be set to {most}") }
    }

    /// How many files it has open.
    pub fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.id()?))?.count())
    }

    fn id(&self) -> Result<u32> {
        self.child.id().context("it ended already")
    }

    /// Kills it as a crash would, and waits until it is gone.
    pub async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Waits until it ended by itself.
    pub async fn ended(mut self) -> Result<()> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it goes on living")??;
        Ok(())
    }

    /// Asks it to stop; its exit code.
    pub async fn stop(mut self) -> Result<Option<i32>> {
        self.signal(Signal::SIGTERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.context("it did not stop in time")??.code())
    }

    /// The next line that it prints; `None` at its end.
    pub async fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let read =
            tokio::time::timeout(PATIENCE, self.output.read_line(&mut line)).await.context("it prints nothing")??;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }
}

fn command(binary: &str, arguments: &[&str], environment: &[(String, String)], folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(folder).kill_on_drop(true).stdin(Stdio::null());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
