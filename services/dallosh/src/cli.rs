use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};
use dallosh_admin::Report;
use dallosh_service_kit::{Config, ServiceName, Sources, describe_errors, start_telemetry, to_yaml};
use tokio_util::sync::CancellationToken;

use crate::{
    asyncapi, job,
    secrets::{self, SecretsCommand},
    stack::{self, Stack, StackError},
    user::{self, UserCommand},
};

/// What is logged unless told. lapin logs returned messages with their bodies; the broker's own lines say what matters.
/// To actix a client that leaves a stream is an error; here it is how streams end.
const LOG: &str = "warn,dallosh=info,lapin=off,actix_http::h1=off";
/// Exit code of a wrong configuration (`EX_CONFIG`).
const WRONG_CONFIGURATION: u8 = 78;

/// Turns piles of customer posts into decisions.
#[derive(Debug, Parser)]
#[command(name = "dallosh", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
struct Common {
    /// Where the public door listens; port 0 takes a free one.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The folder for database, objects, keys and temporary files.
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// How strict the process is.
    #[arg(long, global = true, value_name = "development|production")]
    profile: Option<String>,
    /// What is logged, in the language of `RUST_LOG`.
    #[arg(long, global = true, env = "RUST_LOG", default_value = LOG, hide_env_values = true)]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every service in one process.
    Up {
        /// Send this CSV through the main job once everything is ready, and stay up.
        #[arg(long, value_name = "FILE")]
        sample: Option<PathBuf>,
    },
    /// Run one service, as in the full stack.
    Serve {
        /// Which one.
        service: Served,
    },
    /// Do the whole main job for a CSV from the terminal.
    Enrich {
        /// The CSV.
        file: PathBuf,
        /// Where the analysed file goes; `FILE-analysed.csv` unless told.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The column with the posts, when it is not clear.
        #[arg(long, value_name = "NAME")]
        text_column: Option<String>,
    },
    /// Copy database, objects and keys to a folder, while the platform runs.
    Backup {
        /// Where to; it must be new or empty. It holds the keys too: keep it as safe as the platform.
        folder: PathBuf,
    },
    /// Bring a backup back, to a data folder that holds none yet.
    Restore {
        /// The backup.
        folder: PathBuf,
    },
    /// Make collections, indexes, first roles and accounts, as `up` and `serve` do too.
    Init,
    /// Make accounts, set passwords, list accounts: on the platform's database, whether the platform runs or not.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Work with the master key.
    Secrets {
        #[command(subcommand)]
        command: SecretsCommand,
    },
    /// Work with the activity log.
    Logs {
        #[command(subcommand)]
        command: LogsCommand,
    },
    /// Print the OpenAPI document of the public door.
    Openapi,
    /// Print the AsyncAPI document of the messages.
    Asyncapi,
    /// Print the JSON schema of a message.
    Schema {
        /// Its name, as in `proto/schemas`.
        name: String,
    },
    /// Print the error codes, as docs/errors.md has them.
    Errors,
    /// Print the effective configuration with the origin of each value; secrets are masked.
    Config,
}

