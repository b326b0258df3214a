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

/// A bucket of its own on a running S3 server; the server and the bucket.
pub async fn s3_bucket() -> Result<(String, String)> {
    let endpoint = variable("DALLOSH_TEST_S3_ENDPOINT")?;
    let bucket = format!("test-{}", uuid::Uuid::new_v4().simple());
    let made = reqwest::Client::new().put(format!("{endpoint}/{bucket}")).send().await?;
    made.error_for_status().context("the bucket can't be made")?;
    Ok((endpoint, bucket))
}

/// A running server of user pools, which is Cognito's part of AWS.
pub fn cognito_endpoint() -> Result<String> {
    variable("DALLOSH_TEST_COGNITO_ENDPOINT")
}
