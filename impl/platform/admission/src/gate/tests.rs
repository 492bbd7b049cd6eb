//! Shares and turns at a gate.

use super::*;

fn user(id: i64) -> Option<Subject> {
    Some(Subject::User(id))
}

fn gate(size: usize, queue: usize) -> Gate {
    Gate::new(size, queue, Duration::from_secs(1), Keep::OneIn(3))
}

async fn tries(gate: &Gate, subject: Option<Subject>) -> Result<Permit, Refused> {
    gate.enter_for(subject).await
}

#[tokio::test(start_paused = true)]
async fn one_subject_leaves_room_and_many_leave_less() {
    let gate = gate(6, 100);
    let mut held = Vec::new();
    while let Ok(permit) = tries(&gate, user(1)).await {
        held.push(permit);
    }
    assert_eq!(held.len(), 4, "two thirds");
    assert_eq!(tries(&gate, user(1)).await.err(), Some(Refused::Share), "there is room, but not for it");
    let other = tries(&gate, user(2)).await;
    assert!(other.is_ok(), "a newcomer finds a place");
    // Background work may take the last one.
    assert!(tries(&gate, None).await.is_ok());
    drop((held, other));
    assert_eq!(gate.state(), (6, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_in_turn_whatever_others_have_waiting() {
    let gate = Gate::new(1, 100, Duration::from_secs(60), Keep::Nothing);
    let first = tries(&gate, user(1)).await.expect("it is free");
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut all = Vec::new();
    for subject in [1, 1, 1, 1, 2, 1, 3] {
        let (gate, order) = (gate.clone(), Arc::clone(&order));
        all.push(tokio::spawn(async move {
            let permit = gate.enter_for(user(subject)).await.expect("its turn");
            order.lock().expect("whole").push(subject);
            drop(permit);
        }));
        tokio::task::yield_now().await;
    }
    drop(first);
    for one in all {
        one.await.expect("it ends");
    }
    assert_eq!(*order.lock().expect("whole"), [1, 2, 3, 1, 1, 1, 1]);
    assert_eq!(gate.state(), (1, 0, 0));
    assert_eq!(gate.room().lines.len(), 0, "nothing stays behind");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_sends_away_the_last_of_the_longest_line() {
    let gate = gate(1, 3);
    let inside = tries(&gate, user(1)).await.expect("it is free");
    let wait = |subject| {
        let gate = gate.clone();
        tokio::spawn(async move { gate.enter_for(user(subject)).await.map(drop) })
    };
    let (a, b, c) = (wait(1), wait(1), wait(1));
    tokio::task::yield_now().await;
    assert_eq!(gate.state(), (1, 1, 3));
    assert_eq!(tries(&gate, user(1)).await.err(), Some(Refused::Full), "alone it is nobody else's doing");
    let newcomer = wait(2);
    tokio::task::yield_now().await;
    assert_eq!(c.await.expect("it ends"), Err(Refused::Share));
    drop(inside);
    for one in [a, newcomer, b] {
        assert_eq!(one.await.expect("it ends"), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_and_a_closed_gate_leave_nothing() {
    let gate = gate(1, 3);
    let inside = tries(&gate, user(1)).await.expect("it is free");
    let waiting = tokio::spawn({
        let gate = gate.clone();
        async move { gate.enter_for(user(2)).await.map(drop) }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    let _ = waiting.await;
    assert_eq!(gate.state(), (1, 1, 0));
    let closing = tokio::spawn({
        let gate = gate.clone();
        async move { gate.close().await }
    });
    tokio::task::yield_now().await;
    assert_eq!(tries(&gate, user(2)).await.err(), Some(Refused::Closed));
    drop(inside);
    closing.await.expect("everybody is out");
}
