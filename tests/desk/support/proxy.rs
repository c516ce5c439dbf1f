//! A bad line: a TCP proxy that splits, merges, delays and cuts the bytes that pass through it, at any byte.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::AbortHandle,
};

use super::chance::Chance;

/// The limits of a connection: how many bytes pass each way, and whether it is cut then or only falls silent.
#[derive(Debug, Clone, Copy)]
pub struct Fate {
    pub up: usize,
    pub down: usize,
    pub silent: bool,
}

impl Fate {
    /// A limit that lets everything pass.
    pub const GOOD: Self = Self { up: usize::MAX, down: usize::MAX, silent: false };
}

/// A proxy on a loopback port. Dropping the proxy stops it.
pub struct Proxy {
    pub url: String,
    cuts: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Listens and forwards to a port on this machine. `fate` decides about each connection.
    pub async fn start(port: u16, mut chance: Chance, fate: fn(&mut Chance) -> Fate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let cuts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cuts);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (fate, chance, cuts) = (fate(&mut chance), chance.split(), Arc::clone(&counted));
                tokio::spawn(async move {
                    if line(client, ([127, 0, 0, 1], port).into(), fate, chance).await == End::Broken {
                        cuts.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { url, cuts, accepting: accepting.abort_handle() }
    }

    /// Returns the number of connections that were cut or fell silent so far.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// The end of a connection.
#[derive(Debug, PartialEq)]
enum End {
    /// A side closed the connection, or was not there.
    HungUp,
    /// The connection reached its limit.
    Broken,
}

/// Runs a connection. When it ends either way, both sides are closed.
async fn line(client: TcpStream, upstream: SocketAddr, fate: Fate, mut chance: Chance) -> End {
    let Ok(server) = TcpStream::connect(upstream).await else { return End::HungUp };
    for side in [&client, &server] {
        // Data that is split here must arrive split.
        side.set_nodelay(true).expect("TCP_NODELAY");
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let end = tokio::select! {
        end = pump(&from_client, &to_server, fate.up, chance.split()) => end,
        end = pump(&from_server, &to_client, fate.down, chance.split()) => end,
    };
    if end == End::Broken && fate.silent {
        // Nothing passes any more, without notice, until the client gives up.
        while from_client.readable().await.is_ok() && from_client.try_read(&mut [0; 512]).is_ok_and(|read| read > 0) {}
    }
    end
}

/// Forwards this many bytes, in pieces unrelated to those that arrived.
async fn pump(from: &OwnedReadHalf, to: &OwnedWriteHalf, mut left: usize, mut chance: Chance) -> End {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = match from.readable().await.and_then(|()| from.try_read(&mut buffer)) {
            Ok(0) => return End::HungUp,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return End::HungUp,
        };
        let mut rest = &buffer[..read.min(left)];
        left -= rest.len();
        while !rest.is_empty() {
            if chance.once_in(64) {
                // More data arrives in the meantime, and is then forwarded together.
                tokio::time::sleep(Duration::from_millis(chance.below(40) as u64)).await;
            }
            let most = if chance.once_in(4) { 16 } else { 4 * 1024 };
            let (piece, after) = rest.split_at(rest.len().min(1 + chance.below(most)));
            if write(to, piece).await.is_err() {
                return End::HungUp;
            }
            rest = after;
        }
        if left == 0 {
            return End::Broken;
        }
    }
}

async fn write(to: &OwnedWriteHalf, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
