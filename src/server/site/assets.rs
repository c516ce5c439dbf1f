//! Serves the files of the site, which are embedded in the program: the browser's code and style under hashed names,
//! and the icons and sounds of `public/`.

use std::{borrow::Cow, fs};

use axum::{
    body::Bytes,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::{Embed, EmbeddedFile};

use crate::app::page_context::SiteFiles;

/// The output of `cargo leptos build`, without files that are never served: of the compressed forms only Brotli is. A debug
/// build reads it from disk.
#[derive(Embed)]
#[folder = "target/site"]
#[exclude = "*.gz"]
#[exclude = "*.ts"]
#[exclude = "*.ts.br"]
#[allow_missing = true]
struct Site;

/// The folder of the browser's code and style.
const PKG: &str = "pkg/";
/// The length of the hash in a file's name: an MD5 in base 64.
const HASH_LENGTH: usize = 22;

/// Returns the addresses of the files every page needs. Each call lists the files, because they change under
/// `cargo leptos watch`.
pub fn site_files() -> SiteFiles {
    SiteFiles { js: newest(".js"), wasm: newest(".wasm"), css: newest(".css") }
}

fn newest(extension: &str) -> String {
    let is_ours = |name: &str| {
        name.strip_prefix(PKG).is_some_and(|file| file.starts_with("bailout") && file.ends_with(extension))
    };
    let mut names = Site::iter().filter(|name| is_ours(name));
    let Some(first) = names.next() else { return String::new() };
    let others: Vec<_> = names.collect();
    if others.is_empty() {
        return format!("/{first}");
    }
    // `cargo leptos watch` leaves files of earlier builds behind. A file beside the program has the newest hashes.
    let hashes = std::env::current_exe().ok().and_then(|exe| fs::read_to_string(exe.with_file_name("hash.txt")).ok());
    let hashes = hashes.unwrap_or_default();
    let is_newest = |name: &Cow<'static, str>| hash(name).is_some_and(|hash| hashes.contains(hash));
    let newest = others.into_iter().find(is_newest).unwrap_or(first);
    format!("/{newest}")
}

/// Returns the hash in a name like `pkg/bailout.<hash>.js`.
fn hash(name: &str) -> Option<&str> {
    let (stem, _) = name.strip_prefix(PKG)?.rsplit_once('.')?;
    let (_, hash) = stem.rsplit_once('.')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (hash.len() == HASH_LENGTH && hash.bytes().all(fits)).then_some(hash)
}

/// Responds with the file of a request's path, if there is one. A path that looks like a file and names none gets 404.
/// Any other request goes on to the pages.
pub async fn serve(request: Request, next: Next) -> Response {
    let found = found(request.uri().path(), request.method(), request.headers());
    match found {
        Some(response) => response,
        None => next.run(request).await,
    }
}

fn found(path: &str, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let name = path.trim_start_matches('/');
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let compressed = [".br", ".gz"].iter().any(|ending| name.ends_with(ending));
    let file = if reads && !compressed && !name.is_empty() { Site::get(name) } else { None };
    match file {
        Some(file) => Some(answer(name, file, headers)),
        None if name.starts_with(PKG) || name.rsplit('/').next().is_some_and(|last| last.contains('.')) => {
            Some((StatusCode::NOT_FOUND, "There is no such file.\n").into_response())
        }
        None => None,
    }
}

fn answer(name: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type(file.metadata.mimetype()));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let cache = if hash(name).is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    let brotli = if takes_brotli(request) { Site::get(&format!("{name}.br")) } else { None };
    let file = match brotli {
        Some(brotli) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
            brotli
        }
        None => file,
    };
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..16]));
    let known = is_known(request, &tag);
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
    if known {
        headers.remove(CONTENT_TYPE);
        headers.remove(CONTENT_ENCODING);
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let body = match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    };
    (headers, body).into_response()
}

fn content_type(mime: &str) -> HeaderValue {
    let is_text = mime.starts_with("text/") || mime.ends_with("javascript") || mime.ends_with("json");
    let text = if is_text { format!("{mime}; charset=utf-8") } else { mime.to_owned() };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn takes_brotli(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        parts.next() == Some("br") && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let values = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.trim_start_matches("W/") == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert_eq!(hash("pkg/bailout.Abc-_6789012345678901x.js"), Some("Abc-_6789012345678901x"));
        for name in
            ["pkg/bailout.js", "pkg/bailout.short.js", "icon.Abc-_6789012345678901x.svg", "pkg/snippets/a/inline0.js"]
        {
            assert_eq!(hash(name), None, "{name}");
        }
    }

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let takes = |value: &str| takes_brotli(&HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]));
        assert!(takes("gzip, deflate, br, zstd") && takes("br;q=0.5"));
        assert!(!takes("gzip") && !takes("br;q=0") && !takes("brotli"));
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let known = |value: &str| is_known(&HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]), "\"a\"");
        assert!(known("\"a\"") && known("\"b\", W/\"a\"") && known("*"));
        assert!(!known("\"b\"") && !known("a"));
    }
}
