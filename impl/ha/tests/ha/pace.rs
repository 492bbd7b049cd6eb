//! How clients behave.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// The pause of a client between two requests: people think, and a machine that is hurt needs some of its time for that.
pub const THINK: Duration = Duration::from_millis(60);
/// How long a client repeats a request: longer than any fault lasts.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The random choices of one client.
pub fn dice_of(client: usize) -> StdRng {
    StdRng::seed_from_u64(client as u64)
}
