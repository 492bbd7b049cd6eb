//! Addresses as settings spell them, checked before nginx sees them.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::str::FromStr;

use anyhow::{Result, ensure};
use platform::settings::TraceSettings;

use crate::console::say;

/// Replicas of a service, as `server` lines of nginx.
#[derive(Debug, Clone)]
pub(crate) struct Upstreams(pub(super) String);

impl FromStr for Upstreams {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
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

    fn from_str(text: &str) -> std::result::Result<Self, String> {
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

/// The collector of traces by its address: nginx would look names up with a resolver, which it has in a container only.
pub(super) fn collector(settings: &TraceSettings) -> Result<String> {
    let Some((authority, path)) = settings.collector()? else { return Ok(String::new()) };
    ensure!(
        !path.contains(['\'', '\\', '$']),
        "{path} has characters that are not supported in a path of OTEL_EXPORTER_OTLP_ENDPOINT"
    );
    // A collector that is not there costs spans, never requests.
    let Some(address) = authority.to_socket_addrs().ok().and_then(|mut found| found.next()) else {
        say(&format!("cannot resolve {authority} of OTEL_EXPORTER_OTLP_ENDPOINT: the gateway does not export traces"));
        return Ok(String::new());
    };
    Ok(format!("http://{address}{path}"))
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

    #[test]
    fn a_collector_is_an_address() {
        let collector = |endpoint: &str| {
            let otel_exporter_otlp_endpoint = Some(endpoint.to_owned());
            collector(&TraceSettings { otel_exporter_otlp_endpoint, otel_traces_sampler_arg: 1.0 })
        };
        for (endpoint, address) in [
            ("", ""),
            ("http://127.0.0.1:14318", "http://127.0.0.1:14318"),
            ("http://127.0.0.1", "http://127.0.0.1:4318"),
            ("http://nobody.invalid", ""),
            ("http://[::1]:4318/otlp/", "http://[::1]:4318/otlp"),
        ] {
            assert_eq!(collector(endpoint).unwrap(), address);
        }
        for bad in ["127.0.0.1:4318", "https://127.0.0.1", "http://127.0.0.1/'"] {
            assert!(collector(bad).is_err(), "{bad}");
        }
    }
}
