//! Mail servers that are unavailable, or die in between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use platform_mail::Tuning;
use testkit::{CatcherSetup, MailCatcher};
use tokio::time::sleep;

use crate::fixture::{Process, World, tuning};

#[tokio::test(flavor = "multi_thread")]
async fn mails_wait_while_the_server_is_away_and_each_arrives_with_one_id() {
    let (world, catcher) = (World::new().await, MailCatcher::start().await);
    let (url, address) = (catcher.url(), catcher.address);
    drop(catcher);
    let mailer = world.mailer(&url);
    for number in 0..10 {
        world.queue(&mailer, &format!("{number}@example.com")).await;
    }
    let process = Process::start(&mailer);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(world.number("SELECT count(*) FROM mails WHERE attempts = 0").await, 10, "no attempt is lost");
    // It takes mails, and dies before it says so, of three.
    let lost = AtomicUsize::new(0);
    let answers = move |command: &str| (command == "." && lost.fetch_add(1, Ordering::Relaxed) < 3).then(String::new);
    let setup = CatcherSetup { address: Some(address), answers: Some(Arc::new(answers)), ..CatcherSetup::default() };
    let catcher = MailCatcher::with(setup).await;
    world.until_left(0).await;
    process.stop().await;
    let caught = catcher.all();
    let ids: BTreeSet<_> = caught.iter().map(|one| one.header("Message-ID").to_owned()).collect();
    let pairs: BTreeSet<_> = caught.iter().map(|one| (one.to.clone(), one.header("Message-ID").to_owned())).collect();
    assert_eq!((caught.len(), ids.len(), pairs.len()), (13, 10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_a_process_that_died_is_sent_by_another_when_its_lease_has_ended() {
    let (world, catcher) = (World::new().await, MailCatcher::start().await);
    // As one that was killed while it sent: claimed, and never settled.
    let short = Tuning {
        connect_timeout: Duration::from_millis(100),
        send_timeout: Duration::from_millis(100),
        lease_margin: Duration::from_millis(100),
        ..tuning()
    };
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}?tls=none", silent.local_addr().expect("an address"));
    let dead = world.tuned(&url, Tuning { connect_timeout: Duration::from_secs(60), ..short.clone() });
    world.queue(&dead, "ada@example.com").await;
    let end = tokio::spawn(async move { dead.run(tokio_util::sync::CancellationToken::new()).await });
    let _held = silent.accept().await.expect("it connects");
    end.abort();
    world.database.execute("UPDATE mails SET due_at = now() + interval '300 milliseconds'").await;
    let mailer = world.tuned(&catcher.url(), short);
    let process = Process::start(&mailer);
    sleep(Duration::from_millis(100)).await;
    assert!(catcher.all().is_empty(), "it belongs to the other one");
    catcher.take("ada@example.com", "Hello").await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_holds_nobody() {
    let world = World::new().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}?tls=none", silent.local_addr().expect("an address"));
    let mailer = world.tuned(&url, Tuning { connect_timeout: Duration::from_millis(50), ..tuning() });
    world.queue(&mailer, "ada@example.com").await;
    let process = Process::start(&mailer);
    // Again and again.
    for _ in 0..3 {
        silent.accept().await.expect("it connects");
    }
    process.stop().await;
    assert_eq!(world.number("SELECT count(*) FROM mails WHERE attempts = 0").await, 1);
}
