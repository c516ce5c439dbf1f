//! The access check of the plain pages: a client without a session is redirected to the sign-in page, and an operator
//! whose role is too low gets 403. The gate is a layer of whole routers, so that no page behind it can omit the check.

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};

use super::{
    respond::{HOME, failed, see_other},
    session::{self, ActivitySource, SignedIn},
    sign_in::{encoded, own_path},
    web_state::WebState,
};
use crate::{domain::operator::Role, server::site::frame};

/// Admits every signed-in operator, and stores [`SignedIn`] in the request's extensions.
pub async fn people(State(web): State<WebState>, request: Request, next: Next) -> Response {
    pass(web, Role::Viewer, request, next).await
}

/// Admits admins, and stores [`SignedIn`] in the request's extensions.
pub async fn admins(State(web): State<WebState>, request: Request, next: Next) -> Response {
    pass(web, Role::Admin, request, next).await
}

async fn pass(web: WebState, need: Role, mut request: Request, next: Next) -> Response {
    match session::read(&web.desk, &web.settings, request.headers(), request.uri(), ActivitySource::Person).await {
        Ok(Some(signed_in)) if signed_in.operator.role >= need => {
            request.extensions_mut().insert(signed_in);
            next.run(request).await
        }
        Ok(Some(signed_in)) => forbidden(&web, &signed_in, need),
        Ok(None) => {
            let here = request.uri().path_and_query().map_or(HOME, |here| here.as_str());
            // Coming back is a GET, which would not repeat the action of another method.
            let back = if request.method() == Method::GET { own_path(here) } else { HOME };
            see_other(&format!("/sign-in?back={}", encoded(back)))
        }
        Err(error) => failed(error),
    }
}

fn forbidden(web: &WebState, signed_in: &SignedIn, need: Role) -> Response {
    let draw = || frame::turned_away(&signed_in.operator, need);
    web.page(StatusCode::FORBIDDEN, signed_in.preferences, "Not for you · Bailout", draw)
}
