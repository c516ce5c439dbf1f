//! A reader of server-sent events, in whatever pieces they arrive.

use bailout::domain::event::EventType;
use futures::StreamExt;
use serde_json::{Value, json};

use super::{chance::SOON, contract::breaks};

/// A server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub id: Option<String>,
    pub event: String,
    pub data: String,
}

impl Heard {
    /// Returns the seq of the event's id.
    pub fn seq(&self) -> Option<i64> {
        self.id.as_deref()?.rsplit_once('.')?.1.parse().ok()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON")
    }
}

/// A buffer that joins pieces. An incomplete event is lost when its connection breaks, as in a browser.
#[derive(Default)]
pub struct Pieces(Vec<u8>);

impl Pieces {
    /// Adds a piece and returns the events that it completes.
    pub fn add(&mut self, piece: &[u8]) -> Vec<Heard> {
        self.0.extend_from_slice(piece);
        let mut whole = vec![];
        while let Some(end) = self.0.windows(2).position(|two| two == b"\n\n") {
            let frame: Vec<u8> = self.0.drain(..end + 2).collect();
            whole.push(heard(std::str::from_utf8(&frame).expect("UTF-8")));
        }
        whole
    }
}

fn heard(frame: &str) -> Heard {
    let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    Heard {
        id: field("id: "),
        event: field("event: ").expect("an event has a type"),
        data: field("data: ").expect("an event has data"),
    }
}

/// Checks that the contract describes an event of an agent's stream.
fn check(event: &Heard) {
    let name = match event.event.as_str() {
        "typing" => "Typing",
        name if name.parse::<EventType>().is_ok_and(EventType::is_for_agents) => "Event",
        _ => return,
    };
    let described = breaks(name, &json!({"$ref": format!("#/components/schemas/{name}")}), &event.json());
    described.unwrap_or_else(|why| panic!("the contract lacks this: {why}"));
}

/// Reads until this many events, not counting pings and hints, have come.
pub async fn read(response: reqwest::Response, many: usize) -> Vec<Heard> {
    let (mut events, mut pieces, mut bytes) = (vec![], Pieces::default(), response.bytes_stream());
    let reading = async {
        while events.len() < many {
            let piece = bytes.next().await.expect("more").expect("bytes");
            events.extend(
                pieces.add(&piece).into_iter().filter(|event| !["ping", "hint"].contains(&event.event.as_str())),
            );
        }
    };
    tokio::time::timeout(SOON, reading).await.expect("the events came in time");
    events.iter().for_each(check);
    events
}
