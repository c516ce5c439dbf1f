//! The command line and the settings: flags or `BAILOUT_…` in the environment. A bad value stops the program with a
//! sentence that names it.

mod addresses;
mod database_url;
mod questions;
mod rate_limits;
mod secret_values;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, error::ErrorKind};
use tracing_subscriber::EnvFilter;

use self::secret_values::{SecretParser, api_key};
pub use self::{
    addresses::{AlertUrl, InvalidOrigin, Origin, TrustedProxies},
    database_url::{DatabaseUrl, sqlite_address},
    questions::{ApproveSettings, AskSettings, QuestionSettings},
    rate_limits::RateLimits,
};
use crate::{
    domain::{
        operator::Role,
        text::{Name, TextProblem},
    },
    server::{keys::ApiKey, store::operators::Email},
};

/// The arguments of the `bailout` command.
#[derive(Debug, Parser)]
#[command(name = "bailout", version, about)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    /// The subcommand; none means [`CliCommand::Serve`].
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

impl Cli {
    /// Reads the command line and the environment, in which an empty setting counts as none. Ends the program with a
    /// sentence where that is not possible.
    pub fn read() -> Self {
        Self::read_from(std::env::args_os().collect()).unwrap_or_else(|error| error.exit())
    }

    fn read_from(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = without_empty(Self::command());
        let read = command.try_get_matches_from_mut(&words);
        read.and_then(|mut matches| Self::from_arg_matches_mut(&mut matches))
            .map_err(|error| without_words(error.format(&mut command), &words, &command))
    }
}

/// A command of which no argument is read from a variable that is set to nothing.
fn without_empty(command: clap::Command) -> clap::Command {
    let ignore = |arg: Arg| match arg.get_env().and_then(std::env::var_os) {
        Some(value) if value.is_empty() => arg.env(None::<&'static str>),
        _ => arg,
    };
    command.mut_args(ignore).mut_subcommands(without_empty)
}

/// clap repeats a word that it does not know. Beside an address, that may be a piece of a password with a blank in it.
fn without_words(error: clap::Error, words: &[OsString], command: &clap::Command) -> clap::Error {
    let unknown = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
    let is_address = |word: &OsString| {
        let word = word.to_string_lossy();
        word.contains("://") || word.starts_with("--database-url") || word.starts_with("--alert-url")
    };
    if !unknown || !words.iter().any(is_address) {
        return error;
    }
    let sentence = "the command line has an argument that Bailout does not know. It may be a part of an address, and is \
                    not repeated here: an address with a blank in it must be quoted.\n";
    clap::Error::raw(error.kind(), sentence).with_cmd(command)
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Serve the console and the agents' API (the default)
    Serve,
    /// Serve a console with made-up escalations, to look around and to test agents with
    ///
    /// The demo uses a temporary database, which is removed at the end; --database-url is ignored. Scripted agents keep opening
    /// escalations, scripted customers answer you, and scripted colleagues take some of the work.
    ///
    /// The demo prints three sign-in links, each for one use; an API key for an agent of yours; and commands that ask a human
    /// with it. `bailout approve` and `bailout ask` of this user find the demo by themselves. No colleague takes the escalations of your agent. With --operator auto Robot answers
    /// them, so that you can test an agent without a person.
    Demo(DemoSettings),
    /// Ask a human to approve an action; succeeds only when it is approved, and prints its arguments
    ///
    /// Exit codes: 0 approved and to be run, 2 the command line or the key is wrong or the server refuses the request, 3 rejected,
    /// declined or carried out by the operator, 4 nobody came, 5 the server cannot be reached or cannot answer now, 130
    /// interrupted (which cancels the question).
    Approve(ApproveSettings),
    /// Ask a human a question, and print the answer
    ///
    /// Exit codes: 0 answered, 2 the command line or the key is wrong or the server refuses the request, 3 declined, 4 nobody
    /// came, 5 the server cannot be reached or cannot answer now, 130 interrupted (which cancels the question).
    Ask(AskSettings),
    /// Tell whether the server at BAILOUT_ADDR is alive, for the health check of a container
    Health,
    /// Check a server and its surroundings by its settings, and say what to mend; succeeds when there is no problem
    ///
    /// The checks: database, disk, clock, server, public address, proxy headers, streams through the proxy, alerts.
    Doctor(DoctorSettings),
    /// Add people and agents, back up and restore; commands that need a stopped server say so
    #[command(subcommand)]
    Admin(AdminCommand),
}

/// The settings of the demo.
#[derive(Debug, Clone, Args)]
pub struct DemoSettings {
    /// The operator of the escalations that your agents open
    #[arg(long, value_enum, default_value_t)]
    pub operator: DemoOperator,
    /// The API key of your agent, instead of a new one; it begins with blt_test_ if Robot is the operator
    #[arg(long, hide_env_values = true, value_parser = SecretParser { name: "--key", parse: api_key })]
    pub key: Option<ApiKey>,
    /// Print one line of JSON for programs: url, key, sign_in and password
    #[arg(long)]
    pub json: bool,
}

/// The settings of `bailout doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorSettings {
    /// The API key of an agent, with which a stream is tried
    #[arg(long, env = "BAILOUT_KEY", hide_env_values = true, value_parser = SecretParser { name: "BAILOUT_KEY", parse: api_key })]
    pub key: Option<ApiKey>,
    /// Post a line to the receiver of alerts
    #[arg(long)]
    pub send_alert: bool,
}

