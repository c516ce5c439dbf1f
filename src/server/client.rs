//! Finds the address of the client that sent a request. Sign-ins are throttled by it, and the session history shows it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, request::Parts},
};

use crate::server::config::{Settings, TrustedProxies};

/// The header to which each proxy appends the address of the client that it forwards for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Returns the address of the client: the peer, or, where the peer is a trusted proxy, the client that the proxy names.
/// Returns `None` without a connection, as in tests of the router alone.
pub fn address(settings: &Settings, parts: &Parts) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(behind(&settings.trusted_proxies, peer.ip().to_canonical(), &parts.headers))
}

/// Returns the address by which a household is counted: for IPv6 its /64, in which it has as many addresses as it
/// likes.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !0 << 64).into(),
        address => address,
    }
}

/// Returns the last address that is not of a trusted proxy. A client may have made up the addresses before it.
fn behind(trusted: &TrustedProxies, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    // The nearest proxy comes first.
    let said = headers.get_all(FORWARDED_FOR).iter().rev().flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
    let mut client = peer;
    for word in said {
        if !trusted.include(client) {
            break;
        }
        // Some proxies add the port. A word that is no address identifies no client, so the proxy that sent it counts
        // instead.
        let Ok(next) = word.trim().parse().or_else(|_| word.trim().parse().map(|it: SocketAddr| it.ip())) else {
            break;
        };
        client = next.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::server::config::Cli;

    fn client(trusted: &[&str], peer: &str, said: &[&str]) -> String {
        let line = ["bailout"].iter().chain(trusted);
        let settings = Cli::try_parse_from(line).unwrap().settings;
        let headers = said.iter().map(|value| (FORWARDED_FOR.parse().unwrap(), value.parse().unwrap())).collect();
        behind(&settings.trusted_proxies, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let own = ["--trusted-proxies", "10.0.0.0/8, 192.0.2.1,::1"];
        assert_eq!(client(&own, "10.3.2.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&own, "192.0.2.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&own, "::1", &["203.0.113.9"]), "203.0.113.9");
        // The controls: an untrusted peer may send any header, and without trusted proxies every peer is untrusted.
        assert_eq!(client(&own, "192.0.2.2", &["203.0.113.9"]), "192.0.2.2");
        assert_eq!(client(&own, "127.0.0.1", &["203.0.113.9"]), "127.0.0.1");
        assert_eq!(client(&[], "127.0.0.1", &["203.0.113.9"]), "127.0.0.1");
    }

    #[test]
    fn what_a_client_made_up_before_its_proxy_is_not_believed() {
        let own = ["--trusted-proxies", "127.0.0.1,10.0.0.0/8"];
        assert_eq!(client(&own, "127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.4"]), "203.0.113.9");
        assert_eq!(client(&own, "127.0.0.1", &["1.1.1.1", "203.0.113.9", "10.0.0.4"]), "203.0.113.9");
        assert_eq!(client(&own, "127.0.0.1", &["203.0.113.9, <script>"]), "127.0.0.1");
        assert_eq!(client(&own, "127.0.0.1", &["10.0.0.5,10.0.0.4"]), "10.0.0.5");
        assert_eq!(client(&own, "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client(&own, "127.0.0.1", &[""]), "127.0.0.1");
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let own = ["--trusted-proxies", "127.0.0.1"];
        assert_eq!(client(&own, "127.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client(&own, "127.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client(&own, "127.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn a_bad_proxy_stops_the_program_with_its_name() {
        let problem = Cli::try_parse_from(["bailout", "--trusted-proxies", "proxy.example"]).unwrap_err().to_string();
        assert!(problem.contains("BAILOUT_TRUSTED_PROXIES"), "{problem}");
    }
}
