//! Runs the sweeper, which sends `FallDue` for what is due (an escalation expires, or a transfer that nobody accepted
//! returns to its queue) and `Lapse` for claims whose holders are gone, and deletes old stored responses, drafts and
//! read positions. Deadlines are rows, so a restart loses none. The command checks each deadline again, so sweeping
//! twice, or from two processes, is harmless.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;

use crate::{
    domain::{presence::LAPSES_AFTER, time::Span},
    server::{
        core::{
            command::{ActorVerb, Command, SystemVerb},
            desk::Desk,
        },
        error::Error,
        store::{drafts, escalations, events, presence, reads},
    },
};

/// How often to look for due deadlines. A deadline is at most this late.
const EVERY: Duration = Duration::from_millis(500);
/// The batch size.
const READ_BATCH: i64 = 500;
/// How many sweeps between two searches for abandoned claims: about ten seconds.
const LAPSE_EVERY: u32 = 20;
/// How long responses are kept for repeated requests, after the end of their escalation.
const KEEP_ANSWERS: Span = Span::hours(7 * 24);
/// How long untouched drafts are kept.
const KEEP_DRAFTS: Span = Span::hours(30 * 24);
/// How long read positions are kept.
const KEEP_READS: Span = Span::hours(90 * 24);
/// How many sweeps between two deletions of old rows: about an hour.
const FORGET_EVERY: u32 = 7_200;

/// Sends `FallDue` for every due escalation: it expires, its transfer returns, or its outcome is marked as not picked
/// up. An escalation that fails does not hold up others.
pub async fn sweep(desk: &Desk) -> Result<(), Error> {
    let mut failed = BTreeMap::new();
    loop {
        // Rows that failed are still due, so the batch is larger by their number.
        let most = READ_BATCH.saturating_add(i64::try_from(failed.len()).unwrap_or(i64::MAX));
        let mut due = escalations::due(desk.store(), desk.clock().now(), most).await?;
        let is_all = i64::try_from(due.len()).is_ok_and(|count| count < most);
        due.retain(|(_, escalation)| !failed.contains_key(escalation));
        let fallen = due.iter().map(|(workspace, escalation)| {
            desk.run(Command::new(*workspace, *escalation, ActorVerb::System(SystemVerb::FallDue)))
        });
        let mut done = 0;
        for (result, (_, escalation)) in join_all(fallen).await.into_iter().zip(&due) {
            match result {
                Ok(_) => done += 1,
                // The first commit wins: a claim, a resolve, or the sweeper of another process.
                Err(Error::Refused { .. }) => {}
                // This fault concerns all escalations, not this one.
                Err(fault @ Error::Unavailable) => return Err(fault),
                // The writer is overloaded but works, so the sweeper still counts as running.
                Err(fault @ Error::Overloaded) => {
                    desk.readiness().still_sweeping();
                    return Err(fault);
                }
                Err(fault) => {
                    failed.insert(*escalation, fault);
                    done += 1;
                }
            }
        }
        desk.readiness().still_sweeping();
        // Refused rows that stay due would be found again in an endless loop.
        if done == 0 || is_all {
            break;
        }
    }
    // A broken row fails in each sweep, and is logged in the first only.
    for escalation in desk.readiness().swept(failed.keys().copied().collect()) {
        let fault = failed.get(&escalation).map(ToString::to_string);
        tracing::error!(%escalation, fault, "the deadline of an escalation cannot be processed; others are not affected");
    }
    Ok(())
}

/// Releases claims of operators who are gone. Does nothing until this process has run for `LAPSES_AFTER`, because while
/// it was not running, no operator could be seen.
pub async fn lapse(desk: &Desk) -> Result<(), Error> {
    let now = desk.clock().now();
    if now - desk.started_at() < LAPSES_AFTER {
        return Ok(());
    }
    for it in presence::abandoned(desk.store(), now + Span(-LAPSES_AFTER.0), now, READ_BATCH).await? {
        let verb = SystemVerb::Lapse { holder: it.holder, seen_at: it.seen_at };
        match desk.run(Command::new(it.workspace, it.escalation, ActorVerb::System(verb))).await {
            // The holder came back, someone else holds it, or the claim is recent.
            Ok(_) | Err(Error::Refused { .. }) => desk.readiness().still_sweeping(),
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// Sweeps until the server stops.
pub async fn work(desk: Desk) {
    let mut looks: u32 = 0;
    while desk.shutdown().run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        if let Err(error) = sweep(&desk).await {
            tracing::error!(%error, "the sweeper could not take what is due; it tries again");
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LAPSE_EVERY)
            && let Err(error) = lapse(&desk).await
        {
            tracing::error!(%error, "the sweeper could not look for abandoned claims; it tries again");
        }
        if looks.is_multiple_of(FORGET_EVERY) {
            let before = |kept: Span| desk.clock().now() + Span(-kept.0);
            if let Err(error) = events::delete_answers_before(desk.store(), before(KEEP_ANSWERS)).await {
                tracing::error!(%error, "old answers were not forgotten; the sweeper tries again");
            }
            if let Err(error) = drafts::delete_before(desk.store(), before(KEEP_DRAFTS)).await {
                tracing::error!(%error, "old drafts were not forgotten; the sweeper tries again");
            }
            if let Err(error) = reads::delete_before(desk.store(), before(KEEP_READS)).await {
                tracing::error!(%error, "how far one had read was not forgotten; the sweeper tries again");
            }
        }
    }
}