/// The operator of the escalations that a visitor's own agents open in the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DemoOperator {
    /// You, in the console
    #[default]
    You,
    /// Robot: your agent is a test agent, whose escalations are listed under Tests. Robot claims after a second, replies,
    /// and resolves after three, with data that satisfies the response schema, if Robot can invent such data.
    /// An escalation with "metadata": {"rehearse": {"disposition": "rejected", "after_seconds": 20}} ends in that way;
    /// with "unanswered" nobody answers
    Auto,
}

/// The subcommands of `bailout admin`.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Manage operators, the people who answer
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Manage agents, the programs that open escalations
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Copy the database into a new file, while a server runs (SQLite; PostgreSQL has pg_dump)
    Backup {
        /// The file to create; an existing file is not overwritten
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Replace the database by a backup; the server must be stopped (SQLite; PostgreSQL has pg_restore)
    ///
    /// The backup is checked and migrated first. The replaced database is kept beside it, under a name with the date.
    /// Every client starts over.
    Restore {
        /// A file from `bailout admin backup`
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Start a new epoch after the database was restored by other means, such as pg_restore
    ///
    /// Every client starts over instead of continuing from a cursor that the database may not have. Servers need no
    /// restart: each notices within about a second.
    NewEpoch,
}

/// The subcommands of `bailout admin operator`.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Add an operator, who can then sign in
    Add {
        /// The e-mail address for signing in
        #[arg(long)]
        email: Email,
        /// The name that colleagues see
        #[arg(long, value_parser = name)]
        name: Name,
        /// The name that agents and customers see; by default the same name
        #[arg(long, value_parser = name)]
        public_name: Option<Name>,
        /// viewer (reads), operator (works), supervisor (also takes over claims) or admin
        #[arg(long)]
        role: Role,
        /// Read the password, 12 to 128 characters, from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Print a link with which an operator can choose a new password within a day
    ///
    /// With --password-stdin the password is set at once instead, and all of the operator's sessions end.
    ResetPassword {
        /// The e-mail address of the operator
        #[arg(long)]
        email: Email,
        /// Read the new password, 12 to 128 characters, from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

/// The subcommands of `bailout admin agent`.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Add an agent and print its API key, which is shown only once
    Add {
        #[arg(long, value_parser = name)]
        name: Name,
        /// Add a test agent: Robot answers its escalations, and no operator is asked
        #[arg(long)]
        test: bool,
    },
    /// Revoke every key of an agent
    Revoke {
        #[arg(long, value_parser = name)]
        name: Name,
    },
}

/// The settings of a server or a command.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The address of the database: sqlite://<file> or postgres://<user>@<host>/<database>
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
    /// The address that people open, like https://desk.example.com; without it the console answers on this machine only
    #[arg(long, global = true, env = "BAILOUT_PUBLIC_URL", value_parser = Origin::parse)]
    pub public_url: Option<Origin>,
    /// Proxies whose X-Forwarded-For is trusted: addresses or networks, separated by commas
    #[arg(long, global = true, env = "BAILOUT_TRUSTED_PROXIES", default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,
    /// An incoming webhook of Slack, or a compatible one, that is called when an escalation has waited for a minute
    #[arg(
        long,
        global = true,
        env = "BAILOUT_ALERT_URL",
        hide_env_values = true,
        value_parser = SecretParser { name: "BAILOUT_ALERT_URL", parse: AlertUrl::from_str }
    )]
    pub alert_url: Option<AlertUrl>,
    #[command(flatten)]
    pub limits: RateLimits,
    /// The log filter: a level, or a filter like info,bailout=debug
    #[arg(long, global = true, env = "BAILOUT_LOG", default_value = "info", value_parser = log)]
    pub log: String,
}

impl Settings {
    /// Returns the address that people open, when the server listens at `listening`.
    pub fn console_address(&self, listening: SocketAddr) -> String {
        match &self.public_url {
            Some(origin) => origin.as_str().to_owned(),
            // A server that listens on every address can be opened at this machine's loopback address.
            None if listening.ip().is_unspecified() => format!("http://127.0.0.1:{}", listening.port()),
            None => format!("http://{listening}"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
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
    fn an_unknown_database_is_refused_by_its_name_and_without_its_password() {
        let refused = "mysql://ada:secret@host/db".parse::<DatabaseUrl>().unwrap_err();
        assert!(refused.contains("`mysql:`") && !refused.contains("secret"), "{refused}");
        let cli =
            Cli::try_parse_from(["bailout", "--database-url", "mysql://ada:secret@host/db"]).unwrap_err().to_string();
        assert!(cli.contains("`mysql:`") && !cli.contains("secret"), "{cli}");
    }

    #[test]
    fn a_piece_of_an_address_is_not_repeated() {
        let refused = |line: &[&str]| {
            let words = line.iter().map(OsString::from).collect();
            Cli::read_from(words).unwrap_err().to_string()
        };
        for line in [
            &["bailout", "--database-url", "postgres://ada:zq", "xj@db.example/desk"][..],
            &["bailout", "--database-url", "sqlite://a.db", "xj"],
            &["bailout", "postgres://ada:xj@db.example/desk"],
            &["bailout", "--databas-url=postgres://ada:xj@db.example/desk"],
            &["bailout", "admin", "agent", "postgres://ada:xj@db.example/desk"],
        ] {
            assert!(!refused(line).contains("xj"), "{}", refused(line));
        }
        // As a control, an unknown word without an address is repeated.
        assert!(refused(&["bailout", "xj"]).contains("xj"));
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
}
