//! Who I am: the operator who is signed in, for every part of the page.

use leptos::prelude::*;

use crate::domain::{
    ids::OperatorId,
    operator::{Operator, OperatorRef, Role},
};

/// The operator at this page.
#[derive(Clone, Copy)]
pub struct CurrentOperator(StoredValue<Operator>);

/// Makes the operator known to everything below.
pub fn provide_me(operator: Operator) -> CurrentOperator {
    let me = CurrentOperator(StoredValue::new(operator));
    provide_context(me);
    me
}

/// The operator at this page. Only parts within the console ask.
pub fn me() -> CurrentOperator {
    expect_context()
}

impl CurrentOperator {
    /// Their id.
    pub fn id(self) -> OperatorId {
        self.0.with_value(|operator| operator.who.id)
    }

    /// Their names.
    pub fn who(self) -> OperatorRef {
        self.0.with_value(|operator| operator.who.clone())
    }

    /// Whether their role suffices.
    pub fn may(self, need: Role) -> bool {
        self.0.with_value(|operator| operator.role >= need)
    }
}
