use anyhow::{Context, Result};

/// A variable that `make test` sets; a test that needs its server fails without it, it never passes unrun.
fn variable(name: &str) -> Result<String> {
    #[expect(clippy::disallowed_methods, reason = "where the test servers are is told by the environment")]
    let value = std::env::var(name);
    value.with_context(|| format!("{name} is not set: set it, or run `make test`, which starts a server"))
}

/// A running RabbitMQ.
pub fn amqp_url() -> Result<String> {
    variable("DALLOSH_TEST_AMQP_URL")
}

/// A database of its own on a running MongoDB-wire server.
pub fn mongodb_url() -> Result<String> {
    let server = variable("DALLOSH_TEST_MONGODB_URL")?;
    Ok(format!("{}/test_{}", server.trim_end_matches('/'), uuid::Uuid::new_v4().simple()))
}

/// A running server of llama.cpp, and its key.
pub fn llama() -> Result<(String, String)> {
    Ok((variable("DALLOSH_TEST_LLAMA_URL")?, variable("DALLOSH_TEST_LLAMA_KEY")?))
}

/// A running aimock.
pub fn aimock_url() -> Result<String> {
    variable("DALLOSH_TEST_AIMOCK_URL")
}

/// A running S3 server.
pub fn s3_endpoint() -> Result<String> {
    variable("DALLOSH_TEST_S3_ENDPOINT")
}

/// A running server of user pools, which is Cognito's part of AWS.
pub fn cognito_endpoint() -> Result<String> {
    variable("DALLOSH_TEST_COGNITO_ENDPOINT")
}
