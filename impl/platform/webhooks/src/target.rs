//! Where requests may go: what a URL says, and what its host resolves to.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use platform::settings::Targets;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address::is_public;

/// Longer URLs are rejected.
const MAX_URL_BYTES: usize = 8 * 1024;

/// Parses a URL that may be sent to as far as can be told without resolving its host; why not, otherwise.
pub(crate) fn parse(url: &str, targets: Targets) -> Result<Url, &'static str> {
    if url.len() > MAX_URL_BYTES {
        return Err("The URL of the webhook is longer than 8 KiB.");
    }
    let url = Url::parse(url).map_err(|_| "The URL of the webhook is not an absolute URL.")?;
    let private = "The URL of the webhook must name a public host.";
    match (url.scheme(), targets) {
        ("https", _) | ("http", Targets::Any) => {}
        (_, Targets::Any) => return Err("The URL of the webhook must begin with http:// or https://."),
        (_, Targets::Public) => return Err("The URL of the webhook must begin with https://."),
    }
    match url.host() {
        None => Err(private),
        Some(Host::Ipv4(address)) if !allows(targets, address.into()) => Err(private),
        Some(Host::Ipv6(address)) if !allows(targets, address.into()) => Err(private),
        Some(Host::Domain(name)) if targets == Targets::Public && is_local(name) => Err(private),
        Some(_) => Ok(url),
    }
}

/// Host and port, one spelling for each: requests to it wait for each other.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

/// Whether an address may be connected to.
fn allows(targets: Targets, address: IpAddr) -> bool {
    targets == Targets::Any || is_public(address)
}

/// Names that are never those of public hosts (RFC 6761, RFC 6762, RFC 9476), and names without a domain.
fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    match name.rsplit_once('.') {
        None => true,
        Some((_, last)) => ["localhost", "local", "internal", "invalid", "test", "alt", "onion"].contains(&last),
    }
}

/// Resolves names to addresses that may be connected to, for the connection itself: no second look at the name can find another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolver(pub(crate) Targets);

/// A name has addresses, none of which may be connected to.
#[derive(Debug)]
pub(crate) struct NotAllowed;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(targets) = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let known = !found.is_empty();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|it| allows(targets, it.ip())).collect();
            if known && allowed.is_empty() {
                return Err(NotAllowed.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the host has no public address")
    }
}

impl StdError for NotAllowed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_hosts_are_public_however_they_are_written() {
        for allowed in [
            "https://example.com/hook?a=b",
            "https://EXAMPLE.com:8443",
            "https://bücher.example/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]/",
            "https://134744072/",
        ] {
            parse(allowed, Targets::Public).expect(allowed);
            parse(allowed, Targets::Any).expect(allowed);
        }
        for refused in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://127.0.0.1/",
            "https://127。0。0。1/",
            "https://%31%32%37.0.0.1/",
            "https://user:word@127.0.0.1/",
            "https://example.com@127.0.0.1/",
            "https://127.0.0.1\\@example.com/",
            "https://0/",
            "https://169.254.169.254/latest/meta-data",
            "https://10.1.2.3:443/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[0:0:0:0:0:ffff:7f00:0001]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost:8080/",
            "https://metadata.google.internal/",
            "https://printer.local/",
            "https://db/",
        ] {
            parse(refused, Targets::Public).expect_err(refused);
        }
        for never in [
            "",
            "/hook",
            "example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://",
            "data:,a",
            "https://a b/",
        ] {
            parse(never, Targets::Any).expect_err(never);
        }
        parse(&format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES)), Targets::Any).expect_err("it is too long");
        for any in ["http://localhost:8080/a", "http://10.0.0.1/", "http://[::1]:80/"] {
            parse(any, Targets::Any).expect(any);
        }
    }

    #[test]
    fn a_host_has_one_name() {
        let of = |text: &str| host(&Url::parse(text).expect(text));
        assert_eq!(of("https://Example.com/a"), "example.com:443");
        assert_eq!(of("https://example.com.:443/b?c"), "example.com:443");
        assert_eq!(of("http://user@example.com:8080"), "example.com:8080");
        assert_eq!(of("http://[::1]"), "[::1]:80");
    }
}
