//! Parses the address of the database. The parser is strict, so that no piece of a password can be taken for another
//! part of the address, which a message or the log would then name.

use std::{fmt, path::Path, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::{any::AnyConnectOptions, postgres::PgConnectOptions};

/// The parameters that the driver reads, without `options[…]`, and those that only PostgreSQL's own tools read, which are
/// given the same address.
const PARAMETERS: [&str; 44] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "require_auth",
    "requirepeer",
    "service",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "statement-cache-capacity",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// The address of a database, which may contain a password, so `Debug` does not print it.
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
            Some(("sqlite", rest)) => sqlite(rest),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => postgres(text, &rest[2..]),
            // The rest may hold a password, and so may the part before it when the scheme is missing.
            Some((scheme, rest)) if rest.starts_with("//") && scheme.bytes().all(|byte| byte.is_ascii_lowercase()) => {
                Err(format!(
                    "BAILOUT_DATABASE_URL begins with `{scheme}:`, which is no database Bailout knows; \
                     it must begin with sqlite:// or postgres://"
                ))
            }
            _ => Err("BAILOUT_DATABASE_URL must begin with sqlite:// or postgres://".into()),
        }
    }
}

/// Takes a file as it is written, with blanks, or percent-encoded; it is created when it is missing, unless `mode` says
/// otherwise.
fn sqlite(rest: &str) -> Result<DatabaseUrl, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
    let file = percent_decode_str(file)
        .decode_utf8()
        .map_err(|_| "the file in BAILOUT_DATABASE_URL must be UTF-8, also where it is percent-encoded")?;
    let mode = query.split('&').find_map(|parameter| parameter.strip_prefix("mode="));
    if file.trim_start_matches('/').is_empty() || file.contains(":memory:") || mode == Some("memory") {
        return Err("BAILOUT_DATABASE_URL must name a file after sqlite://, like sqlite://bailout.db".into());
    }
    let query = match (query, mode) {
        ("", _) => "mode=rwc".to_owned(),
        (query, None) => format!("{query}&mode=rwc"),
        (query, Some(_)) => query.to_owned(),
    };
    Ok(DatabaseUrl(sqlite_address(Path::new(file.as_ref()), &query)))
}

/// The characters that an address of a SQLite file percent-encodes: all but those that every part of an address may have.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the address of a SQLite file for the driver. The driver parses it as a web address, in which a name with a space
/// is no host and `a/../b` is `b`, so slashes are percent-encoded too.
pub fn sqlite_address(file: &Path, query: &str) -> String {
    format!("sqlite://{}?{query}", utf8_percent_encode(&file.to_string_lossy(), &ENCODED))
}

