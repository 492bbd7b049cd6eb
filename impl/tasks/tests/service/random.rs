//! Property tests over random values: the same ones in every run; `PROPTEST_CASES` sets the number.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::world::World;

/// Cases without `PROPTEST_CASES`: each is several requests.
const CASES: u32 = 24;

/// Runs a test with many values on one world. A failure is shrunk to its smallest form and panics with it.
pub fn for_all<S: Strategy>(strategy: &S, test: impl AsyncFn(&World, S::Value)) {
    // Dropped in the opposite order: the world needs a running runtime.
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(strategy, |value| {
        runtime.block_on(test(&world, value));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
