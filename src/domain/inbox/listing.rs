//! Addresses of lists: which list, in what order, with which filters. Unknown parts of an address are ignored.

use serde::{Deserialize, Serialize};

use super::{order::SortOrder, row::Row, view::View};
use crate::domain::{
    ask::AskKind,
    ids::{AgentId, EscalationId, OperatorId, QueueId},
    queue::Urgency,
    reason::ReasonCode,
    time::{Span, Timestamp},
    words::words,
};

/// A field by which a list can be filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterField {
    Reason,
    Agent,
    Urgency,
    Kind,
    Queue,
    Holder,
    Age,
}

words!(FilterField {
    Reason = "reason", "Reason";
    Agent = "agent", "Agent";
    Urgency = "urgency", "Urgency";
    Kind = "kind", "Kind";
    Queue = "queue", "Queue";
    Holder = "claimed_by", "Claimed by";
    Age = "age", "Older than";
});

/// A value of a filter, and its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterChoice {
    /// The value as addresses write it.
    pub value: String,
    /// The label that people read.
    pub label: String,
}

/// The filter values of a workspace, in addition to the fixed ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FilterChoices {
    pub agents: Vec<FilterChoice>,
    pub queues: Vec<FilterChoice>,
    pub people: Vec<FilterChoice>,
}

impl FilterChoices {
    /// Returns every value of a field, in the order in which they are offered.
    pub fn of(&self, field: FilterField) -> Vec<FilterChoice> {
        let fixed = |value: &str, label: &str| FilterChoice { value: value.to_owned(), label: label.to_owned() };
        match field {
            FilterField::Reason => ReasonCode::ALL.map(|it| fixed(it.as_str(), it.label())).to_vec(),
            FilterField::Agent => self.agents.clone(),
            FilterField::Urgency => Urgency::ALL.map(|it| fixed(it.as_str(), it.label())).to_vec(),
            FilterField::Kind => AskKind::ALL.map(|it| fixed(it.as_str(), it.label())).to_vec(),
            FilterField::Queue => self.queues.clone(),
            FilterField::Holder => self.people.clone(),
            FilterField::Age => AGES.map(|it| fixed(&it.in_short(), &it.in_short())).to_vec(),
        }
    }
}

/// The ages by which a list can be filtered.
pub const AGES: [Span; 5] = [Span::minutes(5), Span::minutes(15), Span::hours(1), Span::hours(4), Span::hours(24)];

/// The filters of a list. A row must pass each filter that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filters {
    pub reason: Option<ReasonCode>,
    pub agent: Option<AgentId>,
    pub urgency: Option<Urgency>,
    pub kind: Option<AskKind>,
    pub queue: Option<QueueId>,
    pub holder: Option<OperatorId>,
    /// The minimum age since the open, from [`AGES`].
    pub age: Option<Span>,
}

impl Filters {
    /// Returns the value of a filter as addresses write it, or none when it is not set.
    pub fn get(&self, field: FilterField) -> Option<String> {
        match field {
            FilterField::Reason => self.reason.map(|it| it.as_str().to_owned()),
            FilterField::Agent => self.agent.map(String::from),
            FilterField::Urgency => self.urgency.map(|it| it.as_str().to_owned()),
            FilterField::Kind => self.kind.map(|it| it.as_str().to_owned()),
            FilterField::Queue => self.queue.map(String::from),
            FilterField::Holder => self.holder.map(String::from),
            FilterField::Age => self.age.map(Span::in_short),
        }
    }

    /// Sets a filter to a value from an address. An unknown value clears the filter.
    pub fn set(&mut self, field: FilterField, value: &str) {
        match field {
            FilterField::Reason => self.reason = ReasonCode::named(value),
            FilterField::Agent => self.agent = value.parse().ok(),
            FilterField::Urgency => self.urgency = Urgency::named(value),
            FilterField::Kind => self.kind = AskKind::named(value),
            FilterField::Queue => self.queue = value.parse().ok(),
            FilterField::Holder => self.holder = value.parse().ok(),
            FilterField::Age => self.age = AGES.into_iter().find(|it| it.in_short() == value),
        }
    }

    /// Returns the filters that are set, with their values.
    pub fn all_set(&self) -> Vec<(FilterField, String)> {
        FilterField::ALL.into_iter().filter_map(|field| Some((field, self.get(field)?))).collect()
    }

    /// Returns whether a row passes. Its age is judged at `as_of`.
    fn pass(&self, row: &Row, as_of: Timestamp) -> bool {
        self.reason.is_none_or(|reason| row.code == reason)
            && self.agent.is_none_or(|agent| row.agent.id == agent)
            && self.urgency.is_none_or(|urgency| row.urgency == urgency)
            && self.kind.is_none_or(|kind| row.ask == kind)
            && self.queue.is_none_or(|queue| row.queue == queue)
            && self.holder.is_none_or(|holder| row.is_held_by(holder))
            && self.age.is_none_or(|age| as_of - row.opened_at >= age)
    }
}

/// A list, its order and its filters. As text, a listing is its address, `/mine?sort=urgency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Listing {
    pub view: View,
    /// The order, from [`View::sorts`].
    pub sort: SortOrder,
    pub filters: Filters,
}

