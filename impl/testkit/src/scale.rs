//! The size of an experiment and its random seed: `EXPERIMENT_LONG=1` for the full size, `EXPERIMENT_SEED` for another seed.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// The size for a run before every commit, or the full one.
pub fn size<T>(short: T, long: T) -> T {
    if std::env::var("EXPERIMENT_LONG").is_ok_and(|value| value == "1") { long } else { short }
}

/// A random number generator whose seed is logged, so that a failure can be repeated as far as concurrency allows.
pub fn dice() -> StdRng {
    let seed = std::env::var("EXPERIMENT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("EXPERIMENT_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
