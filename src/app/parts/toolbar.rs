//! The sort order and filters of a list: native controls, and a chip for each active filter.

use leptos::{ev, prelude::*};

use super::{
    icons::{Icon, icon},
    revealed::spelled,
};
use crate::{
    app::{focus::focus, state::typing::composes},
    domain::inbox::{FilterChoice, FilterChoices, FilterField, Filters, Listing, SortOrder},
};

/// Returns the controls for the list's head, and the chips below it.
pub fn toolbar(
    listing: Signal<Listing>,
    choices: RwSignal<FilterChoices>,
    on_listing: Callback<Listing>,
) -> (AnyView, AnyView) {
    let view = Memo::new(move |_| listing.get().view);
    let sort = Signal::derive(move || listing.get().sort.as_str().to_owned());
    let on_sort = Callback::new(move |value: String| {
        let known = SortOrder::named(&value);
        on_listing.run(Listing { sort: known.unwrap_or_default(), ..listing.get_untracked() });
    });
    let sorts = move || {
        let offered = view.get().sorts().iter();
        let sorts = offered.map(|it| FilterChoice { value: it.as_str().to_owned(), label: it.label().to_owned() });
        select("", "visually-hidden", "Sort", sorts.collect(), sort, on_sort)
    };
    let open = RwSignal::new(false);
    let narrow = move || {
        let fields = FilterField::ALL.into_iter().map(|field| filter(field, listing, choices, on_listing));
        open.get().then(|| fields.collect::<Vec<_>>())
    };
    let on_toggle = move |event: ev::Event| open.set(event_target::<web_sys::Element>(&event).has_attribute("open"));
    let on_key = move |event: ev::KeyboardEvent| {
        let menu = event.current_target().map(wasm_bindgen::JsCast::unchecked_into::<web_sys::Element>);
        let is_escape = event.key() == "Escape" && !composes(&event);
        if let Some(menu) = menu.filter(|menu| is_escape && menu.has_attribute("open")) {
            // Escape closes only the menu here, and not the open escalation.
            event.prevent_default();
            // The element has this attribute, so removing it does not fail.
            let _ = menu.remove_attribute("open");
            focus("filters-toggle");
        }
    };
    let head = view! {
        <div class="list-tools">
            {sorts}
            <details class="filters" on:toggle=on_toggle on:keydown=on_key>
                <summary class="button" data-kind="quiet" data-size="small" id="filters-toggle">"Filter"</summary>
                <div class="filters-menu">{narrow}</div>
            </details>
        </div>
    };
    let chips = move || {
        let set = listing.get().filters.all_set();
        (!set.is_empty()).then(|| {
            let chips = set.into_iter().map(|(field, value)| chip(field, &value, listing, choices, on_listing));
            view! {
                <ul class="chips" aria-label="Filters">
                    {chips.collect::<Vec<_>>()}
                    <li>{clear(listing, on_listing)}</li>
                </ul>
            }
        })
    };
    (head.into_any(), chips.into_any())
}

/// Renders the button that removes all filters.
pub fn clear(listing: Signal<Listing>, on_listing: Callback<Listing>) -> AnyView {
    let on_clear = move |_| {
        on_listing.run(Listing { filters: Filters::default(), ..listing.get_untracked() });
        focus("list-title");
    };
    view! { <button class="button" type="button" data-size="small" on:click=on_clear>"Clear filters"</button> }
        .into_any()
}

fn chip(
    field: FilterField,
    value: &str,
    listing: Signal<Listing>,
    choices: RwSignal<FilterChoices>,
    on_listing: Callback<Listing>,
) -> AnyView {
    let known = choices.with(|choices| choices.of(field).into_iter().find(|choice| choice.value == value));
    let words = field.label().to_owned() + ": " + &known.map_or("unknown".to_owned(), |it| spelled(&it.label));
    let on_remove = move |_| {
        on_listing.run(narrowed(listing.get_untracked(), field, ""));
        focus("list-title");
    };
    view! {
        <li>
            <button class="chip" type="button" aria-label="Remove filter ".to_owned() + &words on:click=on_remove>
                {words.clone()}
                {icon(Icon::Close)}
            </button>
        </li>
    }
    .into_any()
}

fn filter(
    field: FilterField,
    listing: Signal<Listing>,
    choices: RwSignal<FilterChoices>,
    on_listing: Callback<Listing>,
) -> AnyView {
    let any = FilterChoice { value: String::new(), label: "Any".to_owned() };
    let options = std::iter::once(any).chain(choices.with(|choices| choices.of(field))).collect();
    let value = Signal::derive(move || listing.get().filters.get(field).unwrap_or_default());
    let on_choose =
        Callback::new(move |value: String| on_listing.run(narrowed(listing.get_untracked(), field, &value)));
    select("", "", field.label(), options, value, on_choose)
}

fn narrowed(mut listing: Listing, field: FilterField, value: &str) -> Listing {
    listing.filters.set(field, value);
    listing
}

/// Renders a select that acts at once; `class` is the class of its label. An empty `id` means no id.
pub fn select(
    id: &'static str,
    class: &'static str,
    label: &'static str,
    options: Vec<FilterChoice>,
    value: Signal<String>,
    on_choose: Callback<String>,
) -> AnyView {
    let options = options.into_iter().map(|FilterChoice { value: own, label }| {
        let is_it = {
            let own = own.clone();
            move || value.with(|value| *value == own)
        };
        // The attribute is for the page as the server renders it, the property for later changes.
        view! { <option value=own selected=is_it.clone() prop:selected=is_it>{spelled(&label)}</option> }
    });
    view! {
        <label class="choice">
            <span class=class>{label}</span>
            <select class="select" id=(!id.is_empty()).then_some(id) on:change=move |event| on_choose.run(event_target_value(&event))>
                {options.collect::<Vec<_>>()}
            </select>
        </label>
    }
    .into_any()
}
