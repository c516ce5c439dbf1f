//! The lists of an agent's escalations.

use std::cmp::Ordering;

use sqlx::Row;

use super::{
    Store,
    escalations::{current, json, select_current},
    portion::{ANSWER, Portion, read_portion},
};
use crate::{
    domain::{
        escalation::Status,
        ids::{AgentId, EscalationId, WorkspaceId},
    },
    server::error::{CurrentState, Error},
};

/// The order of a list, by the time of opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AgentListOrder {
    #[default]
    Newest,
    Oldest,
}

impl AgentListOrder {
    fn compare(self, one: EscalationId, other: EscalationId) -> Ordering {
        match self {
            Self::Newest => other.cmp(&one),
            Self::Oldest => one.cmp(&other),
        }
    }

    /// Returns a bound before every id. Ids sort as text, and `~` comes after every letter.
    fn begin(self) -> &'static str {
        match self {
            Self::Newest => "~",
            Self::Oldest => "",
        }
    }
}

/// The escalations that an agent asks for.
#[derive(Debug, Clone, Default)]
pub struct AgentFilter {
    /// The states; empty for all.
    pub statuses: Vec<Status>,
    pub conversation_id: Option<String>,
    pub tool_call_id: Option<String>,
    /// Closed escalations whose outcome the agent has acknowledged, or has not.
    pub acknowledged: Option<bool>,
    pub order: AgentListOrder,
}

/// Each query walks one index in one order, and applies the other filters to its rows.
macro_rules! walk {
    ($after:literal, $by:literal, $order:literal) => {
        select_current!(concat!(
            "e.agent_id = $2 and ",
            $after,
            " and ",
            $by,
            " and ($6 = '' or $6 like '%' || e.status || '%') and ($7 = '' or e.conversation_id = $7) \
             and ($8 = '' or e.tool_call_id = $8) and ($9 = '' or ($9 = 'true') = (e.acknowledged_at is not null)) \
             and ($9 <> 'false' or e.closed_at is not null) order by ",
            $order,
            " limit $4"
        ))
    };
}

macro_rules! walks {
    ($by:literal) => {
        [walk!("e.id < $3", $by, "e.id desc"), walk!("e.id > $3", $by, "e.id")]
    };
}

/// All escalations of an agent, and those with one property, each newest first and oldest first.
pub const ALL: [&str; 2] = walks!("$5 = ''");
pub const WITH_STATUS: [&str; 2] = walks!("e.status = $5");
pub const OF_CONVERSATION: [&str; 2] = walks!("e.conversation_id = $5");
pub const OF_TOOL_CALL: [&str; 2] = walks!("e.tool_call_id = $5");
/// Escalations in one state whose outcome the agent has acknowledged, and has not.
pub const ACKNOWLEDGED: [&str; 2] = walks!("e.status = $5 and e.acknowledged_at is not null");
pub const TO_ACKNOWLEDGE: [&str; 2] = walks!("e.status = $5 and e.closed_at is not null and e.acknowledged_at is null");

/// Returns escalations of an agent, as many as fit into one answer. A snapshot is read, so that no escalation is missed
/// or listed twice when its status changes meanwhile.
pub async fn list(
    store: &Store,
    workspace: WorkspaceId,
    agent: AgentId,
    filter: AgentFilter,
    after: Option<EscalationId>,
    limit: i64,
) -> Result<Portion<CurrentState>, Error> {
    let AgentFilter { mut statuses, conversation_id, tool_call_id, acknowledged, order } = filter;
    if acknowledged.is_some() {
        // Only a closed escalation has an outcome to acknowledge.
        let asked = if statuses.is_empty() { Status::ALL.to_vec() } else { statuses };
        statuses = asked.into_iter().filter(|status| !status.is_open()).collect();
        if statuses.is_empty() {
            return Ok(Portion { items: vec![], is_cut: false });
        }
    }
    let after = after.map_or_else(|| order.begin().to_owned(), |id| id.to_string());
    let words: Vec<String> = statuses.iter().map(|status| status.as_str().to_owned()).collect();
    let all_words = words.join(" ");
    let in_each = |walk| words.iter().map(|word| (walk, word.clone())).collect();
    // Each query with the value that it looks up.
    let walks: Vec<(&[&str; 2], String)> = match (&tool_call_id, &conversation_id, acknowledged) {
        (Some(id), ..) => vec![(&OF_TOOL_CALL, id.clone())],
        (None, Some(id), _) => vec![(&OF_CONVERSATION, id.clone())],
        (None, None, Some(true)) => in_each(&ACKNOWLEDGED),
        (None, None, Some(false)) => in_each(&TO_ACKNOWLEDGE),
        _ if words.is_empty() => vec![(&ALL, String::new())],
        _ => in_each(&WITH_STATUS),
    };
    let filters = [
        all_words,
        conversation_id.unwrap_or_default(),
        tool_call_id.unwrap_or_default(),
        acknowledged.map_or_else(String::new, |it| it.to_string()),
    ];
    // All queries together read what fits into one answer, and each at least one row.
    let most = ANSWER / walks.len().max(1);
    let read = store.snapshot(move |connection| {
        Box::pin(async move {
            let mut found: Vec<CurrentState> = vec![];
            // The id up to which every query has read all of its rows.
            let mut reached: Option<EscalationId> = None;
            for (sql, value) in walks {
                let query = sqlx::query(sql[order as usize]).bind(workspace.to_string()).bind(agent.to_string());
                let query = query.bind(after.clone()).bind(limit).bind(value);
                let query = filters.iter().fold(query, |query, filter| query.bind(filter.clone()));
                let walk = read_portion(query.fetch(&mut *connection), most, |row| {
                    let current = current(row)?;
                    // Lists do not send the state with which an agent resumes.
                    let resume = current.escalation.opening.resume.as_ref();
                    let state = resume.and_then(|it| json(it.state.as_ref()?).ok()).map_or(0, |json| json.len());
                    let body = row.try_get::<&str, _>(0)?.len().saturating_sub(state);
                    let size = body + current.outcome.as_ref().map_or(0, |it| it.len());
                    Ok((current, size))
                })
                .await?;
                if let Some(last) = walk.items.last().filter(|_| walk.is_cut) {
                    let last = last.escalation.id;
                    reached = Some(
                        reached.map_or(last, |known| if order.compare(last, known).is_lt() { last } else { known }),
                    );
                }
                found.extend(walk.items);
            }
            found.retain(|it| reached.is_none_or(|reached| order.compare(it.escalation.id, reached).is_le()));
            found.sort_by(|one, other| order.compare(one.escalation.id, other.escalation.id));
            found.truncate(usize::try_from(limit).unwrap_or_default());
            Ok(Portion { items: found, is_cut: reached.is_some() })
        })
    });
    read.await
}
