//! The signed-in operator, available to every part of the page.

use leptos::prelude::*;

use crate::domain::{
    ids::OperatorId,
    operator::{Operator, OperatorRef, Role},
};

/// The operator who is signed in on this page.
#[derive(Clone, Copy)]
pub struct CurrentOperator(StoredValue<Operator>);

/// Provides the operator as context.
pub fn provide_me(operator: Operator) -> CurrentOperator {
    let me = CurrentOperator(StoredValue::new(operator));
    provide_context(me);
    me
}

/// Returns the operator who is signed in. Only components within the console may call this.
pub fn me() -> CurrentOperator {
    expect_context()
}

impl CurrentOperator {
    /// Returns the operator's id.
    pub fn id(self) -> OperatorId {
        self.0.with_value(|operator| operator.who.id)
    }

    /// Returns the operator's id and names.
    pub fn who(self) -> OperatorRef {
        self.0.with_value(|operator| operator.who.clone())
    }

    /// Returns whether the operator's role is at least `need`.
    pub fn may(self, need: Role) -> bool {
        self.0.with_value(|operator| operator.role >= need)
    }
}
