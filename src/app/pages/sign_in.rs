//! The sign-in page: a plain form, which works without the rest of the page.

use leptos::prelude::*;

use crate::app::{
    address::address,
    parts::icons::{Icon, icon},
};

/// Asks for email and password. `?back=` is where to go afterwards, `?refused=` why it was not
/// taken (`&seconds=` for how long).
#[component]
pub fn SignIn() -> impl IntoView {
    let address = address();
    let back = move || address.field("back").unwrap_or_else(|| "/queue".to_owned());
    let refused = move || Some(sentence(&address.field("refused")?, address.field("seconds")));
    let shown = RwSignal::new(false);
    Effect::new(|_| document().set_title("Sign in · Bailout"));
    view! {
        <main class="sign-in">
            <p class="sign-in-mark">{icon(Icon::Bailout)} "Bailout"</p>
            <form class="sign-in-form" method="post" action="/sign-in">
                <h1 class="sign-in-title">"Sign in"</h1>
                {move || refused().map(|why| view! { <p class="form-error" role="alert">{why}</p> })}
                <input type="hidden" name="back" value=back/>
                <div class="field">
                    <label class="field-label" for="email">"Email"</label>
                    <input class="input" id="email" name="email" type="email" autocomplete="username" required=true/>
                </div>
                <div class="field">
                    <label class="field-label" for="password">"Password"</label>
                    <div class="reveal">
                        <input
                            class="input"
                            id="password"
                            name="password"
                            type=move || if shown.get() { "text" } else { "password" }
                            autocomplete="current-password"
                            required=true
                        />
                        <button
                            class="button"
                            type="button"
                            aria-pressed=move || if shown.get() { "true" } else { "false" }
                            on:click=move |_| shown.update(|shown| *shown = !*shown)
                        >
                            "Show"
                        </button>
                    </div>
                </div>
                <button class="button" data-kind="primary" type="submit">"Sign in"</button>
            </form>
        </main>
    }
}

fn sentence(refused: &str, seconds: Option<String>) -> String {
    let seconds: Option<u32> = seconds.and_then(|seconds| seconds.parse().ok());
    let words = match refused {
        "wrong" => "Email or password is wrong.",
        "throttled" => match seconds {
            Some(seconds) => return format!("Too many attempts. Try again in {seconds} s."),
            None => "Too many attempts. Wait a minute and try again.",
        },
        "insecure" => "Signing in needs HTTPS, or this very machine: a password must not travel in the clear.",
        _ => "That did not work. Try again.",
    };
    words.to_owned()
}
