//! The command line of `bailout approve` and `bailout ask`, by which scripts ask a human.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use super::{
    addresses::Origin,
    secret_values::{SecretParser, api_key},
};
use crate::{
    domain::deadline::{LONGEST, SHORTEST},
    server::keys::ApiKey,
};

/// The server to ask and the key to ask it with, and how long the question stands.
#[derive(Debug, Clone, Args)]
pub struct QuestionSettings {
    /// The address of the server, like https://desk.example.com; without it, a demo that runs on this machine
    #[arg(long = "server", env = "BAILOUT_URL", value_parser = server)]
    pub server: Option<Origin>,
    /// The API key of an agent; in BAILOUT_KEY, other users of this machine do not see it
    #[arg(long, env = "BAILOUT_KEY", hide_env_values = true, value_parser = SecretParser { name: "BAILOUT_KEY", parse: api_key })]
    pub key: Option<ApiKey>,
    /// How long a human has, like 90s, 10m or 2h
    #[arg(long, default_value = "10m", value_parser = wait)]
    pub wait: Duration,
}

/// The arguments of `bailout approve`.
#[derive(Debug, Clone, Args)]
pub struct ApproveSettings {
    /// The question to decide, like 'Deploy v1.4?'
    pub prompt: String,
    /// The name of the action that is to be approved
    #[arg(long, default_value = "go_ahead")]
    pub action: String,
    /// The arguments of the action, a JSON object that the operator may edit
    #[arg(long, default_value = "{}", value_parser = object)]
    pub arguments: JsonObject,
    #[command(flatten)]
    pub question: QuestionSettings,
}

/// The arguments of `bailout ask`.
#[derive(Debug, Clone, Args)]
pub struct AskSettings {
    /// The question, like 'Which region?'
    pub prompt: String,
    /// The answers to choose from, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub options: Vec<String>,
    #[command(flatten)]
    pub question: QuestionSettings,
}

/// The text of a JSON object, as it was written.
#[derive(Debug, Clone)]
pub struct JsonObject(pub String);

fn server(text: &str) -> Result<Origin, String> {
    let wrong = |_| "must be http:// or https:// and a host without a path, like https://desk.example.com".to_owned();
    Origin::parse(text).map_err(wrong)
}

fn wait(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<jiff::SignedDuration>().map_err(|_| "must be a time like 90s, 10m or 2h")?.as_secs();
    match (SHORTEST.0 / 1_000..=LONGEST.0 / 1_000).contains(&seconds) {
        true => Ok(Duration::from_secs(seconds.unsigned_abs())),
        false => Err("must be from one second to 30 days".to_owned()),
    }
}

fn object(text: &str) -> Result<JsonObject, String> {
    let parsed = serde_json::from_str::<Map<String, Value>>(text);
    parsed.map(|_| JsonObject(text.to_owned())).map_err(|error| format!("must be a JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_time_from_a_second_to_thirty_days() {
        for (text, seconds) in
            [("90s", 90), ("10m", 600), ("2h", 7_200), ("1h 30m", 5_400), ("30d", 0), ("720h", 2_592_000)]
        {
            let read = wait(text).map_or(0, |it| it.as_secs());
            assert_eq!(read, seconds, "{text}");
        }
        for text in ["", "ten", "0s", "-5m", "721h", "10"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arguments_are_an_object_and_stay_as_written() {
        assert_eq!(object(r#"{"eur": 250.00}"#).unwrap().0, r#"{"eur": 250.00}"#);
        for text in ["", "[]", "1", "{", r#"{"a":}"#] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
