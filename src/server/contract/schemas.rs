//! The JSON Schemas of the domain's types in the published contract: words from the domain's own lists, ids, texts with
//! their limits, and objects. The domain itself knows nothing of the contract's format.

use std::{borrow::Cow, marker::PhantomData};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, RefOr,
        schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type},
    },
};

use super::{At, ProblemCode};
use crate::domain::{
    ask::{AskKind, Verdict},
    conversation::Control,
    disposition::Disposition,
    escalation::Status,
    field_problem::FieldProblem,
    ids::{AgentId, EscalationId, EventId, MessageId, OperatorId, QueueId, RequestId},
    message::{MessageRole, ReceiptState, ToolCall},
    opening::ContextItem,
    outcome::{ExecutedBy, NextStep},
    queue::Urgency,
    reason::ReasonCode,
    seq::Seq,
    text::Text,
    update::UpdatedPart,
};

/// Returns the schema of a text that is one of these words.
pub fn one_of(words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

/// Publishes a type as one of these words, under this name.
macro_rules! publish_words {
    ($($name:ty as $word:literal = $words:expr;)+) => {
        $(
            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                    $crate::server::contract::one_of($words)
                }
            }

            impl utoipa::ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> {
                    $word.into()
                }
            }
        )+
    };
}
pub(crate) use publish_words;

macro_rules! schemas_of_words {
    ($($(#[doc = $said:literal])+ $name:ty;)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    described(one_of(Self::ALL.iter().map(|word| word.as_str())), concat!($($said),+))
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

schemas_of_words! {
    /// `takeover`: the operator talks to the customer. `question`: the operator tells the agent something. `decision`: the
    /// operator approves, edits or rejects proposed actions.
    AskKind;
    /// The side that speaks to the customer.
    Control;
    /// `handled`: the operator dealt with it. `answered`: the answer is in `answer` or `data`. `approved`, `approved_with_edits`,
    /// `rejected`: see `actions_to_run`. `instructed`: the agent does what the note or the comments say. `referred`: someone
    /// outside carries on; do not retry. `abandoned`: the customer left. `declined`: the operator looked and will not.
    /// `unanswered`: nobody came in time. `cancelled`: the escalation was withdrawn.
    Disposition;
    /// The side that carries out a decided action.
    ExecutedBy;
    /// The speaker of a message.
    MessageRole;
    /// `continue`: go on with the conversation. `close`: end it. `await_customer`: wait until the customer writes.
    NextStep;
    /// The reason as a word, for reports.
    ReasonCode;
    /// `shown`: the customer can read the message. `failed`: the customer cannot.
    ReceiptState;
    /// `waiting`: nobody has claimed it. `claimed`: an operator has. The others are closed: `resolved` by an operator, `expired`
    /// by a deadline, `cancelled` by the agent.
    Status;
    /// A part of an escalation that a `PATCH` changed.
    UpdatedPart;
    /// How soon a human is needed.
    Urgency;
    /// `approve`: run the action as proposed. `edit`: run it with the operator's arguments. `reject`: do not run it; `comment`
    /// says why. `respond`: do not run it; the model reads `comment` instead.
    Verdict;
}

macro_rules! schemas_of_ids {
    ($($name:ty, $prefix:literal;)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let pattern = concat!("^", $prefix, "[0-7][0-9a-hjkmnp-tv-z]{25}$");
                    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

schemas_of_ids! {
    AgentId, "agt_";
    EscalationId, "esc_";
    EventId, "evt_";
    MessageId, "msg_";
    OperatorId, "op_";
    QueueId, "que_";
    RequestId, "req_";
}

impl<const MAX: usize> PartialSchema for Text<MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX)).into()
    }
}

impl<const MAX: usize> ToSchema for Text<MAX> {
    fn name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }
}

impl PartialSchema for Seq {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
    }
}

impl ToSchema for Seq {}

impl PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for At {}

/// An object with any members.
pub struct AnyObject;

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        let any = AdditionalProperties::FreeForm(true);
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(any)).into()
    }
}

impl ToSchema for AnyObject {}

/// Any JSON.
pub struct AnyJson;

impl PartialSchema for AnyJson {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
    }
}

impl ToSchema for AnyJson {}

/// A member whose name is reserved: it is null.
pub struct Reserved;

impl PartialSchema for Reserved {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Null).into()
    }
}

impl ToSchema for Reserved {}

/// A value that may be null.
struct Nullable<T>(PhantomData<T>);

impl<T: PartialSchema> PartialSchema for Nullable<T> {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null)).item(T::schema()).into()
    }
}

/// Adds the description of a member to its schema.
fn described(schema: RefOr<Schema>, description: &str) -> RefOr<Schema> {
    let said = Some(description.trim().to_owned()).filter(|said| !said.is_empty());
    match schema {
        RefOr::T(Schema::Object(mut it)) => {
            it.description = said;
            RefOr::T(Schema::Object(it))
        }
        RefOr::T(Schema::OneOf(mut it)) => {
            it.description = said;
            RefOr::T(Schema::OneOf(it))
        }
        other => other,
    }
}

/// Declares the schemas of objects of the domain. Each member of the type is named, with the type of its schema and its
/// description; a member that is missing does not compile.
macro_rules! schemas_of_objects {
    ($($(#[doc = $about:literal])+ $name:ident as $word:literal { $($(#[doc = $said:literal])* $field:ident: $of:ty,)+ })+) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    // Every member of the type is described below.
                    let _ = |it: Self| {
                        let Self { $($field: _,)+ } = it;
                    };
                    let about = concat!($($about),+).trim();
                    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(about));
                    $(let object = object.property(stringify!($field), described(<$of>::schema(), concat!($($said),*)));)+
                    object.into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    $word.into()
                }
            }
        )+
    };
}

schemas_of_objects! {
    /// A labelled fact or link that helps the operator.
    ContextItem as "ContextItem" {
        label: Text<200>,
        value: Nullable<Text<4_000>>,
        url: Nullable<Text<2_000>>,
    }
    /// A field and what is to be said of it.
    FieldProblem as "FieldProblem" {
        /// A JSON pointer (RFC 6901), from the root of what was sent.
        pointer: String,
        detail: String,
    }
    /// A tool call of the agent.
    ToolCall as "ToolCall" {
        id: Nullable<String>,
        name: String,
        /// Usually an object; a text if the model wrote no JSON.
        arguments: AnyJson,
    }
}

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        one_of(Self::ALL.iter().map(|code| code.facts().1))
    }
}

impl ToSchema for ProblemCode {}
