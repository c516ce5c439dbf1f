//! A parser for a page's HTML, as a browser sees it: elements, attributes and the text between. The parser follows the
//! HTML standard's tokenizer, as far as that matters for markup that may come out of a text.

/// Elements whose content is text until their own end tag.
const RAW: [&str; 9] = ["script", "style", "textarea", "title", "noscript", "iframe", "xmp", "noembed", "noframes"];

/// A start tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// The text up to the next tag, or all of it for a script and similar elements, as written, with character
    /// references.
    pub text: String,
}

/// Returns the elements of a document, in its order.
pub fn elements(html: &str) -> Vec<Element> {
    let (mut found, mut rest): (Vec<Element>, &str) = (vec![], html);
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        if let Some(last) = found.last_mut() {
            last.text.push_str(text);
        }
        let mut after = tag.chars().skip(1);
        rest = match (after.next(), after.next()) {
            (Some('!'), _) if tag.starts_with("<!--") => comment(tag),
            (Some('!' | '?'), _) => past(tag, ">"),
            (Some('/'), Some(letter)) if letter.is_ascii_alphabetic() => past(tag, ">"),
            (Some(letter), _) if letter.is_ascii_alphabetic() => {
                let (mut element, rest) = start_tag(&tag[1..]);
                let (text, rest) =
                    if RAW.contains(&element.name.as_str()) { raw(rest, &element.name) } else { ("", rest) };
                element.text.push_str(text);
                found.push(element);
                rest
            }
            _ => {
                if let Some(last) = found.last_mut() {
                    last.text.push('<');
                }
                &tag[1..]
            }
        };
    }
    found
}

fn past<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// Skips a comment, which also ends at once as `<!-->`, or by `--!>`.
fn comment(tag: &str) -> &str {
    if let Some(rest) = tag.strip_prefix("<!-->").or_else(|| tag.strip_prefix("<!--->")) {
        return rest;
    }
    let ends = ["-->", "--!>"].into_iter().filter_map(|end| Some((tag[4..].find(end)?, end)));
    ends.min().map_or("", |(at, end)| &tag[4 + at + end.len()..])
}

fn raw<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    let lower = text.to_ascii_lowercase();
    let end = format!("</{name}");
    let ends = lower.match_indices(&end).map(|(at, _)| at);
    let mut ends =
        ends.filter(|at| lower[at + end.len()..].starts_with(|it: char| it.is_ascii_whitespace() || "/>".contains(it)));
    match ends.next() {
        Some(at) => (&text[..at], past(&text[at..], ">")),
        None => (text, ""),
    }
}

fn start_tag(text: &str) -> (Element, &str) {
    let ends_name = |it: char| it.is_ascii_whitespace() || "/>".contains(it);
    let (name, mut rest) = text.split_at(text.find(ends_name).unwrap_or(text.len()));
    let mut element = Element { name: name.to_ascii_lowercase(), attributes: vec![], text: String::new() };
    loop {
        rest = rest.trim_start_matches(|it: char| it.is_ascii_whitespace() || it == '/');
        if rest.is_empty() {
            return (element, rest);
        }
        if let Some(rest) = rest.strip_prefix('>') {
            return (element, rest);
        }
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let ends = |it: char| ends_name(it) || it == '=';
        let end = rest[first..].find(ends).map_or(rest.len(), |at| at + first);
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|it| "\"'".contains(*it));
            let (start, ends): (usize, &dyn Fn(char) -> bool) = match &quote {
                Some(quote) => (1, &move |it| it == *quote),
                None => (0, &|it: char| it.is_ascii_whitespace() || it == '>'),
            };
            let end = after[start..].find(ends).map_or(after.len(), |at| at + start);
            value = &after[start..end];
            rest = after.get(end + start..).unwrap_or_default();
        }
        element.attributes.push((name, value.to_owned()));
    }
}

/// Returns a text with its character references replaced.
pub fn read(written: &str) -> String {
    let references = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    references.iter().fold(written.to_owned(), |text, (reference, letter)| text.replace(reference, letter))
}

#[test]
fn markup_is_read_as_browsers_read_it() {
    let names = |html: &str| elements(html).into_iter().map(|it| it.name).collect::<Vec<_>>();
    assert_eq!(names("<p class=a>x &lt;b> 1 < 2 </p><!-- <i> --><!><br/>"), ["p", "br"]);
    assert_eq!(
        names("<script>'<b>'</script ><title></titles><u></title><img/src=x/onerror=y>"),
        ["script", "title", "img"]
    );
    assert_eq!(names("<!--><b>--><!--x--!><i>"), ["b", "i"]);
    let all = elements("<a href='x y' b = c d>&amp;lt;</a>");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(all[0].attributes, [pair("href", "x y"), pair("b", "c"), pair("d", "")]);
    assert_eq!(read(&all[0].text), "&lt;");
}
