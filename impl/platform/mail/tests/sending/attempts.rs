//! What the server accepts, rejects temporarily, and rejects permanently.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use platform_mail::Mail;
use testkit::{CatcherSetup, MailCatcher};

use crate::fixture::{Process, World, mail, tuning};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_sent_once_it_is_committed() {
    let (world, catcher) = (World::new().await, MailCatcher::start().await);
    let mailer = world.mailer(&catcher.url());
    let process = Process::start(&mailer);
    world.queue_in_vain(&mailer, "nobody@example.com").await;
    world.queue(&mailer, "ada@example.com").await;
    let caught = catcher.take("ada@example.com", "Hello").await;
    world.until_left(0).await;
    process.stop().await;
    assert_eq!((&*caught.from, caught.header("From")), ("from@example.com", "Example <from@example.com>"));
    assert_eq!((caught.header("To"), caught.header("Auto-Submitted")), ("ada@example.com", "auto-generated"));
    assert!(caught.header("Content-Type").starts_with("multipart/alternative"), "{}", caught.content);
    assert!(caught.content.contains("text/plain") && caught.content.contains("text/html"), "{}", caught.content);
    assert!(caught.content.contains("\n.A dot") || caught.content.contains("\n=2EA dot"), "{}", caught.content);
    let id = caught.header("Message-ID");
    assert!(id.starts_with('<') && id.ends_with("@example.com>"), "{id}");
    assert!(catcher.all().is_empty(), "{:?}", catcher.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_now_is_tried_again_and_for_good_is_not() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    let answers = move |command: &str| {
        let is_first = |number| counted.fetch_add(1, Ordering::Relaxed) < number;
        match command {
            "RCPT TO:<busy@example.com>" if is_first(3) => Some("451 later".to_owned()),
            "RCPT TO:<gone@example.com>" => Some("550 no such mailbox".to_owned()),
            _ => None,
        }
    };
    let setup = CatcherSetup { answers: Some(Arc::new(answers)), ..CatcherSetup::default() };
    let (world, catcher) = (World::new().await, MailCatcher::with(setup).await);
    let mailer = world.mailer(&catcher.url());
    for to in ["gone@example.com", "busy@example.com", "is no address", "ada@example.com"] {
        world.queue(&mailer, to).await;
    }
    let process = Process::start(&mailer);
    catcher.take("ada@example.com", "Hello").await;
    catcher.take("busy@example.com", "Hello").await;
    world.until_left(0).await;
    process.stop().await;
    assert_eq!(refusals.load(Ordering::Relaxed), 4);
    assert!(catcher.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_refused_costs_no_mail() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    let answers = move |command: &str| {
        let refused = command.starts_with("MAIL ") && counted.fetch_add(1, Ordering::Relaxed) < 2;
        refused.then(|| "550 not from here".to_owned())
    };
    let setup = CatcherSetup { answers: Some(Arc::new(answers)), ..CatcherSetup::default() };
    let (world, catcher) = (World::new().await, MailCatcher::with(setup).await);
    let mailer = world.mailer(&catcher.url());
    world.queue(&mailer, "ada@example.com").await;
    let process = Process::start(&mailer);
    catcher.take("ada@example.com", "Hello").await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_no_use_any_more_is_not_sent() {
    let (world, catcher) = (World::new().await, MailCatcher::start().await);
    let mailer = world.mailer(&catcher.url());
    world.queue_mail(&mailer, Mail { life: Duration::ZERO, ..mail("late@example.com") }).await;
    world.queue(&mailer, "ada@example.com").await;
    let process = Process::start(&mailer);
    catcher.take("ada@example.com", "Hello").await;
    world.until_left(0).await;
    process.stop().await;
    assert!(catcher.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_send_each_mail_once() {
    let (world, catcher) = (World::new().await, MailCatcher::start().await);
    let mailers = [world.tuned(&catcher.url(), tuning()), world.tuned(&catcher.url(), tuning())];
    for number in 0..60 {
        world.queue(&mailers[number % 2], &format!("{number}@example.com")).await;
    }
    let processes = mailers.each_ref().map(Process::start);
    world.until_left(0).await;
    for process in processes {
        process.stop().await;
    }
    let mut recipients: Vec<_> = catcher.all().into_iter().map(|caught| caught.to).collect();
    assert_eq!(recipients.len(), 60);
    recipients.sort();
    recipients.dedup();
    assert_eq!(recipients.len(), 60);
}
