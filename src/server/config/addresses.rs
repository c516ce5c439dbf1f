//! Parses the addresses among the settings: our own origin, trusted proxies, and the alert URL.

use std::{fmt, net::IpAddr, str::FromStr};

use axum::http::Uri;
use ipnet::IpNet;

/// The address that alerts are posted to. The address is a secret (its holder may post there), so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct AlertUrl(Uri);

impl AlertUrl {
    /// The address as a client takes it.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Debug for AlertUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertUrl(…)")
    }
}

impl FromStr for AlertUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "BAILOUT_ALERT_URL must be an http:// or https:// address without a name and password in it";
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_ours = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|it| is_ours && !it.host().is_empty() && !it.as_str().contains('@'));
        authority.ok_or_else(wrong)?;
        Ok(Self(uri))
    }
}

/// Where browsers find us: scheme, host and port, in the form in which browsers send `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    https: bool,
}

/// The text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("BAILOUT_PUBLIC_URL must be http:// or https:// and a host without a path, like https://desk.example.com")]
pub struct InvalidOrigin;

impl Origin {
    /// Takes `https://host` or `http://host:port`; one slash at the end is forgiven.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin)?;
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (https, usual_port) = match scheme.as_str() {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err(InvalidOrigin),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(InvalidOrigin);
        }
        let uri: Uri = format!("{scheme}://{rest}/").parse().map_err(|_| InvalidOrigin)?;
        let authority = uri.authority().ok_or(InvalidOrigin)?;
        let host = authority.host().to_ascii_lowercase();
        let port = authority.port_u16();
        let whole = port.map_or(host.len(), |port| format!("{host}:{port}").len()) == rest.len();
        if host.is_empty() || !whole {
            return Err(InvalidOrigin);
        }
        let text = match port {
            Some(port) if port != usual_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        };
        Ok(Self { text, https })
    }

    /// `https://desk.example.com`
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether browsers reach us through TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }
}

/// The proxies of which `X-Forwarded-For` is believed.
#[derive(Debug, Clone)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Returns whether no proxy is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether this is the address of one of them.
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;
    /// Takes addresses and networks with commas between; nothing trusts nobody.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let nets =
            words.map(|word| word.parse().or_else(|_| word.parse::<IpAddr>().map(IpNet::from)).map_err(|_| word));
        nets.collect::<Result<_, _>>().map(Self).map_err(|word| {
            format!("BAILOUT_TRUSTED_PROXIES must be addresses or networks, like 10.0.0.7,192.168.0.0/16: not {word}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for (text, is) in [
            ("https://Desk.Example.com", Some("https://desk.example.com")),
            ("https://desk.example.com:443/", Some("https://desk.example.com")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("https://desk.example.com/bailout", None),
            ("https://ada@desk.example.com", None),
            ("https://desk.example.com:", None),
            ("https://", None),
            ("ftp://desk.example.com", None),
            ("desk.example.com", None),
        ] {
            assert_eq!(Origin::parse(text).ok().as_ref().map(Origin::as_str), is, "{text}");
        }
    }
}
