//! Signing in by a pass instead of a password: one link, one sign-in. Only the demo gives passes out, and only there is
//! this address known.

use axum::{
    Extension, Router,
    extract::{Path, State},
    http::{StatusCode, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};

use super::{
    Web,
    origin::{Side, side},
    sign_in::{begin, failed, see_other, who},
};
use crate::server::{demo::Passes, error::Error};

/// The address of a link. A HEAD request is answered as any other method is: looking at a link must not use it up.
pub fn routes(web: Web, passes: Passes) -> Router {
    let unused = on(MethodFilter::HEAD, async || StatusCode::NO_CONTENT);
    Router::new()
        .route("/demo/sign-in/{token}", unused.on(MethodFilter::GET, enter))
        .layer(Extension(passes))
        .with_state(web)
}

/// `GET /demo/sign-in/{token}`
async fn enter(
    State(web): State<Web>,
    Extension(passes): Extension<Passes>,
    Path(token): Path<String>,
    parts: Parts,
) -> Response {
    let side = side(&web.settings, &parts.headers, &parts.uri);
    // No cookie would be safe; the pass stays good.
    if side == Side::Plain {
        return see_other("/sign-in?refused=insecure");
    }
    let entered: Result<Option<Response>, Error> = async {
        let Some(pass) = passes.take(&token) else { return Ok(None) };
        let before = who(&web, &parts.headers, &parts.uri).await?;
        let secret = begin(&web, pass.workspace, pass.operator, None, before).await?;
        let mut response = see_other(&pass.to);
        response.headers_mut().extend(secret.cookie(side).map(|cookie| (SET_COOKIE, cookie)));
        Ok(Some(response))
    }
    .await;
    match entered {
        Ok(Some(response)) => response,
        Ok(None) => {
            let sentence = "This link was used already, or is of an earlier demo. Start the demo again for new ones.\n";
            (StatusCode::NOT_FOUND, sentence).into_response()
        }
        Err(error) => failed(error),
    }
}
