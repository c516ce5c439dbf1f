//! A truncated text, and the button that fetches the full text.

use leptos::prelude::*;

use super::drawn::words;
use crate::domain::message_part::TruncatedPart;

/// The state of a request for a full text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullText {
    /// The text is not requested yet, or the request is in progress.
    Beginning,
    Here(String),
    /// The request failed with this message.
    Failed(String),
}

/// Fetches the full text of a truncated part; provided as a context by the page.
#[derive(Clone, Copy)]
pub struct FetchFullText(pub Callback<(TruncatedPart, RwSignal<FullText>)>);

/// Renders the beginning of a text and, if it is truncated, a button that replaces it with the full text.
pub fn with_whole(beginning: AnyView, cut: Option<TruncatedPart>) -> AnyView {
    let Some(cut) = cut else { return beginning };
    let whole = RwSignal::new(FullText::Beginning);
    let fetch = use_context::<FetchFullText>();
    let is_here = move || whole.with(|it| matches!(it, FullText::Here(_)));
    let all = move || {
        whole.with(|it| match it {
            FullText::Here(text) => Some(words("pre", "code", text)),
            FullText::Beginning | FullText::Failed(_) => None,
        })
    };
    let failed = move || {
        whole.with(|it| match it {
            FullText::Failed(why) => why.clone(),
            FullText::Beginning | FullText::Here(_) => String::new(),
        })
    };
    let show = move |_| {
        if let Some(FetchFullText(fetch)) = fetch {
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

/// Formats a number with its digits in groups: 412,000.
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
