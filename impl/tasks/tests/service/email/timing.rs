//! How long a response takes says nothing of whether an account exists.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{FORGOT, Mailing};

/// Requests of each kind.
const SAMPLES: usize = 150;
/// The probability with which one kind takes longer than the other is a half if they cannot be told apart. Of so many samples its
/// standard deviation is 0.034: what is beyond four of them is no accident.
const MAX_DEVIATION: f64 = 0.14;

/// The probability that one of the first takes longer than one of the second (Mann and Whitney).
fn takes_longer(first: &[Duration], second: &[Duration]) -> f64 {
    let longer = first.iter().map(|one| second.iter().filter(|other| one > *other).count()).sum::<usize>();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let share = longer as f64 / (first.len() * second.len()) as f64;
    share
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_a_reset_takes_as_long_with_an_account_as_without() {
    let mailing = Mailing::new().await;
    for number in 0..10 {
        mailing.world.person(&format!("known{number}")).await;
    }
    mailing.until_idle().await;
    let ask = async |name: &str| {
        let body = json!({"email": format!("{name}@example.com")});
        let began = Instant::now();
        mailing.world.nobody.post(FORGOT, &body).await.expect(202);
        began.elapsed()
    };
    for _ in 0..20 {
        ask("warmup").await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        // In either order, so that none follows always on the other's background work.
        let names = [format!("known{}", sample % 10), format!("nobody{}", sample % 10)];
        for place in if sample % 4 < 2 { [0, 1] } else { [1, 0] } {
            let took = ask(&names[place]).await;
            [&mut known, &mut unknown][place].push(took);
        }
    }
    let share = takes_longer(&known, &unknown);
    assert!((share - 0.5).abs() < MAX_DEVIATION, "an account takes longer with probability {share}");
    mailing.until_idle().await;
    // The statistic tells a tenth of the time.
    let slower: Vec<Duration> = known.iter().map(|took| *took + *took / 2).collect();
    assert!(takes_longer(&slower, &unknown) - 0.5 > MAX_DEVIATION);
}
