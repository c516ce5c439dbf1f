//! Updates: what an agent corrects about an escalation while it is open. An update holds only what changes.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    ask::{Action, Ask},
    json::{Json, pointer_name, unescaped_name},
    json_text::JsonText,
    opening::{ContextItem, ConversationFacts, Customer, Opening},
    queue::Urgency,
    text::Text,
    words::words,
};

/// The most changed values that an update names, and the most of one action.
const MOST_CHANGES: usize = 40;
const MOST_OF_AN_ACTION: usize = 10;
/// The most characters of a name or a value that an update names.
const MOST_CHARACTERS: usize = 100;

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
    /// The place in the opening, such as `/ask/actions/a1/arguments/eur`: an action is named by its id.
    pub pointer: String,
    /// The value before, shortened; none if there was none.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl ChangedValue {
    /// Returns the name of the value for people, what it was, and what it is.
    pub fn in_words(&self) -> [String; 3] {
        let (around, name) = self.pointer.rsplit_once('/').unwrap_or_default();
        let is_action = around == "/ask/actions" || self.pointer == "/ask/actions";
        let name = if is_action { "action".to_owned() } else { unescaped_name(name).replace('_', " ") };
        let value = |value: &Option<String>| match value.as_deref() {
            None | Some("") => "nothing".to_owned(),
            Some(text) => "“".to_owned() + text + "”",
        };
        [name, value(&self.before), value(&self.after)]
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
        let mut found = Changes { found: vec![], left: MOST_CHANGES };
        let text = |text: &Text<4_000>| text.to_string();
        if let Some(summary) = &self.summary {
            found.add("/summary", before.summary.as_ref().map(text), Some(text(summary)));
        }
        if let Some(new) = &self.urgency {
            found.add("/urgency", Some(urgency.as_str().to_owned()), Some(new.as_str().to_owned()));
        }
        let listed = |all: &[Text<500>]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if let Some(tried) = &self.tried {
            found.add("/tried", Some(listed(&before.tried)), Some(listed(tried)));
        }
        let labels = |all: &[ContextItem]| {
            let item = |it: &ContextItem| match &it.value {
                Some(value) => format!("{}: {value}", it.label),
                None => it.label.to_string(),
            };
            all.iter().map(item).collect::<Vec<_>>().join("; ")
        };
        if let Some(context) = &self.context {
            found.add("/context", Some(labels(&before.context)), Some(labels(context)));
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
        found.found
    }
}

/// The changed values found so far. Their number and length are limited, because every page shows them.
#[derive(Default)]
struct Changes {
    found: Vec<ChangedValue>,
    /// How many may still be found in the part that is compared now.
    left: usize,
}

impl Changes {
    fn add(&mut self, pointer: impl Into<String>, before: Option<String>, after: Option<String>) {
        if before == after || self.left == 0 || self.found.len() == MOST_CHANGES {
            return;
        }
        self.left -= 1;
        let from = before.as_deref().zip(after.as_deref()).map_or(0, |(before, after)| same_start(before, after));
        let short = |text: String| shortened(&text, from);
        self.found.push(ChangedValue { pointer: pointer.into(), before: before.map(short), after: after.map(short) });
    }

    fn of_ask(&mut self, before: &Ask, after: &Ask) {
        let text = |text: &Option<Text<2_000>>| text.as_ref().map(ToString::to_string);
        self.add("/ask/prompt", text(&before.prompt), text(&after.prompt));
        let reply = |ask: &Ask| ask.suggested_reply.as_ref().map(ToString::to_string);
        self.add("/ask/suggested_reply", reply(before), reply(after));
        let options = |ask: &Ask| {
            let all = ask.options.as_ref()?.iter().map(ToString::to_string);
            Some(all.collect::<Vec<_>>().join("; "))
        };
        self.add("/ask/options", options(before), options(after));
        let schema = |schema: &Option<JsonText>| schema.as_ref().map(|it| it.as_str().to_owned());
        self.add("/ask/response_schema", schema(&before.response_schema), schema(&after.response_schema));
        for old in before.actions.iter().filter(|old| after.actions.iter().all(|action| action.id != old.id)) {
            self.add("/ask/actions", Some(old.name.to_string()), None);
        }
        for action in &after.actions {
            let mut at = action_pointer(action);
            self.left = MOST_OF_AN_ACTION;
            let Some(old) = before.actions.iter().find(|old| old.id == action.id) else {
                self.add(at, None, Some(action.name.to_string()));
                continue;
            };
            self.add(format!("{at}/name"), Some(old.name.to_string()), Some(action.name.to_string()));
            let allowed =
                |action: &Action| Some(action.allowed.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", "));
            self.add(format!("{at}/allowed"), allowed(old), allowed(action));
            self.add(format!("{at}/arguments_schema"), schema(&old.arguments_schema), schema(&action.arguments_schema));
            at.push_str("/arguments");
            self.of_json(&mut at, Some(&old.arguments.json()), Some(&action.arguments.json()));
        }
    }

    /// Compares two values, member by member where both are objects. The pointer grows and shrinks on the way.
    fn of_json(&mut self, at: &mut String, before: Option<&Json>, after: Option<&Json>) {
        if self.left == 0 || before == after {
            return;
        }
        let (Some(Json::Object(old)), Some(Json::Object(new))) = (before, after) else {
            return self.add(at.as_str(), before.map(Json::as_read), after.map(Json::as_read));
        };
        let by_name: HashMap<&str, &Json> = old.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let names: HashSet<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
        let gone = old
            .iter()
            .filter(|(name, _)| !names.contains(name.as_str()))
            .map(|(name, value)| (name, Some(value), None));
        let kept = new.iter().map(|(name, value)| (name, by_name.get(name.as_str()).copied(), Some(value)));
        for (name, before, after) in kept.chain(gone) {
            let length = at.len();
            at.push('/');
            at.push_str(&pointer_name(&shortened(name, 0)));
            self.of_json(at, before, after);
            at.truncate(length);
        }
    }
}

/// Returns the pointer of an action: it names the action by its id, because its place may change.
pub fn action_pointer(action: &Action) -> String {
    "/ask/actions/".to_owned() + &pointer_name(action.id.as_str())
}

/// Returns from which character two texts are shown: the first ones, unless they differ only later.
fn same_start(before: &str, after: &str) -> usize {
    let same = before.chars().zip(after.chars()).take_while(|(before, after)| before == after).count();
    if same < MOST_CHARACTERS / 2 { 0 } else { same - MOST_CHARACTERS / 4 }
}

/// Returns the characters of a text from a place on, as many as are shown.
fn shortened(text: &str, from: usize) -> String {
    let mut rest = text.chars().skip(from);
    let shown: String = rest.by_ref().take(MOST_CHARACTERS).collect();
    let (begin, end) = (if from > 0 { "…" } else { "" }, if rest.next().is_some() { "…" } else { "" });
    begin.to_owned() + &shown + end
}
