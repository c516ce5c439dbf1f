//! Stopping the program: in order, soon, and from the moment its address is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Engine, database::free_port};

fn told_to_stop(child: &Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let start = || {
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
        command.env("BAILOUT_DATABASE_URL", &database.url).env("BAILOUT_ADDR", format!("127.0.0.1:{port}"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("its words")).read_line(&mut line).expect("its address");
        assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
        (child, port)
    };
    // At once.
    let (mut child, _) = start();
    told_to_stop(&child);
    assert!(child.wait().expect("an end").success(), "it was killed instead of stopped");
    // With one connection that says nothing, one that never ends its request, and one that is kept for later.
    let (mut child, port) = start();
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let _silent = connect();
    let mut halting = connect();
    halting.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").expect("half a request");
    let mut kept = connect();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let began = Instant::now();
    told_to_stop(&child);
    assert!(child.wait().expect("an end").success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
