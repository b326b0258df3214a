//! Asks a real server for two labels: `ask_model <openai|ollama> <base URL> <model>`, with a key on standard input or none.

use std::error::Error;
use std::io::Read;

use dallosh_llm::{
    ClientOptions, GuardedClient, Ollama, OpenAi, Provider, TOPICS, UrlPolicy, check, labelling_request,
};
use secrecy::SecretString;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, base_url, model] = arguments.try_into().map_err(|_| "give a provider, a base URL and a model")?;
    let mut key = String::new();
    std::io::stdin().read_to_string(&mut key)?;
    let key = Some(key.trim()).filter(|key| !key.is_empty()).map(SecretString::from);
    let policy = UrlPolicy::new(&[], true)?;
    let client = GuardedClient::new(&base_url, key.as_ref(), &policy, ClientOptions::default())?;
    let provider: Box<dyn Provider> = match kind.as_str() {
        "openai" => Box::new(OpenAi::new(model, client)),
        "ollama" => Box::new(Ollama::new(model, client)),
        _ => return Err("the provider is openai or ollama".into()),
    };
    let topics = TOPICS.map(str::to_owned);
    let request = labelling_request(&[(0, "Plus d'internet depuis hier !"), (1, "Merci pour la fibre")], &topics);
    match provider.complete(&request).await {
        Ok(completion) => {
            println!("{completion:?}\n{:?}\n{:?}", provider.limits(), check(&completion, &[0, 1]));
        }
        Err(error) => println!("{error}: {error:?}"),
    }
    Ok(())
}
