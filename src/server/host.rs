//! Ensures that a request names one host. With two `Host` headers, a proxy before this server and the server itself may
//! each use another one.

use axum::{
    extract::Request,
    http::{StatusCode, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Middleware around every route: refuses a request with more than one `Host` header.
pub async fn require_one(request: Request, next: Next) -> Response {
    if request.headers().get_all(HOST).iter().nth(1).is_some() {
        return (StatusCode::BAD_REQUEST, "This request has more than one Host header.\n").into_response();
    }
    next.run(request).await
}
