//! Renders the plain pages completely on the server; the browser never hydrates them. The response to a form is a page
//! or a redirect to one, so each page works without any script.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use leptos::{
    nonce::{provide_nonce, use_nonce},
    prelude::{AnyView, Owner, RenderHtml, provide_context},
};

use super::web_state::WebState;
use crate::{
    app::shell::{PlainPage, plain},
    domain::operator::Preferences,
    server::site::{assets, frame::AdminWarning},
};

impl WebState {
    /// Renders a page. `title` is fixed words; `draw` may show text from anyone, because views escape it. The response
    /// is `no-store`, like every response that sets no other value, so that the page may show a secret.
    pub fn page(
        &self,
        status: StatusCode,
        preferences: Preferences,
        title: &'static str,
        draw: impl FnOnce() -> AnyView,
    ) -> Response {
        let (html, nonce) = Owner::new().with(|| {
            provide_nonce();
            if let Some(warning) = self.desk.free_space().warning(self.settings.limits.reserve()) {
                provide_context(AdminWarning(warning));
            }
            let page = PlainPage { title, preferences, body: draw() };
            (plain(page, assets::site_files(), self.leptos.clone()).to_html(), use_nonce())
        });
        let policy = self.policy.header(nonce.as_deref());
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        (status, [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, policy)], html).into_response()
    }
}
