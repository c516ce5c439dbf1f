//! Tests that a server detects, at startup, a pooler in transaction mode in front of PostgreSQL. The pooler here gives
//! all of its clients one session, as PgBouncer does with `pool_mode = transaction` and `default_pool_size = 1`.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    str::FromStr,
    sync::{Arc, Mutex},
    thread,
};

use bailout::{
    domain::time::Timestamp,
    server::store::{Opener, Store, open_error::OpenError},
};
use sqlx::postgres::PgConnectOptions;

use crate::support::Engine;

/// The code of an SSLRequest, which asks for TLS before anything else.
const SSL_REQUEST: [u8; 4] = 80_877_103_i32.to_be_bytes();

/// The session that all clients share, and the server's greeting when it started.
struct Session {
    stream: TcpStream,
    greeting: Vec<u8>,
}

/// Reads a message. Its length counts itself, but not the letter before it.
fn message(from: &mut TcpStream, mut read: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    from.read_exact(&mut body)?;
    read.extend(length);
    read.extend(body);
    Ok(read)
}

/// Reads a message that begins with a letter, as all do but a client's first.
fn lettered(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut letter = [0];
    from.read_exact(&mut letter)?;
    message(from, letter.to_vec())
}

fn begin(port: u16, startup: &[u8]) -> io::Result<Session> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.write_all(startup)?;
    let mut greeting = vec![];
    loop {
        let said = lettered(&mut stream)?;
        greeting.extend(&said);
        if said[0] == b'Z' {
            return Ok(Session { stream, greeting });
        }
    }
}

fn serve(mut client: TcpStream, port: u16, shared: &Mutex<Option<Session>>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let startup = loop {
        let first = message(&mut client, vec![])?;
        if first.get(4..8) != Some(&SSL_REQUEST[..]) {
            break first;
        }
        client.write_all(b"N")?;
    };
    {
        let mut shared = shared.lock().expect("the session");
        if shared.is_none() {
            *shared = Some(begin(port, &startup)?);
        }
        client.write_all(&shared.as_ref().expect("a session").greeting)?;
    }
    loop {
        let mut said = lettered(&mut client)?;
        // The client holds the session until its transaction ends.
        let mut shared = shared.lock().expect("the session");
        let server = &mut shared.as_mut().expect("a session").stream;
        loop {
            if said[0] == b'X' {
                return Ok(());
            }
            server.write_all(&said)?;
            if matches!(said[0], b'Q' | b'S') && answered(server, &mut client)? {
                break;
            }
            said = lettered(&mut client)?;
        }
    }
}

/// Forwards the answer and returns whether no transaction is open after it.
fn answered(server: &mut TcpStream, client: &mut TcpStream) -> io::Result<bool> {
    loop {
        let answer = lettered(server)?;
        client.write_all(&answer)?;
        if answer[0] == b'Z' {
            return Ok(answer[5] == b'I');
        }
    }
}

/// Listens on its own port for as long as the tests run.
fn pooler(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let shared = Arc::new(Mutex::new(None));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || serve(client, server, &shared));
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_in_transaction_mode_is_found_at_the_start() {
    if std::env::var_os("BAILOUT_TEST_POSTGRES").is_some_and(|url| !url.is_empty()) {
        eprintln!("the pooler of this story knows no passwords: it is told on a cluster of our own only");
        return;
    }
    let made = tokio::task::spawn_blocking(|| Engine::Postgres.database()).await.expect("a task");
    let Some(database) = made else { return };
    let at = PgConnectOptions::from_str(&database.url).expect("an address");
    let name = at.get_database().expect("a name");
    let url = format!("postgres://{}@127.0.0.1:{}/{name}", at.get_username(), pooler(at.get_port()));
    let refused = Store::open(&url, Opener::Server, Timestamp(0)).await.err().expect("a refusal");
    assert!(matches!(refused, OpenError::Pooler), "{refused}");
    assert!(refused.to_string().contains("PgBouncer in transaction mode"), "{refused}");
    // The control: without the pooler the store opens.
    let opened = Store::open(&database.url, Opener::Server, Timestamp(0)).await.expect("an open database");
    opened.close().await;
}
