//! Addresses as settings spell them, checked before nginx sees them.

use std::net::IpAddr;
use std::str::FromStr;

/// Replicas of a service, as `server` lines of nginx.
#[derive(Debug, Clone)]
pub(super) struct Upstreams(pub(super) String);

impl FromStr for Upstreams {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = String::new();
        for address in text.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if !address.chars().all(plain) || port.is_none() {
                return Err(format!("{address:?} is not HOST:PORT"));
            }
            // One refused connection is bad luck, two are a replica that is gone; it is tried again soon.
            lines = lines + "server " + address + " max_fails=2 fail_timeout=2s; ";
        }
        if lines.is_empty() { Err("at least one HOST:PORT is needed".to_owned()) } else { Ok(Self(lines)) }
    }
}

/// Addresses and networks.
#[derive(Debug, Clone)]
pub(super) struct Networks(pub(super) Vec<String>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let networks = text.split(',').map(str::trim).filter(|network| !network.is_empty());
        let check = |network: &str| {
            let (address, bits) = network.split_once('/').unwrap_or((network, "0"));
            let most = match address.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => 32,
                Ok(IpAddr::V6(_)) => 128,
                Err(_) => return Err(format!("{network:?} is not an address or a network such as 10.0.0.0/8")),
            };
            match bits.parse::<u8>() {
                Ok(bits) if bits <= most => Ok(network.to_owned()),
                _ => Err(format!("{network:?} is not an address or a network such as 10.0.0.0/8")),
            }
        };
        networks.map(check).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_addresses() {
        let Upstreams(lines) = "127.0.0.1:8000, tasks:8000".parse().unwrap();
        assert_eq!(
            lines,
            "server 127.0.0.1:8000 max_fails=2 fail_timeout=2s; server tasks:8000 max_fails=2 fail_timeout=2s; "
        );
        for bad in ["", "tasks", "tasks:http", "tasks:80;}", "a b:80", "unix:/tmp/socket"] {
            assert!(bad.parse::<Upstreams>().is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_are_checked_before_nginx_sees_them() {
        assert_eq!("10.0.0.0/8, ::1".parse::<Networks>().unwrap().0, ["10.0.0.0/8", "::1"]);
        assert_eq!("".parse::<Networks>().unwrap().0, [""; 0]);
        for bad in ["10.0.0.0/33", "all", "10.0.0.0/8;", "::1/129"] {
            assert!(bad.parse::<Networks>().is_err(), "{bad}");
        }
    }
}
