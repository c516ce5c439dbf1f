//! Passes: each lets one person in once, without a password. They live in memory and die with the demo.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::ids::{OperatorId, WorkspaceId},
    server::{error::Error, secret::Secret},
};

/// Whom a pass lets in, and where they begin.
#[derive(Debug)]
pub struct DemoPass {
    pub workspace: WorkspaceId,
    pub operator: OperatorId,
    /// An own path.
    pub to: String,
}

/// The passes that were given out and not used yet.
#[derive(Clone, Default)]
pub struct DemoPasses(Arc<Mutex<HashMap<String, DemoPass>>>);

impl DemoPasses {
    /// Gives a pass out; its path holds a secret.
    pub fn issue(&self, pass: DemoPass) -> Result<String, Error> {
        let token = Secret::mint()?.reveal().to_owned();
        let path = format!("/demo/sign-in/{token}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, pass);
        Ok(path)
    }

    /// Uses a pass up; none when there is none, or no longer.
    pub fn take(&self, token: &str) -> Option<DemoPass> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token)
    }

    /// Makes a pass good again that let nobody in.
    pub fn give_back(&self, token: String, pass: DemoPass) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, pass);
    }
}
