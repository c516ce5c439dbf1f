//! The fields of the plain pages' forms. The name of a field is also its id, so a name occurs only once on a page.

use leptos::prelude::*;

/// A single-line field.
#[derive(Default)]
pub struct FormField<'a> {
    /// The name in the form, and the id.
    pub name: &'static str,
    pub label: &'static str,
    /// The `type` of the input.
    pub kind: &'static str,
    pub autocomplete: &'static str,
    /// The initial value.
    pub value: &'a str,
    /// The maximum number of characters; 0 means no limit.
    pub most: usize,
    /// True if the field has the focus when the page loads.
    pub first: bool,
}

/// Renders a required field.
pub fn field(it: FormField) -> AnyView {
    let most = (it.most > 0).then_some(it.most);
    view! {
        <div class="field">
            <label class="field-label" for=it.name>{it.label}</label>
            <input class="input" id=it.name name=it.name type=it.kind autocomplete=it.autocomplete value=it.value.to_owned()
                maxlength=most required=true autofocus=it.first/>
        </div>
    }
    .into_any()
}

/// Renders a password field with a button that shows the typed text.
pub fn password(name: &'static str, label: &'static str, autocomplete: &'static str) -> AnyView {
    view! {
        <div class="field">
            <label class="field-label" for=name>{label}</label>
            <div class="reveal">
                <input class="input" id=name name=name type="password" autocomplete=autocomplete required=true/>
                <button class="button needs-script" type="button" data-show=name aria-pressed="false">"Show"</button>
            </div>
        </div>
    }
    .into_any()
}

/// Renders a select; `chosen` is the initial value.
pub fn choice(
    name: &'static str,
    label: &'static str,
    options: impl IntoIterator<Item = (&'static str, &'static str)>,
    chosen: &str,
) -> AnyView {
    let option = |(value, words)| view! { <option value=value selected=value == chosen>{words}</option> }.into_any();
    let options: Vec<AnyView> = options.into_iter().map(option).collect();
    view! {
        <div class="field">
            <label class="field-label" for=name>{label}</label>
            <select class="input" id=name name=name>{options}</select>
        </div>
    }
    .into_any()
}