/// Takes an address of PostgreSQL of which every part is certain.
fn postgres(text: &str, rest: &str) -> Result<DatabaseUrl, String> {
    let unreadable = || {
        "BAILOUT_DATABASE_URL is not a PostgreSQL address of the form \
         postgres://<user>:<password>@<host>:<port>/<database>; in the password, percent-encode every character that is \
         not a letter or a digit, like / as %2F"
            .to_owned()
    };
    // The host ends at the first of these. If a password had one of them, its rest would be read as a database's name.
    let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest[host_ends..].contains(['@', '#']) {
        return Err(unreadable());
    }
    let address = AnyConnectOptions::from_str(text).map_err(|_| unreadable())?.database_url;
    // If a password had &, its rest would be read as a parameter, and the driver logs parameters it does not know.
    let is_known = |name: &str| PARAMETERS.contains(&name) || (name.starts_with("options[") && name.ends_with(']'));
    if !address.query_pairs().all(|(name, _)| is_known(&name)) {
        return Err("BAILOUT_DATABASE_URL has a parameter that PostgreSQL does not know; if that is a part of the \
                    password, percent-encode every character in it that is not a letter or a digit, like & as %26"
            .into());
    }
    PgConnectOptions::from_str(text).map_err(|_| unreadable())?;
    Ok(DatabaseUrl(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    fn read(text: &str) -> Result<String, String> {
        text.parse::<DatabaseUrl>().map(|url| url.0)
    }

    #[test]
    fn a_database_file_is_made_when_it_is_missing() {
        assert_eq!(read("sqlite://a.db").unwrap(), "sqlite://a.db?mode=rwc");
        assert_eq!(read("sqlite://a.db?mode=rw").unwrap(), "sqlite://a.db?mode=rw");
        assert_eq!(read("sqlite://a.db?cache=private").unwrap(), "sqlite://a.db?cache=private&mode=rwc");
        assert_eq!(read("sqlite://mode=rw.db").unwrap(), "sqlite://mode%3Drw.db?mode=rwc");
        for none in ["sqlite::memory:", "sqlite://", "sqlite:///", "sqlite://?mode=rwc", "sqlite://a.db?mode=memory"] {
            assert!(read(none).is_err(), "{none}");
        }
        assert!(read("sqlite://%ff.db").is_err());
    }

    #[test]
    fn the_driver_opens_the_file_that_is_named() {
        for (text, file) in [
            ("sqlite://my folder/b.db", "my folder/b.db"),
            ("sqlite://my%20folder/b.db", "my folder/b.db"),
            ("sqlite:///srv/my folder/b.db?mode=rwc", "/srv/my folder/b.db"),
            ("sqlite:///srv/my%20folder/b.db", "/srv/my folder/b.db"),
            ("sqlite:b.db", "b.db"),
            ("sqlite:/srv/b.db", "/srv/b.db"),
            ("sqlite://./b.db", "./b.db"),
            ("sqlite://../B.db", "../B.db"),
            ("sqlite://a/../b.db", "a/../b.db"),
            ("sqlite:///a/../b.db", "/a/../b.db"),
            ("sqlite://a:b/c@d[e]|f^g\\h\"<i>#j.db", "a:b/c@d[e]|f^g\\h\"<i>#j.db"),
            ("sqlite://Ünï/ b .db ", "Ünï/ b .db "),
            ("sqlite://100%/a%3Fb.db", "100%/a?b.db"),
        ] {
            let address = AnyConnectOptions::from_str(&read(text).unwrap()).unwrap().database_url;
            let options = SqliteConnectOptions::from_str(address.as_str()).unwrap();
            assert_eq!(options.get_filename(), Path::new(file), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_taken_for_another_part() {
        for sound in [
            "postgres://ada@db.example/desk",
            "postgresql://ada:s%2Fcret@db.example:5433/desk?sslmode=require&channel_binding=require",
            "postgres:///desk?host=/var/run/postgresql&user=ada&options[search_path]=desk",
            // The password begins after the first : and ends at the last @.
            "postgres://ada:p@ss:word@db.example/desk",
        ] {
            assert_eq!(read(sound).as_deref(), Ok(sound));
        }
        for (password, pieces) in [
            ("4711/zqxj", ["4711", "zqxj"]),
            ("4711?zqxj", ["4711", "zqxj"]),
            ("4711#zqxj", ["4711", "zqxj"]),
            ("zqxj@4711/kvwp", ["zqxj", "kvwp"]),
            ("zqxj/4711", ["zqxj", "4711"]),
            ("zqxj%ffkvwp", ["zqxj", "kvwp"]),
        ] {
            let refused = read(&format!("postgres://ada:{password}@db.example/desk")).unwrap_err();
            assert!(pieces.iter().all(|piece| !refused.contains(piece)), "{password}: {refused}");
        }
        for wrong in [
            "postgres://db.example/desk?user=ada&password=4711&zqxj=1",
            "postgres://db.example/desk?sslmode=zqxj",
            "postgres://ada:zqxj",
            "postgres:ada:zqxj@db.example/desk",
            "zqxj:4711@db.example/desk",
            "ada@zqxj://db.example/desk",
        ] {
            let refused = read(wrong).unwrap_err();
            assert!(!refused.contains("zqxj") && !refused.contains("4711"), "{wrong}: {refused}");
        }
    }
}
