type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a caller branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerErrorKind {
    /// The broker is not connected, refused the message or did not confirm it in time. Whether it arrived is unknown;
    /// the sender keeps it and sends it again.
    Unavailable,
    /// No queue takes messages of this routing key.
    Unroutable,
    /// A queue or exchange exists with other arguments than ours; a person has to look.
    Topology,
}

/// A message that was not confirmed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {kind:?}")]
pub struct BrokerError {
    /// What happened, as far as a caller can act on it.
    pub kind: BrokerErrorKind,
    operation: &'static str,
    #[source]
    source: Option<BoxError>,
}

impl BrokerError {
    /// An error without a deeper cause.
    pub fn new(kind: BrokerErrorKind, operation: &'static str) -> Self {
        Self { kind, operation, source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}
