//! The one binary: every service in one process (`up`), one of them (`serve`), or the main job from a terminal
//! (`enrich`). It wires services and parts together; what they do is theirs.

mod api;
mod asyncapi;
mod backup;
mod cli;
mod folder;
mod job;
mod secrets;
mod stack;
mod user;

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::cli::Cli;

/// Gives memory back to the system: a password hash takes 19 MiB for a moment, which the usual allocator keeps.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How soon it does so, in milliseconds. After its own second, new and small things lie in what was large before, and a
/// process at rest has a fifth more.
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10");

/// Begins the process again with the allocator's setting, which it reads nowhere but in the environment, before `main`.
fn with_purge_delay() {
    let (name, soon) = PURGE_DELAY;
    let mut arguments = env::args_os();
    if let (None, Ok(program), Some(called)) = (env::var_os(name), env::current_exe(), arguments.next()) {
        // It comes back only when it failed; then the memory is larger, and nothing else.
        let _ = Command::new(program).arg0(called).args(arguments).env(name, soon).exec();
    }
}

fn main() -> ExitCode {
    with_purge_delay();
    let cli = Cli::parse();
    // A shell lets a process open few files unless it asks for those that it may open; connections are files.
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("dallosh: the process can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(cli.run());
    // Work that still blocks (a hash, a file) does not hold up the end.
    runtime.shutdown_background();
    code
}
