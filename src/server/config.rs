//! The command line and the settings: flags or `BAILOUT_…` in the environment. A bad value stops the program with a
//! sentence that names it.

use std::{ffi::OsStr, fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use axum::http::Uri;
use clap::{Arg, Args, Parser, Subcommand, ValueEnum, builder::TypedValueParser, error::ErrorKind};
use tracing_subscriber::EnvFilter;

use crate::{
    domain::{
        operator::Role,
        text::{Name, TextProblem},
    },
    server::store::operators::Email,
};

/// What was typed after `bailout`.
#[derive(Debug, Parser)]
#[command(name = "bailout", version, about)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    /// What to do; nothing means [`Command::Serve`].
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the console and the agents' API (the default)
    Serve,
    /// Serve a desk full of made-up escalations, to look around and to try agents against
    ///
    /// Everything is in a temporary database that is removed at the end; --database-url is not used. Scripted agents go on
    /// escalating, scripted customers answer what you write, and scripted colleagues take some of the work.
    ///
    /// It prints three links, each of which signs one person in once without a password; an API key for an agent of yours;
    /// and a command that presses the button with it. No colleague takes what your agent opens. With --operator auto, the
    /// operator Robot does, so that you can test an agent without a person.
    Demo(Demo),
    /// Add people and agents, back up and restore; what does not work while a server runs says so
    #[command(subcommand)]
    Admin(Admin),
}

/// How the demo is played.
#[derive(Debug, Clone, Copy, Args)]
pub struct Demo {
    /// Who answers what your agents open
    #[arg(long, value_enum, default_value_t)]
    pub operator: DemoOperator,
}

/// Who answers, in the demo, what agents open that are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DemoOperator {
    /// You, in the console
    #[default]
    You,
    /// Robot: claims after a second, replies, and resolves after three, with data that satisfies the response schema.
    /// "metadata": {"rehearse": {"disposition": "rejected", "after_seconds": 20}} in an escalation says otherwise;
    /// "unanswered" means that nobody comes
    Auto,
}

/// What an admin's command is about.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// The people who answer
    #[command(subcommand)]
    Operator(OperatorVerb),
    /// The machines that ask
    #[command(subcommand)]
    Agent(AgentVerb),
    /// Copy the database into a new file, while a server runs (SQLite; PostgreSQL has pg_dump)
    Backup {
        /// The file to make; one that is there is not overwritten
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a backup in the database's place; the server must be stopped (SQLite; PostgreSQL has pg_restore)
    ///
    /// The backup is checked first and brought up to date. The database as it was is kept beside it under a dated name.
    /// Every client starts over.
    Restore {
        /// A file that `bailout admin backup` made
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Say that the database was put back to an earlier state by other means, as by pg_restore
    ///
    /// Every client starts over, instead of going on from a place that the database may not have any more. Servers need
    /// not be restarted: each notices within about a second.
    NewEpoch,
}

/// What can be done about operators.
#[derive(Debug, Subcommand)]
pub enum OperatorVerb {
    /// Add a person, who can then sign in
    Add {
        /// Their e-mail address, with which they sign in
        #[arg(long)]
        email: Email,
        /// The name colleagues see
        #[arg(long, value_parser = name)]
        name: Name,
        /// The name agents and customers see; their name when this is not given
        #[arg(long, value_parser = name)]
        public_name: Option<Name>,
        /// viewer (reads), operator (works), supervisor (also takes over claims) or admin
        #[arg(long)]
        role: Role,
        /// Read the password, 12 to 128 characters, from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

/// What can be done about agents.
#[derive(Debug, Subcommand)]
pub enum AgentVerb {
    /// Add an agent and print its API key, once, on standard output
    Add {
        #[arg(long, value_parser = name)]
        name: Name,
    },
    /// Revoke every key of an agent
    Revoke {
        #[arg(long, value_parser = name)]
        name: Name,
    },
}

/// What a server or a command needs to know before it begins.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where the database is: sqlite://<file> or postgres://<user>@<host>/<database>
    #[arg(
        long,
        global = true,
        env = "BAILOUT_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite://bailout.db",
        value_parser = SecretParser { name: "BAILOUT_DATABASE_URL", parse: DatabaseUrl::from_str }
    )]
    pub database_url: DatabaseUrl,
    /// The address and port to listen on
    #[arg(long, global = true, env = "BAILOUT_ADDR", default_value = "127.0.0.1:3000", value_parser = addr)]
    pub addr: SocketAddr,
    /// The address people open, like https://desk.example.com; without it the console answers on this machine only
    #[arg(long, global = true, env = "BAILOUT_PUBLIC_URL", value_parser = Origin::parse)]
    pub public_url: Option<Origin>,
    /// Where to call when an escalation has waited for a minute: an incoming webhook of Slack, or what takes the same form
    #[arg(
        long,
        global = true,
        env = "BAILOUT_ALERT_URL",
        hide_env_values = true,
        value_parser = SecretParser { name: "BAILOUT_ALERT_URL", parse: AlertUrl::from_str }
    )]
    pub alert_url: Option<AlertUrl>,
    /// What is logged: a level, or a filter like info,bailout=debug
    #[arg(long, global = true, env = "BAILOUT_LOG", default_value = "info", value_parser = log)]
    pub log: String,
}

fn name(text: &str) -> Result<Name, TextProblem> {
    Name::parse(text)
}

fn addr(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "BAILOUT_ADDR must be an IP address and a port, like 127.0.0.1:3000 or [::]:3000".into())
}

