//! The fields of the plain pages' forms. A field's name is its id, so a page has each once.

use leptos::prelude::*;

/// A field of one line.
#[derive(Default)]
pub struct FormField<'a> {
    /// Its name in the form, and its id.
    pub name: &'static str,
    pub label: &'static str,
    /// The `type` of the input.
    pub kind: &'static str,
    pub autocomplete: &'static str,
    /// What stands in it at first.
    pub value: &'a str,
    /// How many characters it takes; 0 says nothing of it.
    pub most: usize,
    /// The page begins with it: one can type at once.
    pub first: bool,
}

/// Draws a field that must be filled in.
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

/// Draws a password's field, with a button that shows what was typed.
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

/// Draws one choice of several; `chosen` is the value at first.
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
