//! The HTTP client with which this program calls other servers.

use std::{io, sync::Arc};

use axum::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// The client. Each request needs a timeout of its own.
pub type HttpsClient = Client<HttpsConnector<HttpConnector>, Body>;

/// Creates a client for `http://` and `https://` addresses, with the certificate authorities that browsers trust. The client
/// follows no redirect.
pub fn client() -> io::Result<HttpsClient> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider).map_err(io::Error::other)?;
    Ok(Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build()))
}
