//! Turns addresses in plain text into links.

use linkify::{LinkFinder, LinkKind};

use crate::domain::rich::Inline;

/// Returns a text with the web and e-mail addresses in it as links.
pub fn linked(text: &str) -> Vec<Inline> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url, LinkKind::Email]);
    let spans = finder.spans(text).map(|span| {
        let words = span.as_str();
        let url = match span.kind() {
            Some(LinkKind::Email) => "mailto:".to_owned() + words,
            Some(_) => words.to_owned(),
            None => return Inline::Text(words.to_owned()),
        };
        match host(&url) {
            Some(host) => Inline::Link { url, host, content: vec![Inline::Text(words.to_owned())] },
            None => Inline::Text(words.to_owned()),
        }
    });
    spans.collect()
}

/// Returns the host of a link, for the schemes that may be followed. The host is empty for an e-mail address, which
/// shows it itself.
pub fn host(url: &str) -> Option<String> {
    let scheme =
        |name: &str| url.get(..name.len()).filter(|it| it.eq_ignore_ascii_case(name)).map(|_| &url[name.len()..]);
    if scheme("mailto:").is_some() {
        return Some(String::new());
    }
    let rest = scheme("https://").or_else(|| scheme("http://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    (!host.is_empty()).then(|| host.to_owned())
}
