//! Parses values of the command line and the environment that must not be repeated in an error.

use std::ffi::OsStr;

use clap::{Arg, builder::TypedValueParser, error::ErrorKind};

use crate::server::keys::ApiKey;

/// A parser of secret values: clap repeats a refused value in its error, and this parser does not.
#[derive(Clone)]
pub struct SecretParser<T> {
    pub name: &'static str,
    pub parse: fn(&str) -> Result<T, String>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for SecretParser<T> {
    type Value = T;

    fn parse_ref(&self, cmd: &clap::Command, _: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let text = value.to_str().ok_or_else(|| format!("{} must be UTF-8", self.name));
        text.and_then(self.parse).map_err(|sentence: String| {
            clap::Error::raw(ErrorKind::ValueValidation, format!("{sentence}\n")).with_cmd(cmd)
        })
    }
}

/// Parses an API key.
pub fn api_key(text: &str) -> Result<ApiKey, String> {
    ApiKey::parse(text)
        .ok_or_else(|| "BAILOUT_KEY or --key is no API key of Bailout: such a key begins with blt_".to_owned())
}