fn log(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => {
            Err(format!("BAILOUT_LOG must be a level or a filter, like info or info,bailout=debug: {problem}"))
        }
    }
}

/// The address of a database. It may hold a password, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address as the database's driver takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:…", self.0.split(':').next().unwrap_or_default())
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", file)) => {
                let path = file.trim_start_matches('/').split('?').next().unwrap_or_default();
                if path.is_empty() || path.contains(":memory:") || text.contains("mode=memory") {
                    return Err(
                        "BAILOUT_DATABASE_URL must name a file after sqlite://, like sqlite://bailout.db".into()
                    );
                }
                let and = if text.contains('?') { '&' } else { '?' };
                Ok(Self(if text.contains("mode=") { text.to_owned() } else { format!("{text}{and}mode=rwc") }))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Self(text.to_owned())),
            // Only the scheme is named: what follows may hold a password.
            Some((scheme, _)) => Err(format!(
                "BAILOUT_DATABASE_URL begins with `{scheme}:`, which is no database Bailout knows; \
                 it must begin with sqlite:// or postgres://"
            )),
            None => Err("BAILOUT_DATABASE_URL must begin with sqlite:// or postgres://".into()),
        }
    }
}

/// Where alerts go. Whoever knows it may post there, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct AlertUrl(Uri);

impl AlertUrl {
    /// The address as a client takes it.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Debug for AlertUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertUrl(…)")
    }
}

impl FromStr for AlertUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "BAILOUT_ALERT_URL must be an http:// or https:// address without a name and password in it";
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_ours = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|it| is_ours && !it.host().is_empty() && !it.as_str().contains('@'));
        authority.ok_or_else(wrong)?;
        Ok(Self(uri))
    }
}

/// clap repeats a refused value; this parser keeps the secret in it to itself.
#[derive(Clone)]
struct SecretParser<T> {
    name: &'static str,
    parse: fn(&str) -> Result<T, String>,
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

/// Where browsers find us: scheme, host and port, in the form in which browsers send `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    https: bool,
}

/// The text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("BAILOUT_PUBLIC_URL must be http:// or https:// and a host without a path, like https://desk.example.com")]
pub struct NotAnOrigin;

impl Origin {
    /// Takes `https://host` or `http://host:port`; one slash at the end is forgiven.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnOrigin)?;
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (https, usual_port) = match scheme.as_str() {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err(NotAnOrigin),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(NotAnOrigin);
        }
        let uri: Uri = format!("{scheme}://{rest}/").parse().map_err(|_| NotAnOrigin)?;
        let authority = uri.authority().ok_or(NotAnOrigin)?;
        let host = authority.host().to_ascii_lowercase();
        let port = authority.port_u16();
        let whole = port.map_or(host.len(), |port| format!("{host}:{port}").len()) == rest.len();
        if host.is_empty() || !whole {
            return Err(NotAnOrigin);
        }
        let text = match port {
            Some(port) if port != usual_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        };
        Ok(Self { text, https })
    }

    /// `https://desk.example.com`
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether browsers reach us through TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_stand_before_or_after_the_verb() {
        for line in [["bailout", "--addr", "127.0.0.1:9", "serve"], ["bailout", "serve", "--addr", "127.0.0.1:9"]] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.settings.addr.port(), 9);
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        for (text, is) in [
            ("https://Desk.Example.com", Some("https://desk.example.com")),
            ("https://desk.example.com:443/", Some("https://desk.example.com")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("https://desk.example.com/bailout", None),
            ("https://ada@desk.example.com", None),
            ("https://desk.example.com:", None),
            ("https://", None),
            ("ftp://desk.example.com", None),
            ("desk.example.com", None),
        ] {
            assert_eq!(Origin::parse(text).ok().as_ref().map(Origin::as_str), is, "{text}");
        }
    }

    #[test]
    fn an_unknown_database_is_refused_by_its_name_and_without_its_password() {
        let refused = "mysql://ada:secret@host/db".parse::<DatabaseUrl>().unwrap_err();
        assert!(refused.contains("`mysql:`") && !refused.contains("secret"), "{refused}");
        let cli =
            Cli::try_parse_from(["bailout", "--database-url", "mysql://ada:secret@host/db"]).unwrap_err().to_string();
        assert!(cli.contains("`mysql:`") && !cli.contains("secret"), "{cli}");
    }

    #[test]
    fn where_alerts_go_is_kept_secret() {
        let taken = Cli::try_parse_from(["bailout", "--alert-url", "https://hooks.example/T0/secret?a=b"]).unwrap();
        let url = taken.settings.alert_url.clone().unwrap();
        assert_eq!(url.uri().to_string(), "https://hooks.example/T0/secret?a=b");
        assert!(!format!("{:?}", taken.settings).contains("secret"));
        for wrong in ["ftp://hooks.example/secret", "https://ada:secret@hooks.example", "secret", "https:///secret", ""]
        {
            let refused = Cli::try_parse_from(["bailout", "--alert-url", wrong]).unwrap_err().to_string();
            assert!(refused.contains("BAILOUT_ALERT_URL") && !refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn a_database_file_is_made_when_it_is_missing() {
        assert_eq!("sqlite://a.db".parse::<DatabaseUrl>().unwrap().as_str(), "sqlite://a.db?mode=rwc");
        assert_eq!("sqlite://a.db?mode=rw".parse::<DatabaseUrl>().unwrap().as_str(), "sqlite://a.db?mode=rw");
        assert!("sqlite::memory:".parse::<DatabaseUrl>().is_err());
        assert!("sqlite://".parse::<DatabaseUrl>().is_err());
    }
}