#[derive(Debug, Subcommand)]
enum LogsCommand {
    /// Look for entries that were changed, taken away or put elsewhere; beside running services, too. Exit code 1 when
    /// there are any.
    Verify {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Served {
    Gateway,
    Auth,
    Files,
    Tasks,
    Enrichment,
    Admin,
    Query,
}

impl From<Served> for ServiceName {
    fn from(served: Served) -> Self {
        match served {
            Served::Gateway => Self::Gateway,
            Served::Auth => Self::Auth,
            Served::Files => Self::Files,
            Served::Tasks => Self::Tasks,
            Served::Enrichment => Self::Enrichment,
            Served::Admin => Self::Admin,
            Served::Query => Self::Query,
        }
    }
}

impl Cli {
    /// Carries out the command; the exit code says how it went.
    pub async fn run(self) -> ExitCode {
        match self.command {
            Command::Openapi => return print(to_yaml(&stack::openapi())),
            Command::Asyncapi => return print(asyncapi::document()),
            Command::Schema { name } => {
                return print(asyncapi::schema(&name).ok_or_else(|| format!("no message is called `{name}`")));
            }
            Command::Errors => return print(Ok(describe_errors())),
            _ => {}
        }
        let config = match Config::load(&Sources::of_process(self.common.flags(&self.command))) {
            Ok(config) => config,
            Err(errors) => {
                for line in errors.0 {
                    eprintln!("dallosh: {line}");
                }
                return ExitCode::from(WRONG_CONFIGURATION);
            }
        };
        if matches!(self.command, Command::Config) {
            for (key, value, origin) in config.effective() {
                println!("{key} = {value}  ({origin})");
            }
            return ExitCode::SUCCESS;
        }
        // A terminal that shows a progress bar, or a password, is no place for a log.
        let quiet = matches!(self.command, Command::Enrich { .. } | Command::User { .. }) && self.common.log == LOG;
        let figures = match start_telemetry(if quiet { "error" } else { &self.common.log }) {
            Ok(figures) => figures,
            Err(error) => return failed(&error),
        };
        // A signal ends a question for a password at once.
        let stop =
            if matches!(self.command, Command::User { .. }) { CancellationToken::new() } else { stop_on_signals() };
        let outcome = match self.command {
            Command::Up { sample: Some(_) } if config.tls.is_some() => Err(StackError::Configuration(
                "--sample goes through a door without TLS; leave it out, or unset gateway.tls_certificate and gateway.tls_key"
                    .to_owned(),
            )),
            Command::Up { sample } => {
                let stack = Stack { config, figures, stop: stop.clone() };
                stack
                    .up(|local, stop| async move {
                        println!("ready {}", local.base);
                        match sample {
                            Some(sample) => job::try_sample(&local, &sample, &stop).await,
                            None => Ok(()),
                        }
                    })
                    .await
            }
            Command::Serve { service } => Stack { config, figures, stop: stop.clone() }.serve(service.into()).await,
            Command::Enrich { file, output, text_column } => {
                if let Err(error) = std::fs::File::open(&file) {
                    eprintln!("dallosh: {} can't be read: {error}", file.display());
                    return ExitCode::FAILURE;
                }
                // Its door is its own, on this machine.
                let mut config = config;
                config.tls = None;
                let stack = Stack { config, figures, stop: stop.clone() };
                stack
                    .up(|local, stop| async move {
                        let outcome = job::enrich(&local, &file, output, text_column, &stop).await;
                        stop.cancel();
                        outcome
                    })
                    .await
            }
            Command::Init => stack::init(&config).await,
            Command::User { command } => user::run(&config, command).await,
            Command::Secrets { command: SecretsCommand::Rotate } => secrets::rotate(&config).await,
            Command::Logs { command: LogsCommand::Verify { json } } => match stack::verify_log(&config).await {
                Ok(report) => return told(&report, json),
                Err(error) => Err(error),
            },
            Command::Backup { folder } => stack::back_up(config, folder).await,
            Command::Restore { folder } => stack::restore(config, folder).await,
            Command::Openapi | Command::Asyncapi | Command::Schema { .. } | Command::Errors | Command::Config => Ok(()),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                failed(&error);
                let wrong = matches!(error, StackError::Configuration(_));
                if wrong { ExitCode::from(WRONG_CONFIGURATION) } else { ExitCode::FAILURE }
            }
        }
    }
}

impl Common {
    fn flags(&self, command: &Command) -> Vec<(&'static str, String)> {
        let mut flags = Vec::new();
        let given = [("listen", &self.listen), ("data_dir", &self.data_dir), ("profile", &self.profile)];
        flags.extend(given.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
        // The door of a job from the terminal is nobody else's.
        if matches!(command, Command::Enrich { .. }) && self.listen.is_none() {
            flags.push(("listen", "127.0.0.1:0".to_owned()));
        }
        flags
    }
}

/// Prints what a verification of the log came to.
fn told(report: &Report, json: bool) -> ExitCode {
    if json {
        let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string());
        print(text);
    } else {
        println!(
            "{} entries, up to {}; dropped up to {}; {} anchors",
            report.entries, report.last, report.dropped_to, report.anchors
        );
        for (key_id, count) in &report.keys {
            println!("{count} entries under the master key {key_id}");
        }
        for finding in &report.findings {
            println!("{finding}");
        }
        println!("{}", if report.intact { "intact".to_owned() } else { format!("{} findings", report.count) });
    }
    if report.intact { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints an error with its causes in one line.
fn failed(error: &dyn std::error::Error) -> ExitCode {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    eprintln!("dallosh: {line}");
    ExitCode::FAILURE
}

fn print(text: Result<String, String>) -> ExitCode {
    match text {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dallosh: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Cancelled by SIGINT or SIGTERM; a second signal ends the process at once, which is as safe as a crash.
fn stop_on_signals() -> CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            tracing::error!("signals can't be listened to; only a kill ends this process");
            return;
        };
        for round in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round > 0 {
                std::process::exit(130);
            }
            token.cancel();
        }
    });
    stop
}
