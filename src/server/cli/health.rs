//! `bailout health`: tells whether the server at an address is alive, for the health checks of containers.

use std::{net::SocketAddr, time::Duration};

use tokio::time::timeout;

use crate::server::https;

/// The timeout of the request. `/healthz` asks no database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks `/healthz` of the server that listens at an address. The error is a sentence.
pub async fn is_alive(addr: SocketAddr) -> Result<(), String> {
    let host = loopback(addr);
    let uri = format!("http://{host}/healthz").parse().map_err(|_| format!("{host} is no address"))?;
    let client = https::client().map_err(|error| error.to_string())?;
    match timeout(PATIENCE, client.get(uri)).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("the server at {host} answered {}", answer.status().as_u16())),
        Ok(Err(error)) => Err(format!("no server answers at {host}: {error}")),
        Err(_) => Err(format!("the server at {host} did not answer within {} s", PATIENCE.as_secs())),
    }
}

/// Returns the host and port at which this machine reaches a server that listens at an address. A server that listens on every
/// address can be asked at the loopback address.
pub fn loopback(addr: SocketAddr) -> String {
    match addr {
        SocketAddr::V4(at) if at.ip().is_unspecified() => format!("127.0.0.1:{}", at.port()),
        SocketAddr::V6(at) if at.ip().is_unspecified() => format!("[::1]:{}", at.port()),
        at => at.to_string(),
    }
}
