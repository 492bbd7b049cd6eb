//! Trusted proxies, and the client address behind them.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

use crate::InvalidSettings;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Whether an address belongs to a trusted proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The rightmost address that is not a trusted proxy's: clients can forge everything to the left of it.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let fields: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|field| field.to_str().ok()).collect();
        for hop in fields.iter().rev().flat_map(|field| field.rsplit(',')) {
            if !self.trust(client) {
                break;
            }
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
        }
        client
    }
}

impl FromStr for Proxies {
    type Err = InvalidSettings;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |one: &str| {
            let net = one.parse::<IpNet>().or_else(|_| one.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| InvalidSettings(format!("{one:?} is not an address or a network such as 10.0.0.0/8")))
        };
        text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append(FORWARDED_FOR, field.parse().expect("a header"));
        }
        let trusted: Proxies = trusted.parse().expect("networks");
        trusted.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("", "10.0.0.9", &["1.2.3.4"]), "10.0.0.9");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", &["6.6.6.6, 1.2.3.4", "10.1.1.1"]), "1.2.3.4");
        assert_eq!(client("10.0.0.9", "10.0.0.9", &["6.6.6.6, nonsense"]), "10.0.0.9");
        assert_eq!(client("10.0.0.9, ::1", "::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("10.0.0.9", "10.0.0.9", &[]), "10.0.0.9");
        assert!("10.0.0.0/99".parse::<Proxies>().is_err());
    }
}
