//! Times, for tests to have others.

use std::time::Duration;

/// Times of sending.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How long a connection may take, with encryption and login.
    pub connect_timeout: Duration,
    /// How long sending one mail may take then.
    pub send_timeout: Duration,
    /// How long beyond both a mail belongs to the process that sends it.
    pub lease_margin: Duration,
    /// How often one looks for what is due and of which nobody has told.
    pub poll: Duration,
    /// The first pause after the server rejected a mail temporarily or could not be reached; doubled each time.
    pub first_pause: Duration,
    /// The longest pause of a mail that is rejected temporarily.
    pub max_pause: Duration,
    /// The longest pause of a process that cannot reach the server.
    pub max_reconnect_pause: Duration,
    /// Certificates of authorities in addition to those of the system, as DER.
    pub authorities: Vec<Vec<u8>>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(30),
            lease_margin: Duration::from_secs(20),
            poll: Duration::from_secs(1),
            first_pause: Duration::from_secs(1),
            // Half of the time that a token is valid, so that a server with greylisting has a second chance.
            max_pause: Duration::from_secs(15 * 60),
            max_reconnect_pause: Duration::from_secs(30),
            authorities: Vec::new(),
        }
    }
}

impl Tuning {
    /// How long a claim lasts.
    pub(crate) fn lease(&self) -> Duration {
        self.connect_timeout + self.send_timeout + self.lease_margin
    }

    /// The pause after so many failures, one at least, before it is jittered.
    pub(crate) fn pause(&self, failures: u32, max: Duration) -> Duration {
        self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(max)
    }
}
