//! What an operator sees. Drawn by the server, then taken over by the same code in the browser.

pub mod actions;
pub mod broken;
pub mod clock;
pub mod live;
pub mod pages;
pub mod parts;
pub mod problem;
pub mod session;
pub mod shell;
pub mod wire;

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Redirect, Route, Router, Routes},
    path,
};

use self::pages::{console::Console, not_found::NotFound, sign_in::SignIn};

/// The app: every address and its page.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    broken::offer_reload();
    view! {
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/") view=|| view! { <Redirect path="/queue"/> } ssr=SsrMode::Async/>
                <Route path=path!("/sign-in") view=SignIn ssr=SsrMode::Async/>
                <ParentRoute path=path!("") view=Console ssr=SsrMode::Async>
                    <Route path=path!("/queue") view=|| () ssr=SsrMode::Async/>
                    <Route path=path!("/mine") view=|| () ssr=SsrMode::Async/>
                    <Route path=path!("/missed") view=|| () ssr=SsrMode::Async/>
                    <Route path=path!("/all") view=|| () ssr=SsrMode::Async/>
                    <Route path=path!("/closed") view=|| () ssr=SsrMode::Async/>
                    <Route path=path!("/e/:id") view=|| () ssr=SsrMode::Async/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}
