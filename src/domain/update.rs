//! Updates: what an agent corrects about an escalation while it is open. An update holds only what changes.

use serde::{Deserialize, Serialize};

use super::{
    ask::Ask,
    json::{Json, pointer_name, unescaped_name},
    opening::{ContextItem, ConversationFacts, Customer, Opening},
    queue::Urgency,
    text::Text,
    words::words,
};

/// The most changed values that an update names.
const MOST_CHANGES: usize = 40;
/// The most characters of a value that an update names.
const MOST_CHARACTERS: usize = 200;

/// A part of an escalation that its agent may update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdatedPart {
    Summary,
    Tried,
    Context,
    Customer,
    Urgency,
    Ask,
}

words!(UpdatedPart {
    Summary = "summary",
    Tried = "tried",
    Context = "context",
    Customer = "customer",
    Urgency = "urgency",
    Ask = "ask",
});

/// A value that an update changed, for people to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedValue {
    /// A pointer into the opening after the update, such as `/ask/actions/0/arguments/eur`.
    pub pointer: String,
    /// The value before, shortened; none if there was none.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl ChangedValue {
    /// Describes the change for people: the name of the value, and what it was and is.
    pub fn in_words(&self) -> String {
        let name = unescaped_name(self.pointer.rsplit('/').next().unwrap_or_default()).replace('_', " ");
        let is_place = name.bytes().all(|byte| byte.is_ascii_digit());
        let name = if is_place { "action".to_owned() } else { name };
        let value =
            |value: &Option<String>| value.clone().filter(|it| !it.is_empty()).unwrap_or_else(|| "nothing".to_owned());
        name + ": " + &value(&self.before) + " → " + &value(&self.after)
    }
}

/// The new values of an opening. None leaves a value as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OpeningUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text<4_000>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Vec<Text<500>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Vec<ContextItem>>,
    /// The customer as they are known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
}

impl OpeningUpdate {
    /// Returns the parts that the update changes.
    pub fn parts(&self) -> Vec<UpdatedPart> {
        let all = [
            (UpdatedPart::Summary, self.summary.is_some()),
            (UpdatedPart::Tried, self.tried.is_some()),
            (UpdatedPart::Context, self.context.is_some()),
            (UpdatedPart::Customer, self.customer.is_some()),
            (UpdatedPart::Urgency, self.urgency.is_some()),
            (UpdatedPart::Ask, self.ask.is_some()),
        ];
        all.into_iter().filter_map(|(part, is_changed)| is_changed.then_some(part)).collect()
    }

    /// Returns the update without the values that the opening has already, and with the next revision of a changed ask.
    /// Known facts about the customer stay where the update gives none.
    pub fn against(self, opening: &Opening, urgency: Urgency) -> Self {
        let customer = self.customer.map(|new| {
            let known = opening.customer().cloned().unwrap_or_default();
            Customer {
                id: new.id.or(known.id),
                name: new.name.or(known.name),
                email: new.email.or(known.email),
                locale: new.locale.or(known.locale),
            }
        });
        Self {
            summary: self.summary.filter(|new| opening.summary.as_ref() != Some(new)),
            tried: self.tried.filter(|new| opening.tried != *new),
            context: self.context.filter(|new| opening.context != *new),
            customer: customer.filter(|new| *opening.customer().unwrap_or(&Customer::default()) != *new),
            urgency: self.urgency.filter(|new| *new != urgency),
            ask: self.ask.and_then(|new| new.after(&opening.ask)),
        }
    }

    /// Puts the new values into an opening. The urgency is not part of it.
    pub fn apply(&self, opening: &mut Opening) {
        let Self { summary, tried, context, customer, urgency: _, ask } = self;
        if summary.is_some() {
            opening.summary.clone_from(summary);
        }
        if let Some(tried) = tried {
            opening.tried.clone_from(tried);
        }
        if let Some(context) = context {
            opening.context.clone_from(context);
        }
        if let Some(customer) = customer {
            let nothing = ConversationFacts { id: None, total_messages: 0, received_messages: 0, customer: None };
            opening.conversation.get_or_insert(nothing).customer = Some(customer.clone());
        }
        if let Some(ask) = ask {
            opening.ask.clone_from(ask);
        }
    }

