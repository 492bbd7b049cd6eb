//! Certificates of receivers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use platform_webhooks::Tuning;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fixture::{World, tuning, until};

/// Receives by TLS, with a certificate for a name; the address, and the authority that signed the certificate.
async fn receiver(name: &str) -> (SocketAddr, Vec<u8>) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = certificate.signed_by(&key, &authority).expect("a certificate");
    let config = ServerConfig::builder().with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = config.with_single_cert(vec![certificate.der().clone()], key).expect("they match");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    (address, authority.der().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified() {
    for (name, is_trusted, is_received) in
        [("localhost", true, true), ("localhost", false, false), ("example.com", true, false)]
    {
        let (world, (address, authority)) = (World::new().await, receiver(name).await);
        let authorities = if is_trusted { vec![authority] } else { Vec::new() };
        let webhooks = world.tuned(Tuning { retries: vec![Duration::ZERO], authorities, ..tuning() });
        let url = format!("https://localhost:{}/", address.port());
        world.put(&webhooks, 0, &url).await.expect("it is put");
        let process = world.start(&webhooks);
        let settled = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'";
        until("it is settled", async || world.number(settled).await == 0).await;
        process.stop().await;
        assert_eq!(world.rows().await == 0, is_received, "{name}, trusted: {is_trusted}");
        if !is_received {
            let (_, _, status, error) = world.only().await;
            assert!(status.is_none() && error.contains("certificate"), "{error}");
        }
    }
}
