//! The one binary: every service in one process (`up`), one of them (`serve`), or the main job from a terminal
//! (`enrich`). It wires services and parts together; what they do is theirs.

mod api;
mod asyncapi;
mod cli;
mod folder;
mod job;
mod stack;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
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
