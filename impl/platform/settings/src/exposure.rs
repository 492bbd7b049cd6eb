//! Who can reach a process, and so which defaults are safe: closed unless configured otherwise.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::InvalidSettings;

/// The kind of deployment, and where it listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct ExposureSettings {
    /// Kind of deployment: production rejects weak secrets and disables demo accounts; development listens on loopback addresses
    /// only
    #[arg(long, env = "ENVIRONMENT", value_enum, ignore_case = true, default_value_t = Environment::Production)]
    pub environment: Environment,
    /// Allow development to listen on other addresses; then it needs strong secrets and has no demo accounts, as production
    #[arg(long, env = "PUBLIC_DEVELOPMENT", value_parser = clap::builder::BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub public_development: bool,
    /// Addresses to listen on, comma-separated; localhost is 127.0.0.1 and ::1
    #[arg(long, env = "BIND_ADDRESS", default_value = "localhost")]
    pub bind_address: Bind,
}

impl ExposureSettings {
    /// The environment whose defaults apply: a process that other machines can reach is as closed as production.
    ///
    /// # Errors
    /// When development could be reached from other machines without `PUBLIC_DEVELOPMENT`.
    pub fn effective(&self) -> Result<Environment, InvalidSettings> {
        let Self { environment, public_development, bind_address } = self;
        if environment.is_production() || bind_address.is_loopback() {
            return Ok(*environment);
        }
        if *public_development {
            return Ok(Environment::Production);
        }
        Err(InvalidSettings(format!(
            "ENVIRONMENT=development must not listen on {bind_address}: use BIND_ADDRESS=localhost, ENVIRONMENT=production, \
             or PUBLIC_DEVELOPMENT=true (strong secrets, no demo accounts)"
        )))
    }
}

/// What kind of deployment this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// Demo data, a default signing key, open benchmark endpoints.
    #[value(alias = "dev", alias = "local", alias = "test")]
    Development,
    /// Secure defaults.
    #[value(alias = "prod", alias = "staging")]
    Production,
}

impl Environment {
    /// Whether this is [`Environment::Production`].
    pub fn is_production(self) -> bool {
        self == Self::Production
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(if self.is_production() { "production" } else { "development" })
    }
}

/// Addresses to listen on, one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind(Vec<IpAddr>);

/// The addresses that `localhost` may resolve to; the order is up to the client.
const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

impl Bind {
    /// The loopback addresses of both families.
    pub fn localhost() -> Self {
        Self(LOCALHOST.to_vec())
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.0.iter().all(|address| address.to_canonical().is_loopback())
    }

    /// The configured addresses that this machine has (without IPv6 there is no `::1`); all of them when it has none, so that
    /// binding fails with the error of the operating system.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let here: Vec<IpAddr> = self.0.iter().copied().filter(|address| exists(*address)).collect();
        if here.is_empty() { self.0.clone() } else { here }
    }

    /// The same addresses with a port.
    pub fn at(&self, port: u16) -> Vec<SocketAddr> {
        self.addresses().into_iter().map(|address| SocketAddr::new(address, port)).collect()
    }

    /// An address at which a client on this machine reaches the listener.
    pub fn reachable(&self) -> IpAddr {
        match self.addresses().first() {
            None | Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.into(),
            Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Ipv6Addr::LOCALHOST.into(),
            Some(address) => *address,
        }
    }
}

fn exists(address: IpAddr) -> bool {
    match TcpListener::bind((address, 0)) {
        Ok(_) => true,
        // EAFNOSUPPORT has no `ErrorKind`.
        Err(error) => {
            error.kind() != ErrorKind::AddrNotAvailable && error.raw_os_error() != Some(nix::libc::EAFNOSUPPORT)
        }
    }
}

impl FromStr for Bind {
    type Err = InvalidSettings;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim) {
            let found = match part.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
                Ok(address) => vec![address],
                Err(_) if part.eq_ignore_ascii_case("localhost") => LOCALHOST.to_vec(),
                Err(_) => return Err(InvalidSettings(format!("{part:?} is neither an IP address nor localhost"))),
            };
            addresses.extend(found.into_iter().filter(|address| !addresses.contains(address)).collect::<Vec<_>>());
        }
        // A socket on every IPv6 address serves IPv4 as well, and a second one could not be bound.
        if addresses.contains(&Ipv6Addr::UNSPECIFIED.into()) {
            addresses.retain(|address| *address != IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        }
        Ok(Self(addresses))
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        to.write_str(&addresses.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(
        environment: Environment,
        bind: &str,
        public_development: bool,
    ) -> Result<Environment, InvalidSettings> {
        ExposureSettings { environment, public_development, bind_address: bind.parse()? }.effective()
    }

    #[test]
    fn development_is_for_this_machine_unless_somebody_says_otherwise() {
        use Environment::{Development, Production};
        for here in ["localhost", "127.0.0.1", "::1", "127.3.2.1", "LocalHost", "127.0.0.1, [::1]", "::ffff:127.0.0.1"]
        {
            assert_eq!(effective(Development, here, false).unwrap(), Development, "{here}");
        }
        for everywhere in
            ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1,10.0.0.1", "localhost,::", "fe80::1", "::ffff:10.0.0.1"]
        {
            let refusal = effective(Development, everywhere, false).unwrap_err().to_string();
            assert!(refusal.contains("PUBLIC_DEVELOPMENT"), "{everywhere}: {refusal}");
            assert_eq!(
                effective(Development, everywhere, true).unwrap(),
                Production,
                "{everywhere}: nothing is open there"
            );
            assert_eq!(effective(Production, everywhere, false).unwrap(), Production);
        }
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let read = |text: &str| text.parse::<Bind>().map(|bind| bind.to_string());
        assert_eq!(read("localhost").unwrap(), "127.0.0.1,::1");
        assert_eq!(read("::1, localhost").unwrap(), "::1,127.0.0.1");
        assert_eq!(read("0.0.0.0,[::]").unwrap(), "::");
        for bad in ["", "example.org", "127.0.0.1:80", "127.0.0.1,"] {
            read(bad).expect_err(bad);
        }
        assert_eq!("0.0.0.0".parse::<Bind>().unwrap().reachable(), Ipv4Addr::LOCALHOST);
    }
}
