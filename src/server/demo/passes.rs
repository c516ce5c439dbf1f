//! Handles passes: links that sign one person in once, without a password. Passes are kept in memory and end with the
//! demo.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension, Router,
    extract::{Path, State},
    http::{StatusCode, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Response},
    routing::head,
};

use crate::{
    domain::ids::{OperatorId, WorkspaceId},
    server::{
        error::Error,
        secret::Secret,
        site::{
            origin::{BrowserSide, side},
            respond::{failed, see_other},
            session::{NewSession, cookie_of},
            web_state::WebState,
        },
    },
};

/// The operator that a pass signs in, and the first page.
#[derive(Debug)]
pub struct DemoPass {
    pub workspace: WorkspaceId,
    pub operator: OperatorId,
    /// A path on this site.
    pub to: String,
}

/// The passes that were issued and not used yet.
#[derive(Clone, Default)]
pub struct DemoPasses(Arc<Mutex<HashMap<String, DemoPass>>>);

impl DemoPasses {
    /// Issues a pass and returns its path, which contains a secret.
    pub fn issue(&self, pass: DemoPass) -> Result<String, Error> {
        let token = Secret::mint()?.reveal().to_owned();
        let path = format!("/demo/sign-in/{token}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, pass);
        Ok(path)
    }

    /// Takes a pass, so that it cannot be used again. Returns `None` if it does not exist or was used.
    pub fn take(&self, token: &str) -> Option<DemoPass> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token)
    }

    /// Puts a pass back that signed nobody in.
    pub fn give_back(&self, token: String, pass: DemoPass) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, pass);
    }
}

/// Builds the route of the links. HEAD has its own handler, because previewing a link must not use it up.
pub fn routes(web: WebState, passes: DemoPasses) -> Router {
    Router::new()
        .route("/demo/sign-in/{token}", head(async || StatusCode::NO_CONTENT).get(enter))
        .layer(Extension(passes))
        .with_state(web)
}

/// `GET /demo/sign-in/{token}`
async fn enter(
    State(web): State<WebState>,
    Extension(passes): Extension<DemoPasses>,
    Path(token): Path<String>,
    parts: Parts,
) -> Response {
    let side = side(&web.settings, &parts.headers, &parts.uri);
    // No cookie would be safe here, so the pass is not used.
    if side == BrowserSide::Plain {
        return see_other("/sign-in?refused=insecure");
    }
    let Some(pass) = passes.take(&token) else {
        let sentence = "This link was used already, or is of an earlier demo. Sign in with the password that the demo \
                        printed, or start it again for new links.\n";
        return (StatusCode::NOT_FOUND, sentence).into_response();
    };
    match begin(&web, &pass, &parts).await {
        Ok(secret) => {
            let mut response = see_other(&pass.to);
            response.headers_mut().extend(cookie_of(side, &secret).map(|cookie| (SET_COOKIE, cookie)));
            response
        }
        Err(error) => {
            passes.give_back(token, pass);
            failed(error)
        }
    }
}

/// Creates the session of a pass.
async fn begin(web: &WebState, pass: &DemoPass, parts: &Parts) -> Result<Secret, Error> {
    let (secret, begun) = NewSession::at(web, parts).await?;
    let (workspace, operator) = (pass.workspace, pass.operator);
    let write = web
        .desk
        .store()
        .write(move |tx| Box::pin(async move { Ok::<_, Error>(begun.begin(tx, workspace, operator).await?) }));
    web.close_sessions(write.await?);
    Ok(secret)
}
