//! STARTTLS and login.

use std::sync::Arc;
use std::time::Duration;

use platform_mail::Tuning;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testkit::{CatcherSetup, MailCatcher};
use tokio::time::sleep;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fixture::{Process, World, tuning};

/// What a server presents, and the authority that signed it.
fn certificate(name: &str) -> (Arc<ServerConfig>, Vec<u8>) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = certificate.signed_by(&key, &authority).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).expect("they match");
    (Arc::new(config), authority.der().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_mails_are_sent_by_starttls_to_a_server_with_a_good_certificate() {
    let world = World::new().await;
    for (name, is_trusted, is_sent) in
        [("localhost", true, true), ("localhost", false, false), ("example.com", true, false)]
    {
        let (config, authority) = certificate(name);
        let setup = CatcherSetup { tls: Some(config), ..CatcherSetup::default() };
        let catcher = MailCatcher::with(setup).await;
        let url = format!("smtp://ada:p%40ss@localhost:{}", catcher.address.port());
        let authorities = if is_trusted { vec![authority] } else { Vec::new() };
        let mailer = world.tuned(&url, Tuning { authorities, ..tuning() });
        world.queue(&mailer, "ada@example.com").await;
        let process = Process::start(&mailer);
        if is_sent {
            let caught = catcher.take("ada@example.com", "Hello").await;
            assert!(caught.is_encrypted);
            assert_eq!(caught.login, Some(("ada".to_owned(), "p@ss".to_owned())));
            world.until_left(0).await;
        } else {
            sleep(Duration::from_millis(200)).await;
            assert!(catcher.all().is_empty(), "{name}, trusted: {is_trusted}");
            world.database.execute("DELETE FROM mails").await;
        }
        process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_starttls_gets_nothing() {
    let (world, catcher) = (World::new().await, MailCatcher::start().await);
    let mailer = world.mailer(&format!("smtp://localhost:{}", catcher.address.port()));
    world.queue(&mailer, "ada@example.com").await;
    let process = Process::start(&mailer);
    sleep(Duration::from_millis(200)).await;
    process.stop().await;
    assert!(catcher.all().is_empty());
    assert_eq!(world.number("SELECT count(*) FROM mails WHERE attempts = 0").await, 1);
}
