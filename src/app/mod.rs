//! What an operator sees. Drawn by the server, then taken over by the same code in the browser.

pub mod actions;
pub mod broken;
pub mod clock;
pub mod focus;
pub mod lines;
pub mod live;
pub mod pages;
pub mod parts;
pub mod problem;
pub mod session;
pub mod shell;
pub mod wire;

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use self::pages::{console::Console, not_found::NotFound, sign_in::SignIn};

/// The app: the sign-in page, and the console at every other address. One route, so that moving between lists and
/// escalations never draws the console anew; what an address names is the console's to read.
#[component]
pub fn App() -> impl IntoView {
    broken::offer_reload();
    view! {
        <Router>
            <FlatRoutes fallback=NotFound>
                <Route path=path!("/sign-in") view=SignIn ssr=SsrMode::Async/>
                <Route path=path!("/*address") view=Console ssr=SsrMode::Async/>
            </FlatRoutes>
        </Router>
    }
}
