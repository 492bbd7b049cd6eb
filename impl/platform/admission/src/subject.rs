//! The client that a request counts for.

use std::net::{IpAddr, Ipv6Addr};

/// A client, as far as it can be told apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An authenticated user, by id.
    User(i64),
    /// An unauthenticated client at an address; for IPv6 the network of one customer.
    Address(IpAddr),
}

impl Subject {
    /// The subject at an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(network(address))
    }
}

/// An address; for IPv6 its /64 network, since one customer has 2^64 addresses to choose from.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_has_one_network() {
        let at = |text: &str| Subject::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8:1:2:3:4:5:6"), at("2001:db8:1:2::1"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }
}
