//! The fake model by hand, and for benches: prints `ready <base URL>` and serves until it is ended.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use dallosh_testkit::{FakeModel, Fault, Latency, Rate};

/// A model server on loopback: `OpenAI`'s `/v1/chat/completions` and Ollama's `/api/chat`. It answers every text with a label
/// that is a function of the text, keeps books (GET /counts) and misbehaves as told.
#[derive(Parser)]
#[command(after_help = "faults: a status such as 500, 429:7 (with Retry-After: 7), 302, hang, drip, huge, reset, \
reset-halfway, not-http, error-inside, and wrong answers: prose, code-fence, trailing-comma, single-quotes, one-missing, \
one-more, unequal-lists, duplicate-id, foreign-ids, empty-object, null, unknown-sentiment, priority-outside, topic-huge, \
topic-html, topic-formula, cut-off, refusal, content-filter, reasoning-only, extra-keys, invalid-utf8, uniform and the \
other ones of `Mistake`")]
struct Arguments {
    /// Port on 127.0.0.1; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Time of an answer in milliseconds; with --sigma the median.
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Spread of lognormal times, such as 0.5.
    #[arg(long)]
    sigma: Option<f64>,
    /// Seed of times and of faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests a minute.
    #[arg(long)]
    requests_per_minute: Option<u32>,
    /// Tokens a minute.
    #[arg(long)]
    tokens_per_minute: Option<u32>,
    /// Share of these rates that others use up.
    #[arg(long, default_value_t = 0.0)]
    used_by_others: f64,
    /// Tell the rates in headers.
    #[arg(long)]
    tell_rates: bool,
    /// What the first calls meet, one each.
    #[arg(long, value_delimiter = ',')]
    script: Vec<Fault>,
    /// What a share of the calls meets, one of them each.
    #[arg(long, value_delimiter = ',')]
    sometimes: Vec<Fault>,
    /// That share, from 0 to 1.
    #[arg(long, default_value_t = 0.3)]
    share: f64,
    /// Asks for this key.
    #[arg(long)]
    key: Option<String>,
    /// Refuses what takes more tokens.
    #[arg(long)]
    context_tokens: Option<u64>,
    /// Refuses `max_tokens` and a temperature, as newer models do.
    #[arg(long)]
    newer: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let model = FakeModel::listen(SocketAddr::from(([127, 0, 0, 1], arguments.port))).await?;
    let median = Duration::from_millis(arguments.latency);
    model.latency(match arguments.sigma {
        Some(sigma) => Latency::Seeded { seed: arguments.seed, median, sigma },
        None => Latency::Fixed(median),
    });
    let Arguments { requests_per_minute, tokens_per_minute, used_by_others, tell_rates: is_told, .. } = arguments;
    if requests_per_minute.is_some() || tokens_per_minute.is_some() {
        model.rate(Rate { requests_per_minute, tokens_per_minute, used_by_others, is_told });
    }
    model.script(arguments.script);
    if !arguments.sometimes.is_empty() {
        model.sometimes(arguments.share, arguments.seed, arguments.sometimes);
    }
    if let Some(key) = &arguments.key {
        model.key(key);
    }
    if let Some(tokens) = arguments.context_tokens {
        model.context_tokens(tokens);
    }
    if arguments.newer {
        model.newer();
    }
    println!("ready {}", model.url());
    tokio::signal::ctrl_c().await
}
