//! Which URLs are acceptable.

use url::{Host, Url};

/// Whether a provider may have this endpoint: https, or http on this machine.
pub(crate) fn is_secure(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether this is an issuer identifier (OpenID Connect Core, 1.2).
pub(crate) fn is_issuer(text: &str) -> bool {
    let url = Url::parse(text).ok().filter(is_secure);
    url.is_some_and(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty())
}

/// Whether users may be sent back to this: https, http on this machine, or the scheme of an app, which has a dot (RFC 8252, 7.1). Without a fragment
/// (RFC 6749, 3.1.2).
pub(crate) fn is_redirect_uri(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.fragment().is_none() && (is_secure(&url) || url.scheme().contains('.')))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine() {
        for (url, expected) in [
            ("https://id.example", true),
            ("https://id.example/tenant/a", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]/", true),
            ("http://localhost:3000/op", true),
            ("http://id.example", false),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
            ("https://id.example?a=b", false),
            ("https://id.example#a", false),
            ("https://user@id.example", false),
            ("file:///etc/passwd", false),
            ("id.example", false),
            ("", false),
        ] {
            assert_eq!(is_issuer(url), expected, "{url}");
        }
        for (url, expected) in [
            ("https://app.example/callback?from=login", true),
            ("http://127.0.0.1:5173/callback", true),
            ("com.example.app:/callback", true),
            ("http://app.example/callback", false),
            ("https://app.example/callback#fragment", false),
            ("javascript:alert(1)", false),
            ("/callback", false),
        ] {
            assert_eq!(is_redirect_uri(url), expected, "{url}");
        }
    }
}