impl From<View> for Listing {
    /// Returns the view in its default order, without filters.
    fn from(view: View) -> Self {
        Self { view, sort: view.sorts()[0], filters: Filters::default() }
    }
}

impl Listing {
    /// Reads the list of a view from the query of an address. The values need no decoding, because the program writes
    /// none that is escaped.
    pub fn read(view: View, query: &str) -> Self {
        let mut listing = Self::from(view);
        for (name, value) in query.split('&').filter_map(|field| field.split_once('=')) {
            if let Some(field) = FilterField::named(name) {
                listing.filters.set(field, value);
            } else if name == "sort" {
                let known = view.sorts().iter().find(|sort| sort.as_str() == value);
                listing.sort = known.copied().unwrap_or(view.sorts()[0]);
            }
        }
        listing
    }

    /// Returns the query of the address, `sort=urgency&kind=decision`. Defaults are left out.
    pub fn fields(&self) -> String {
        let sort = (self.sort != self.view.sorts()[0]).then(|| ("sort", self.sort.as_str().to_owned()));
        let filters = self.filters.all_set().into_iter().map(|(field, value)| (field.as_str(), value));
        let fields: Vec<String> =
            sort.into_iter().chain(filters).map(|(name, value)| name.to_owned() + "=" + &value).collect();
        fields.join("&")
    }

    /// Returns the address.
    pub fn address(&self) -> String {
        let fields = self.fields();
        let mark = if fields.is_empty() { "" } else { "?" };
        self.view.path().to_owned() + mark + &fields
    }
}

impl From<String> for Listing {
    fn from(address: String) -> Self {
        let (path, query) = address.split_once('?').unwrap_or((&address, ""));
        Self::read(View::named(path.trim_matches('/')).unwrap_or_default(), query)
    }
}

impl From<Listing> for String {
    fn from(listing: Listing) -> Self {
        listing.address()
    }
}

/// A list, the operator who views it, and the time of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    pub listing: Listing,
    pub me: OperatorId,
    /// The time of the request. Ages are judged at this time, so that a row does not come or go because time passes.
    pub as_of: Timestamp,
}

/// The position of a row in its list, ascending.
pub type SortKey = (i64, EscalationId);

impl Query {
    /// Returns whether a row belongs on this list, whichever queues the operator serves.
    pub fn matches(&self, row: &Row) -> bool {
        let Listing { view, filters, .. } = &self.listing;
        view.shelves().contains(&row.shelf())
            && (*view != View::Mine || row.is_held_by(self.me))
            && filters.pass(row, self.as_of)
    }

    /// Returns whether a row is on this list of an operator who does not serve the queues `elsewhere`.
    pub fn shows(&self, row: &Row, elsewhere: &[QueueId]) -> bool {
        self.matches(row) && (self.listing.view != View::Queue || !elsewhere.contains(&row.queue))
    }

    /// Returns the position of the row in this list.
    pub fn key(&self, row: &Row) -> SortKey {
        (self.listing.sort.key(row), row.id)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_address_survives_the_journey() {
        let agent = AgentId::new(Uuid::from_u128(7)).to_string();
        for address in [
            "/queue".to_owned(),
            "/mine?sort=deadline".to_owned(),
            "/missed?sort=urgency&reason=policy_limit".to_owned(),
            format!("/all?sort=newest&reason=other&agent={agent}&urgency=urgent&kind=decision&age=15m"),
            format!("/closed?queue={}&claimed_by={}", QueueId::new(Uuid::nil()), OperatorId::new(Uuid::nil())),
        ] {
            let listing = Listing::from(address.clone());
            assert_eq!(listing.address(), address);
            let json = serde_json::to_string(&listing).unwrap();
            assert_eq!(serde_json::from_str::<Listing>(&json).unwrap(), listing);
        }
    }

    #[test]
    fn what_an_address_has_beside_is_not_there() {
        for address in [
            "/queue?sort=waiting",
            "/nowhere?sort=nonsense&kind=&reason&agent=agt_1&age=16m&urgency=%75rgent&&=&x=1",
            "/queue/?view=mine",
        ] {
            assert_eq!(Listing::from(address.to_owned()), Listing::from(View::Queue), "{address}");
        }
        // Closed escalations have no next deadline.
        assert_eq!(Listing::from("/closed?sort=deadline".to_owned()).sort, SortOrder::Newest);
        assert_eq!(Listing::from("/all?kind=decision&kind=question".to_owned()).filters.kind, Some(AskKind::Question));
    }

    #[test]
    fn every_field_can_be_set_and_taken_away() {
        let id = Uuid::from_u128(3);
        for (field, value) in [
            (FilterField::Reason, "safety".to_owned()),
            (FilterField::Agent, AgentId::new(id).to_string()),
            (FilterField::Urgency, "low".to_owned()),
            (FilterField::Kind, "takeover".to_owned()),
            (FilterField::Queue, QueueId::new(id).to_string()),
            (FilterField::Holder, OperatorId::new(id).to_string()),
            (FilterField::Age, "1d".to_owned()),
        ] {
            let mut filters = Filters::default();
            filters.set(field, &value);
            assert_eq!(filters.all_set(), [(field, value)]);
            filters.set(field, "");
            assert_eq!(filters, Filters::default());
        }
    }
}
