//! A TCP forwarder that simulates network faults. Its connections can fall silent: they stay open and pass nothing any
//! more, while new ones may work. Or it is cut, so that nothing passes at all.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// A forwarder on a loopback port. Dropping the forwarder stops it.
pub struct Forwarder {
    pub port: u16,
    /// The number up to which connections are silent.
    silent: watch::Sender<u64>,
    /// The number of connections accepted so far.
    taken: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Forwarder {
    /// Starts a forwarder to an address.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (silent, taken) = (watch::Sender::new(0), Arc::new(AtomicU64::new(0)));
        let (looks, counts) = (silent.subscribe(), Arc::clone(&taken));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = counts.fetch_add(1, Ordering::SeqCst) + 1;
                let looks = looks.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(to).await else { return };
                    let (client, server) = (client.into_split(), server.into_split());
                    tokio::join!(
                        pass(number, client.0, server.1, looks.clone()),
                        pass(number, server.0, client.1, looks)
                    );
                });
            }
        });
        Self { port, silent, taken, accepting: accepting.abort_handle() }
    }

    /// Makes every current connection silent but open. New connections work.
    pub fn silence(&self) {
        self.silent.send_replace(self.taken.load(Ordering::SeqCst));
    }

    /// Stops all traffic, on every connection.
    pub fn cut(&self) {
        self.silent.send_replace(u64::MAX);
    }

    /// Makes new connections work again.
    pub fn mend(&self) {
        self.silence();
    }
}

async fn pass(
    number: u64,
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut silent: watch::Receiver<u64>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            // A silent connection stays open without being read, so the sender's window fills as on a dead network.
            () = async { drop(silent.wait_for(|silent| number <= *silent).await) } => std::future::pending().await,
            read = from.read(&mut bytes) => read,
        };
        match read {
            Ok(0) | Err(_) => return,
            Ok(read) if to.write_all(&bytes[..read]).await.is_err() => return,
            Ok(_) => {}
        }
    }
}
