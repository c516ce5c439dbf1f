//! Renders the console with its data; the browser then hydrates it. Without a session, every address redirects to the
//! sign-in page, which leads back.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERER},
        request::Parts,
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use leptos::{
    context::{provide_context, use_context},
    nonce::use_nonce,
};
use leptos_axum::{ResponseOptions, handle_server_fns_with_context, render_app_async_with_context};
use server_fn::error::{FromServerFnError, SERVER_FN_ERROR_HEADER};

use super::guard::CallingOperator;
use crate::{
    app::{actions::Bootstrap, console::ConsolePlace, page_context::PageContext, problem::CallError, shell::shell},
    server::{
        error::Error,
        site::{
            assets,
            respond::{HOME, failed, see_other},
            session::{self, ActivitySource, SignedIn},
            sign_in::{encoded, own_path},
            unknown::{ANY_ADDRESS, nothing_here, reads_pages},
            web_state::WebState,
        },
    },
};

/// The path of server functions.
const FUNCTIONS: &str = "/_fn/";
/// The maximum bytes of a server function's arguments: the longest text of all fields, url-encoded, fits.
const LARGEST_CALL: usize = 1024 * 1024;
/// The maximum bytes of a server function's error.
const LARGEST_PROBLEM: usize = 64 * 1024;
/// The timeout for reading a page's data, and for rendering a page.
const SLOWEST: Duration = Duration::from_secs(10);
/// The timeout for waiting until other pages are rendered.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Returns the routes of every page and every server function.
pub fn routes(web: WebState) -> Router {
    // Rendering spawns tasks. A second initialization, in tests, is refused and does no harm.
    let _ = any_spawner::Executor::init_tokio();
    let options = web.leptos.clone();
    let context = {
        let web = web.clone();
        move || provide(&web)
    };
    let html = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let functions = {
        let context = context.clone();
        move |request| handle_server_fns_with_context(context.clone(), request)
    };
    let page = get(render_app_async_with_context(context, html));
    Router::new()
        .route(ANY_ADDRESS, page)
        .route("/_fn/{*name}", post(functions))
        .layer(from_fn_with_state(web, gate))
        // The console has no page at the root, so the root redirects.
        .route("/", get(|| async { see_other(HOME) }))
        .with_state(options)
}

/// Provides the context of a page or a server function.
fn provide(web: &WebState) {
    provide_context(web.desk.clone());
    let parts = use_context::<Parts>();
    let start = parts.as_ref().and_then(|parts| parts.extensions.get::<Bootstrap>().cloned());
    let path = parts.as_ref().map_or("", |parts| parts.uri.path());
    let address = parts.as_ref().and_then(|parts| parts.uri.path_and_query()).map_or("/", |address| address.as_str());
    if start.is_none()
        && !path.starts_with(FUNCTIONS)
        && let Some(response) = use_context::<ResponseOptions>()
    {
        response.set_status(StatusCode::NOT_FOUND);
    }
    let signed_in = parts.as_ref().and_then(|parts| parts.extensions.get::<SignedIn>());
    let preferences = signed_in.map(|signed_in| signed_in.preferences).unwrap_or_default();
    provide_context(PageContext { files: assets::site_files(), address: address.to_owned(), preferences, start });
    // Only pages have a nonce.
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) {
        response.insert_header(CONTENT_SECURITY_POLICY, web.policy.header(Some(&*nonce)));
    }
}

/// Checks the session before a page or a server function. Without one, a page redirects to the sign-in page, and a
/// server function responds with 401.
async fn gate(State(web): State<WebState>, mut request: Request, next: Next) -> Response {
    // The page reports what is viewed, not the person, so that a forgotten tab does not keep a session alive.
    let by = if request.uri().path().ends_with("/viewing") { ActivitySource::Page } else { ActivitySource::Person };
    let signed_in = match session::read(&web.desk, &web.settings, request.headers(), request.uri(), by).await {
        Ok(signed_in) => signed_in,
        Err(error) => return failed(error),
    };
    if request.uri().path().starts_with(FUNCTIONS) {
        let Some(signed_in) = signed_in else {
            let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
            return (StatusCode::UNAUTHORIZED, headers, CallError::SignedOut.ser()).into_response();
        };
        request.extensions_mut().insert(signed_in);
        return call(request, next).await;
    }
    let place = ConsolePlace::of(request.uri().path(), request.uri().query().unwrap_or_default());
    // In the browser of a signed-in operator, the console itself says that the address is unknown.
    if place.is_none() && (signed_in.is_none() || !reads_pages(request.headers())) {
        return nothing_here(&web, &request);
    }
    let Some(signed_in) = signed_in else {
        let here = request.uri().path_and_query().map_or("/", |here| here.as_str());
        return see_other(&format!("/sign-in?back={}", encoded(own_path(here))));
    };
    let Ok(Ok(_drawing)) = tokio::time::timeout(LONGEST_WAIT, web.drawing.acquire()).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again.\n").into_response();
    };
    if let Some(place) = place {
        let caller = CallingOperator::of(web.desk.clone(), signed_in.clone());
        let read = tokio::time::timeout(SLOWEST, caller.bootstrap(place.listing, place.selected.as_deref())).await;
        match read.unwrap_or(Err(Error::Unavailable)) {
            Ok(start) => drop(request.extensions_mut().insert(start)),
            Err(error) => return failed(error),
        }
    }
    request.extensions_mut().insert(signed_in);
    match tokio::time::timeout(SLOWEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a page took too long to render");
            (StatusCode::SERVICE_UNAVAILABLE, "This page took too long. Try again.\n").into_response()
        }
    }
}

/// Calls a server function with bounded arguments, and gives its error the matching status.
async fn call(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // Leptos would answer a caller who accepts HTML with a redirect to the Referer, which the caller chooses.
    parts.headers.remove(ACCEPT);
    parts.headers.remove(REFERER);
    let Ok(arguments) = to_bytes(body, LARGEST_CALL).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "These arguments are too large.\n").into_response();
    };
    if str::from_utf8(&arguments).is_err() {
        return (StatusCode::BAD_REQUEST, "These arguments are no text.\n").into_response();
    }
    let response = next.run(Request::from_parts(parts, Body::from(arguments))).await;
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR
        || !response.headers().contains_key(SERVER_FN_ERROR_HEADER)
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_PROBLEM).await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server.\n").into_response();
    };
    parts.status = match CallError::de(bytes.clone()) {
        CallError::SignedOut => StatusCode::UNAUTHORIZED,
        CallError::Forbidden { .. } => StatusCode::FORBIDDEN,
        CallError::NotFound => StatusCode::NOT_FOUND,
        CallError::Bad(_) => StatusCode::BAD_REQUEST,
        CallError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        CallError::Fault { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Response::from_parts(parts, Body::from(bytes))
}
