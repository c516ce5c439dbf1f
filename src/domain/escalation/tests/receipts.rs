//! Tests of receipts for operators' messages: the latest receipt counts, and it may come late.

use crate::domain::{
    ask::AskKind,
    disposition::Disposition,
    message::{MessageRole, Receipt, ReceiptState},
    outcome::Resolution,
    stage::{Simulation, ada, text},
};

fn shown() -> Receipt {
    Receipt { state: ReceiptState::Shown, detail: None }
}

fn failed() -> Receipt {
    Receipt { state: ReceiptState::Failed, detail: Some(text("The chat was closed.")) }
}

#[test]
fn the_latest_word_counts_and_the_same_again_changes_nothing() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.reply(&ada(), id, "Hello Dana.").unwrap();
    for receipt in [shown(), failed(), shown()] {
        assert_eq!(stage.receipt(id, receipt.clone()), Ok(vec!["message.receipt"]));
        assert_eq!(stage.receipt(id, receipt.clone()), Ok(vec![]));
        assert_eq!(stage.said(id)[0].receipt, Some(receipt));
    }
}

#[test]
fn only_an_operators_message_has_a_receipt() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    assert_eq!(stage.receipt(id, shown()).unwrap_err().code(), "invalid_field");
    stage.say(id, MessageRole::Customer, "Hello?").unwrap();
    assert_eq!(stage.receipt(id, shown()).unwrap_err().code(), "invalid_field");
}

#[test]
fn the_last_message_may_be_shown_after_the_end() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.reply(&ada(), id, "Good bye, Dana.").unwrap();
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    let end = stage.of(id).clone();
    assert_eq!(stage.receipt(id, shown()), Ok(vec!["message.receipt"]));
    let after = stage.of(id);
    assert_eq!((after.status, &after.outcome, after.closed_seq), (end.status, &end.outcome, end.closed_seq));
}