    /// Returns the changed values, compared with an opening before the update.
    pub fn changes(&self, before: &Opening, urgency: Urgency) -> Vec<ChangedValue> {
        let mut found = Changes(vec![]);
        let text = |text: &Text<4_000>| text.to_string();
        if let Some(summary) = &self.summary {
            found.add("/summary".to_owned(), before.summary.as_ref().map(text), Some(text(summary)));
        }
        if let Some(new) = &self.urgency {
            found.add("/urgency".to_owned(), Some(urgency.as_str().to_owned()), Some(new.as_str().to_owned()));
        }
        let listed = |all: &[Text<500>]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if let Some(tried) = &self.tried {
            found.add("/tried".to_owned(), Some(listed(&before.tried)), Some(listed(tried)));
        }
        let labels = |all: &[ContextItem]| {
            let item = |it: &ContextItem| match &it.value {
                Some(value) => format!("{}: {value}", it.label),
                None => it.label.to_string(),
            };
            all.iter().map(item).collect::<Vec<_>>().join("; ")
        };
        if let Some(context) = &self.context {
            found.add("/context".to_owned(), Some(labels(&before.context)), Some(labels(context)));
        }
        if let Some(customer) = &self.customer {
            let known = before.customer().cloned().unwrap_or_default();
            let mut fact = |name: &str, old: Option<String>, new: Option<String>| {
                found.add(format!("/conversation/customer/{name}"), old, new);
            };
            fact("id", known.id.map(String::from), customer.id.clone().map(String::from));
            fact("name", known.name.map(String::from), customer.name.clone().map(String::from));
            fact("email", known.email.map(String::from), customer.email.clone().map(String::from));
            fact("locale", known.locale.map(String::from), customer.locale.clone().map(String::from));
        }
        if let Some(ask) = &self.ask {
            found.of_ask(&before.ask, ask);
        }
        found.0
    }
}

struct Changes(Vec<ChangedValue>);

impl Changes {
    fn add(&mut self, pointer: String, before: Option<String>, after: Option<String>) {
        if before == after || self.0.len() == MOST_CHANGES {
            return;
        }
        let short = |text: String| match text.char_indices().nth(MOST_CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        self.0.push(ChangedValue { pointer, before: before.map(short), after: after.map(short) });
    }

    fn of_ask(&mut self, before: &Ask, after: &Ask) {
        let text = |text: &Option<Text<2_000>>| text.as_ref().map(ToString::to_string);
        self.add("/ask/prompt".to_owned(), text(&before.prompt), text(&after.prompt));
        let reply = |ask: &Ask| ask.suggested_reply.as_ref().map(ToString::to_string);
        self.add("/ask/suggested_reply".to_owned(), reply(before), reply(after));
        let options = |ask: &Ask| {
            let all = ask.options.as_ref()?.iter().map(ToString::to_string);
            Some(all.collect::<Vec<_>>().join("; "))
        };
        self.add("/ask/options".to_owned(), options(before), options(after));
        let schema = |ask: &Ask| ask.response_schema.as_ref().map(ToString::to_string);
        self.add("/ask/response_schema".to_owned(), schema(before), schema(after));
        for (i, action) in after.actions.iter().enumerate() {
            let at = format!("/ask/actions/{i}");
            let Some(old) = before.actions.iter().find(|old| old.id == action.id) else {
                self.add(at, None, Some(action.name.to_string()));
                continue;
            };
            self.add(format!("{at}/name"), Some(old.name.to_string()), Some(action.name.to_string()));
            self.of_json(format!("{at}/arguments"), Some(&old.arguments.json()), Some(&action.arguments.json()));
        }
        for old in before.actions.iter().filter(|old| after.actions.iter().all(|action| action.id != old.id)) {
            self.add("/ask/actions".to_owned(), Some(old.name.to_string()), None);
        }
    }

    /// Compares two values, member by member where both are objects.
    fn of_json(&mut self, at: String, before: Option<&Json>, after: Option<&Json>) {
        if let (Some(Json::Object(old)), Some(Json::Object(new))) = (before, after) {
            let member = |name: &str| format!("{at}/{}", pointer_name(name));
            for (name, value) in new {
                self.of_json(member(name), before.and_then(|before| before.get(name)), Some(value));
            }
            for (name, value) in old.iter().filter(|(name, _)| new.iter().all(|(other, _)| other != name)) {
                self.of_json(member(name), Some(value), None);
            }
            return;
        }
        if before != after {
            self.add(at, before.map(Json::as_read), after.map(Json::as_read));
        }
    }
}
