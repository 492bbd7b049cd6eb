//! Times, for tests to have others.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The pauses before the attempts, each from the one before it; as Standard Webhooks recommends.
pub const RETRIES: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(5 * HOUR),
    Duration::from_secs(10 * HOUR),
    Duration::from_secs(14 * HOUR),
    Duration::from_secs(20 * HOUR),
    Duration::from_secs(24 * HOUR),
];

/// Times of deliveries.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The pauses before the attempts, each from the one before it.
    pub retries: Vec<Duration>,
    /// How long an attempt may take, from the name to the end of the response.
    pub timeout: Duration,
    /// How long beyond that an attempt belongs to the process that makes it.
    pub lease_margin: Duration,
    /// How often one looks for what is due and of which nobody has told.
    pub poll: Duration,
    /// Certificates of authorities in addition to those of the system, as DER.
    pub authorities: Vec<Vec<u8>>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            retries: RETRIES.to_vec(),
            timeout: Duration::from_secs(15),
            lease_margin: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            authorities: Vec::new(),
        }
    }
}

impl Tuning {
    /// How long a claim lasts.
    pub(crate) fn lease(&self) -> Duration {
        self.timeout + self.lease_margin
    }
}
