//! Accounts from the terminal. The command is one more process of auth and admin beside those that may run: it works on
//! the database itself, so that it needs neither the door nor somebody who can still sign in.

use std::{fmt::Write as _, io, sync::Arc};

use clap::Subcommand;
use console::Term;
use dallosh_admin::{OperatorLog, OperatorLogError};
use dallosh_auth::{AccountError, Accounts, Kept, Listed};
use dallosh_primitives::SystemClock;
use dallosh_service_kit::Config;
use secrecy::{ExposeSecret as _, SecretString};

use crate::stack::{StackError, open_database, part};

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account. The password is asked for, or read as a line from standard input, or made and shown once; the user
    /// is to change it.
    Add {
        /// The e-mail address to sign in with.
        email: String,
        /// The role.
        #[arg(long, value_name = "NAME", default_value = "analyst")]
        role: String,
        /// What to call the user.
        #[arg(long)]
        name: Option<String>,
        /// Make a password.
        #[arg(long)]
        generate: bool,
    },
    /// Give an account another password, as `add` does, and end all its sessions.
    Passwd {
        /// The e-mail address.
        email: String,
        /// Make a password.
        #[arg(long)]
        generate: bool,
    },
    /// List the accounts.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What was asked of an account was not done, or not told.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// It was refused.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// No password can be read.
    #[error("no password can be read")]
    Input(#[from] io::Error),
    /// Two lines that should be one password.
    #[error("the passwords differ; nothing was changed")]
    Different,
    /// The activity log can't take it.
    #[error(transparent)]
    Log(#[from] OperatorLogError),
    /// The list can't be written as JSON.
    #[error("the list can't be written")]
    Json(#[from] serde_json::Error),
}

/// Carries out a command; what is done is in the activity log, too.
///
/// # Errors
/// When it can't be done, or the log does not take it.
pub async fn run(config: &Config, command: UserCommand) -> Result<(), StackError> {
    let store = open_database(config).await?;
    let open = Accounts::open(config, &store, Arc::new(SystemClock));
    let accounts = open.await.map_err(part("the accounts"))?;
    let log = async || OperatorLog::open(config, &store).await.map_err(UserError::from);
    match command {
        UserCommand::Add { email, role, name, generate } => {
            let log = log().await?;
            let password = password(generate).await?;
            let made = accounts.add(&email, name.as_deref(), &role, password).await.map_err(UserError::from)?;
            println!("{} is made, with the role {}", made.email, made.role);
            tell(&made);
            log.record(format!("/v1/users/{}/add", made.uid)).await.map_err(UserError::from)?;
        }
        UserCommand::Passwd { email, generate } => {
            let log = log().await?;
            let password = password(generate).await?;
            let changed = accounts.set_password(&email, password).await.map_err(UserError::from)?;
            println!("{} has another password, and every session has ended", changed.email);
            tell(&changed);
            log.record(format!("/v1/users/{}/passwd", changed.uid)).await.map_err(UserError::from)?;
        }
        UserCommand::List { json } => {
            let listed = accounts.list().await.map_err(UserError::from)?;
            let text =
                if json { serde_json::to_string_pretty(&listed).map_err(UserError::from)? } else { table(&listed) };
            println!("{}", text.trim_end());
        }
    }
    Ok(())
}

/// Says the rest of what there is to know of an account.
fn tell(account: &Kept) {
    if let Some(password) = &account.password {
        println!("password: {}  (shown this once; it is to be changed)", password.expose_secret());
    }
    if account.disabled {
        println!("the account is disabled still");
    }
}

/// The password that somebody types twice unseen, or the first line of what is piped in; none when one is to be made.
async fn password(generate: bool) -> Result<Option<SecretString>, UserError> {
    if generate {
        return Ok(None);
    }
    let read = tokio::task::spawn_blocking(|| {
        let terminal = Term::stderr();
        if !io::IsTerminal::is_terminal(&io::stdin()) || !terminal.is_term() {
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            return Ok(line.trim_end_matches(['\r', '\n']).into());
        }
        let ask = |what: &str| -> io::Result<SecretString> {
            terminal.write_str(what)?;
            terminal.read_secure_line().map(SecretString::from)
        };
        let (once, again) = (ask("Password: ")?, ask("The same again: ")?);
        if once.expose_secret() == again.expose_secret() { Ok(once) } else { Err(UserError::Different) }
    });
    read.await.map_err(io::Error::other)?.map(Some)
}

/// A line for each account.
fn table(listed: &[Listed]) -> String {
    let head = ["E-MAIL", "NAME", "ROLE", "STATE", "LAST SIGN-IN"].map(str::to_owned);
    let rows = listed.iter().map(|one| {
        let state = match (one.disabled, one.must_change_password) {
            (true, _) => "disabled",
            (false, true) => "password to be changed",
            (false, false) => "active",
        };
        let last = one.last_sign_in_at.map_or_else(|| "never".to_owned(), |at| at.format("%F %R UTC").to_string());
        [one.email.clone(), one.name.clone().unwrap_or_default(), one.role.clone(), state.to_owned(), last]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let line = row.iter().zip(widths).fold(String::new(), |mut line, (cell, width)| {
            let _ = write!(line, "{cell:width$}  ");
            line
        });
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
