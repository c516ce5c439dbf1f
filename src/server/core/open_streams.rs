//! Every open stream and wait, by the credential that it was opened with. Signing out, disabling an operator, revoking a key
//! and changing the members of a queue close them within a second, also when another process did it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::{
    domain::{ids::WorkspaceId, time::Timestamp},
    server::{
        error::Error,
        store::{Store, queues, sessions},
    },
};

/// The credential that a stream was opened with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A session, by the hash of its secret.
    Session([u8; 32]),
    /// An API key, by its public id.
    Key(String),
    /// The version of a workspace's queue settings when the stream was opened.
    Members(WorkspaceId, i64),
}

/// The streams of one credential, which share a cancellation token.
#[derive(Default)]
struct Held {
    token: CancellationToken,
    open: usize,
}

/// All open streams of this process.
#[derive(Clone, Default)]
pub struct OpenStreams(Arc<Mutex<HashMap<Credential, Held>>>);

/// The registration of one open stream; dropping it removes the stream.
pub struct OpenStream {
    open_streams: OpenStreams,
    credential: Credential,
    token: CancellationToken,
}

impl OpenStreams {
    fn held(&self) -> MutexGuard<'_, HashMap<Credential, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers one more stream of a credential; none when the credential has the most that it may have.
    pub fn register(&self, credential: Credential, at_most: usize) -> Option<OpenStream> {
        let mut all = self.held();
        let held = all.entry(credential.clone()).or_default();
        if held.open >= at_most {
            return None;
        }
        held.open += 1;
        let token = held.token.clone();
        drop(all);
        Some(OpenStream { open_streams: self.clone(), credential, token })
    }

    /// Closes the streams of a credential that was revoked.
    pub fn close(&self, credential: &Credential) {
        if let Some(held) = self.held().get(credential) {
            held.token.cancel();
        }
    }

    /// Checks every credential in use and closes the streams of those that are not valid any more.
    pub async fn check(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let (mut digests, mut keys, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for credential in self.held().keys() {
            match credential {
                Credential::Session(digest) => digests.push(*digest),
                Credential::Key(id) => keys.push(id.clone()),
                Credential::Members(workspace, version) => members.push((*workspace, *version)),
            }
        }
        if !digests.is_empty() {
            let good = sessions::valid_sessions(store, &digests, now).await?;
            let lost = digests.into_iter().filter(|digest| !good.contains(digest));
            lost.for_each(|digest| self.close(&Credential::Session(digest)));
        }
        if !keys.is_empty() {
            let good = sessions::valid_keys(store, &keys, now).await?;
            let lost = keys.into_iter().filter(|id| !good.contains(id));
            lost.for_each(|id| self.close(&Credential::Key(id)));
        }
        if !members.is_empty() {
            let good = queues::versions(store).await?;
            let lost = members.into_iter().filter(|it| !good.contains(it));
            lost.for_each(|(workspace, version)| self.close(&Credential::Members(workspace, version)));
        }
        Ok(())
    }
}

impl OpenStream {
    /// Resolves when the credential is not valid any more.
    pub fn closed(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut all = self.open_streams.held();
        if let Some(held) = all.get_mut(&self.credential) {
            held.open -= 1;
            if held.open == 0 {
                all.remove(&self.credential);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_so_many_doors_and_no_more() {
        let open_streams = OpenStreams::default();
        let key = Credential::Key("k".into());
        let first = open_streams.register(key.clone(), 1);
        assert!(first.is_some() && open_streams.register(key.clone(), 1).is_none());
        assert!(open_streams.register(Credential::Key("other".into()), 1).is_some());
        drop(first);
        assert!(open_streams.register(key, 1).is_some());
    }

    #[tokio::test]
    async fn closing_reaches_every_door_of_the_credential_and_no_other() {
        let open_streams = OpenStreams::default();
        let (one, two) = (Credential::Session([1; 32]), Credential::Session([2; 32]));
        let (a, b) = (open_streams.register(one.clone(), 9).unwrap(), open_streams.register(one.clone(), 9).unwrap());
        let c = open_streams.register(two, 9).unwrap();
        open_streams.close(&one);
        a.closed().await;
        b.closed().await;
        assert!(!c.token.is_cancelled());
        drop((a, b));
        assert!(!open_streams.register(one, 9).unwrap().token.is_cancelled());
    }
}
