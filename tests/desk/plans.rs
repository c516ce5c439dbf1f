//! Tests of query plans: every frequent query uses an index, scans no table and sorts nothing, however long the log is.

use bailout::{
    domain::time::Timestamp,
    server::store::{
        Opener, Store, agent_list, agents, at_desk, attempts, drafts, escalations, events, inbox, messages, presence,
        queues, reads, sessions,
    },
};
use sqlx::{AssertSqlSafe, Row};

use crate::support::Engine;

#[tokio::test]
async fn what_runs_often_walks_an_index() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let store =
        Store::open(&format!("{}?mode=rwc", database.url), Opener::Server, Timestamp(0)).await.expect("a store");
    let plan = async |sql: &str| -> String {
        let rows = sqlx::query(AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(store.writer()).await;
        let steps: Vec<String> = rows.expect("a plan").iter().map(|row| row.get(3)).collect();
        steps.join("; ")
    };
    let were_here = escalations::WERE_HERE.replace("{rows}", "($1, $2, $3), ($4, $5, $6)");
    let ahead = at_desk::AHEAD.replace("{rows}", "($1, $2, $3, $4), ($5, $6, $7, $8)");
    let members = queues::MEMBERS.replace("{rows}", "($1, $2)");
    let load = escalations::LOAD.replace("{rows}", "($1, $2)");
    let in_use = queues::IN_USE.replace("{rows}", "($1, $2)");
    let walks = inbox::SHELF.into_iter().chain(inbox::MINE);
    let others = [
        (agent_list::ALL[0], "escalation_by_agent"),
        (agent_list::ALL[1], "escalation_by_agent"),
        (agent_list::WITH_STATUS[0], "escalation_of_agent"),
        (agent_list::WITH_STATUS[1], "escalation_of_agent"),
        (agent_list::OF_CONVERSATION[0], "escalation_by_conversation"),
        (agent_list::OF_CONVERSATION[1], "escalation_by_conversation"),
        (agent_list::OF_TOOL_CALL[0], "escalation_by_tool_call"),
        (agent_list::OF_TOOL_CALL[1], "escalation_by_tool_call"),
        (agent_list::ACKNOWLEDGED[0], "escalation_acknowledged"),
        (agent_list::ACKNOWLEDGED[1], "escalation_acknowledged"),
        (agent_list::TO_ACKNOWLEDGE[0], "escalation_to_acknowledge"),
        (agent_list::TO_ACKNOWLEDGE[1], "escalation_to_acknowledge"),
        (escalations::DUE, "escalation_due"),
        (escalations::ROBOT_DUE, "escalation_for_robot"),
        (escalations::EARLIER, "escalation_by_customer"),
        (&were_here, "escalation_by_customer"),
        (inbox::COUNTS, "escalation_to_count"),
        (at_desk::AVAILABLE, "operator_seen"),
        (at_desk::CLAIMED_AFTER, "escalation_claimed"),
        (&ahead, "escalation_ahead"),
        (queues::ELSEWHERE, "queue_member"),
        (&members, "queue_member"),
        (&load, "sqlite_autoindex_escalation_"),
        (&in_use, "sqlite_autoindex_queue_"),
        (escalations::HELD, "escalation_mine_"),
        (escalations::TO_ALERT, "escalation_to_alert"),
        (inbox::CHOICES[0], "sqlite_autoindex_agent_"),
        (inbox::CHOICES[1], "sqlite_autoindex_queue_"),
        (inbox::CHOICES[2], "sqlite_autoindex_operator_"),
        (events::OPERATORS, "event"),
        (events::AGENT, "event_by_agent"),
        (events::ESCALATION, "event_by_escalation"),
        (events::HAPPENINGS, "event_by_escalation"),
        (messages::REPLIES, "message_of_operator"),
        (attempts::FORGET, "sign_in_attempt_by_age"),
        (attempts::FORGET_KNOWN, "sign_in_known_by_age"),
        (sessions::FORGET, "session_by_age"),
        (presence::HEARD, "agent_heard"),
        (presence::SEEN, "operator_seen"),
        (presence::ABANDONED, "escalation_mine_"),
        (drafts::OF_OPERATOR, "draft_of_operator"),
        (drafts::FORGET, "draft_by_age"),
        (reads::OF_OPERATOR, "operator_read_of_operator"),
        (reads::FORGET, "operator_read_by_age"),
        (agents::END_KEYS, "api_key_by_agent"),
        (sessions::FORGET_SIGN_INS, "sqlite_autoindex_sign_in_"),
        (sessions::SIGN_INS, "sqlite_autoindex_sign_in_"),
        (sessions::OF_OPERATOR, "session_of_operator"),
    ];
    for (sql, index) in walks.chain(others) {
        // The parameters (`asked`) and the rows of a batch are a handful of constants. The rows that were found
        // (`ahead`) are counted.
        let steps = plan(&sql.replace("{rows}", "($1, $2, $3)")).await;
        let steps = steps
            .replace("SCAN CONSTANT ROW", "")
            .replace("SCAN ahead", "")
            .replace("SCAN 2 CONSTANT ROWS", "")
            .replace("SCAN asked", "");
        assert!(!steps.contains("SCAN") && !steps.contains("TEMP B-TREE"), "{sql}: {steps}");
        assert!(steps.contains(index), "{sql}: {steps}");
    }
    // The control: a plan that uses no index.
    assert!(plan("select id from escalation order by body").await.contains("TEMP B-TREE"));
}
