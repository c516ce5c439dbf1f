//! A text of which the page has only the beginning, and the button that fetches all of it.

use leptos::prelude::*;

use super::drawn::words;
use crate::domain::thread::Cut;

/// What has become of the wish to see all of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// Nobody asked, or it is on its way.
    Beginning,
    Here(String),
    /// Why it could not be read.
    Failed(String),
}

/// Fetches the whole of what was cut; in the context of the page.
#[derive(Clone, Copy)]
pub struct FetchWhole(pub Callback<(Cut, RwSignal<Whole>)>);

/// Draws the beginning of a text, and where it was cut a button that shows all of it in its place.
pub fn with_whole(beginning: AnyView, cut: Option<Cut>) -> AnyView {
    let Some(cut) = cut else { return beginning };
    let whole = RwSignal::new(Whole::Beginning);
    let fetch = use_context::<FetchWhole>();
    let is_here = move || whole.with(|it| matches!(it, Whole::Here(_)));
    let all = move || {
        whole.with(|it| match it {
            Whole::Here(text) => Some(words("pre", "code", text)),
            Whole::Beginning | Whole::Failed(_) => None,
        })
    };
    let failed = move || {
        whole.with(|it| match it {
            Whole::Failed(why) => why.clone(),
            Whole::Beginning | Whole::Here(_) => String::new(),
        })
    };
    let show = move |_| {
        if let Some(FetchWhole(fetch)) = fetch {
            fetch.run((cut, whole));
        }
    };
    let label = "Show all (".to_owned() + &grouped(cut.length) + " characters)";
    view! {
        <div hidden=is_here>{beginning}</div>
        {all}
        <button class="button" type="button" data-size="small" hidden=is_here on:click=show>
            {label}
        </button>
        <span role="status">{failed}</span>
    }
    .into_any()
}

/// A number with its digits in groups: 412,000.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_end() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (412_000, "412,000"), (8_000_000, "8,000,000")]
        {
            assert_eq!(grouped(number), shown);
        }
    }
}
