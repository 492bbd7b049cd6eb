//! Addresses as settings spell them, checked before nginx sees them.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use anyhow::{Result, ensure};
use platform::settings::TraceSettings;

use crate::console::say;

/// Addresses of the replicas of a service: HOST:PORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstreams(pub(super) Vec<String>);

impl Upstreams {
    /// As `server` lines of nginx, which looks names up again where `resolve` is true of them.
    pub(super) fn servers(&self, resolve: impl Fn(&str) -> bool) -> String {
        let server = |address: &String| {
            let again = if resolve(host(address)) { " resolve" } else { "" };
            // One refused connection is bad luck, two are a replica that is gone; it is tried again soon.
            format!("server {address} max_fails=2 fail_timeout=2s{again}; ")
        };
        self.0.iter().map(server).collect()
    }

    /// The hosts.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|address| host(address))
    }
}

fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// Whether DNS has the address of a host, and so another one later: it is a name, and not one of `/etc/hosts`.
pub(super) fn is_of_dns(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let known = hosts.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).any(|name| name.eq_ignore_ascii_case(host))
    });
    let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    !is_address && !known && !host.eq_ignore_ascii_case("localhost")
}

/// DNS servers, as nginx writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolvers(pub(super) Vec<String>);

impl Resolvers {
    /// Those of `/etc/resolv.conf`.
    pub(super) fn of_machine() -> Self {
        let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim);
        Self(named.filter_map(|server| resolver(server).ok()).collect())
    }
}

impl FromStr for Resolvers {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let servers = text.split(',').map(str::trim).filter(|server| !server.is_empty());
        servers.map(resolver).collect::<std::result::Result<_, _>>().map(Self)
    }
}

fn resolver(text: &str) -> std::result::Result<String, String> {
    // Without the interface of a link-local address, which nginx does not know.
    let text = text.split('%').next().unwrap_or(text);
    match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(IpAddr::V6(address)), _) => Ok(format!("[{address}]")),
        (Ok(address), _) => Ok(address.to_string()),
        (_, Ok(address)) => Ok(address.to_string()),
        _ => Err(format!("{text:?} is not the address of a DNS server, with or without a port")),
    }
}

impl FromStr for Upstreams {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut addresses = Vec::new();
        for address in text.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if !address.chars().all(plain) || port.is_none() {
                return Err(format!("{address:?} is not HOST:PORT"));
            }
            addresses.push(address.to_owned());
        }
        if addresses.is_empty() { Err("at least one HOST:PORT is needed".to_owned()) } else { Ok(Self(addresses)) }
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
        let upstreams: Upstreams = "127.0.0.1:8000, tasks:8000".parse().unwrap();
        assert_eq!(
            upstreams.servers(|host| host == "tasks"),
            "server 127.0.0.1:8000 max_fails=2 fail_timeout=2s; server tasks:8000 max_fails=2 fail_timeout=2s resolve; "
        );
        for bad in ["", "tasks", "tasks:http", "tasks:80;}", "a b:80", "unix:/tmp/socket"] {
            assert!(bad.parse::<Upstreams>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_dns_are_looked_up_by_its_servers() {
        assert!(is_of_dns("tasks.example.internal"));
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            assert!(!is_of_dns(host), "{host}");
        }
        let resolvers = "10.0.0.2, ::1,127.0.0.1:5353, [::1]:53, fe80::1%eth0".parse::<Resolvers>().unwrap();
        assert_eq!(resolvers.0, ["10.0.0.2", "[::1]", "127.0.0.1:5353", "[::1]:53", "[fe80::1]"]);
        assert!("dns.example".parse::<Resolvers>().is_err());
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
