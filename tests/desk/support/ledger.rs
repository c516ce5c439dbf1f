//! The event log as a ledger: the events, and how often each request took effect.

use std::collections::HashMap;

use bailout::domain::{event::EventKind, inbox::Frame};
use sqlx::Row;

use super::server::TestServer;

/// Returns every event so far, in order. The log must have every number once, and every event must be readable.
pub async fn log(server: &TestServer) -> Vec<Frame> {
    let head = server.desk.head(server.workspace).await.expect("a head").0;
    let sql = "select seq, body from event where workspace_id = $1 and seq <= $2 order by seq";
    let rows = sqlx::query(sql).bind(server.workspace.to_string()).bind(head);
    let rows = rows.fetch_all(server.desk.store().reader()).await.expect("the log");
    let seqs: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert!(seqs.iter().copied().eq(1..=head), "the log has gaps up to {head}: {seqs:?}");
    let bodies = rows.iter().map(|row| row.get::<String, _>(1));
    bodies.map(|body| serde_json::from_str(&body).expect("a frame")).collect()
}

/// Returns how often each request took effect, by the mark that it left in the log: an open its `metadata.mark`, a
/// message its text, a cancel the escalation's id.
pub fn effects(log: &[Frame]) -> HashMap<String, usize> {
    let mut effects = HashMap::new();
    for frame in log {
        let mark = match &frame.event.kind {
            EventKind::Opened { escalation } => {
                escalation.opening.metadata.as_ref().and_then(|it| Some(it.value()["mark"].as_str()?.to_owned()))
            }
            EventKind::MessageCreated { message } => message.text.clone(),
            EventKind::Cancelled { .. } => Some(frame.event.escalation_id.to_string()),
            _ => None,
        };
        mark.into_iter().for_each(|mark| *effects.entry(mark).or_default() += 1);
    }
    effects
}
