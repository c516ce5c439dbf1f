//! The JSON Schemas of the words that agents send and receive, from the domain's own lists.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::domain::{queue::Urgency, reason::ReasonCode};

macro_rules! schemas_of_words {
    ($($name:ty)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let words = Self::ALL.iter().map(|word| word.as_str());
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

schemas_of_words! { ReasonCode Urgency }
