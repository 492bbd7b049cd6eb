//! Replicas that are names: when one leads elsewhere, so does the gateway.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use services::SERVICES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::sleep;

use crate::system::{Gateway, NOBODY};

/// A name that nobody has.
const NAME: &str = "replica.invalid";
/// nginx keeps an address for five seconds.
const MOVED: Duration = Duration::from_secs(20);

/// A DNS server that has one address for every name (RFC 1035), for a second.
async fn dns(address: Arc<Mutex<Ipv4Addr>>) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let at = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query).await {
            // Header, the labels of the name, type and class of the question.
            let name = query[12..length].iter().position(|byte| *byte == 0).expect("a name ends") + 13;
            let is_a = query[name..name + 2] == [0, 1];
            let mut response =
                [&query[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0], &query[12..name + 4]].concat();
            if is_a {
                let address = address.lock().expect("nobody panics here").octets();
                response.extend([&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4], &address[..]].concat());
            }
            socket.send_to(&response, client).await.expect("it is sent");
        }
    });
    at
}

/// A replica that says who it is, to every request.
async fn replica(at: SocketAddr, name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(at).await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let response =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len());
            let _ = socket.write_all(response.as_bytes()).await;
        }
    });
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_is_followed() {
    let first = replica((Ipv4Addr::LOCALHOST, 0).into(), "first").await;
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    replica((elsewhere, first.port()).into(), "second").await;
    let address = Arc::new(Mutex::new(Ipv4Addr::LOCALHOST));
    let resolver = dns(Arc::clone(&address)).await.to_string();
    let service = SERVICES.iter().find(|service| service.prefix.is_some()).expect("a service");
    let place = |name: &str| if name == service.name { format!("{NAME}:{}", first.port()) } else { NOBODY.to_owned() };
    let gateway = Gateway::start(place, &["--resolver", &resolver]).await;
    let path = format!("/{}/health", service.prefix.expect("it has one"));
    for (name, at) in [("first", Ipv4Addr::LOCALHOST), ("second", elsewhere)] {
        *address.lock().expect("nobody panics here") = at;
        let begun = Instant::now();
        loop {
            let response = gateway.client().get(&path).await;
            if response.text == name {
                break;
            }
            assert!(begun.elapsed() < MOVED, "{name}: {} {}", response.status, response.text);
            sleep(Duration::from_millis(100)).await;
        }
    }
}
