//! Simulates a customer, who greets, answers an operator's questions, says thanks, and then stays silent.

use std::sync::LazyLock;

use fastrand::Rng;
use serde::Deserialize;

/// The customer's lines, and the words that trigger them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    /// Replies to the first message of an operator.
    greetings: Vec<String>,
    /// Answers that only the customer gives who is reserved for the person who signed in.
    answers: Vec<Answer>,
    /// Replies to a question that has no answer above.
    evasions: Vec<String>,
    /// Replies to a message that is not a question.
    nods: Vec<String>,
    thanks: Vec<String>,
    /// Phrases of an operator who is done.
    done: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// The words or phrases that trigger the answer, in lower case.
    to: Vec<String>,
    say: Vec<String>,
}

static SCRIPT: LazyLock<Option<Script>> = LazyLock::new(|| {
    let read = serde_json::from_str(include_str!("customer.json"));
    read.inspect_err(|error| tracing::error!(%error, "the customers have no script")).ok()
});

/// The most messages of one customer.
const MOST_TURNS: usize = 12;

/// A customer in one conversation.
pub struct DemoCustomer {
    chance: Rng,
    /// True if this is the customer who has specific answers.
    is_star: bool,
    turns: usize,
    quiet: bool,
}

impl DemoCustomer {
    pub fn anyone(chance: Rng) -> Self {
        Self { chance, is_star: false, turns: 0, quiet: false }
    }

    pub fn star(chance: Rng) -> Self {
        Self { is_star: true, ..Self::anyone(chance) }
    }

    /// Returns the customer's reply to an operator's message, if there is one.
    pub fn answers(&mut self, said: &str) -> Option<&'static str> {
        let script = SCRIPT.as_ref()?;
        if self.quiet || self.turns >= MOST_TURNS {
            return None;
        }
        self.turns += 1;
        let asks = said.contains('?');
        let said = in_words(said);
        let has = |phrases: &[String]| phrases.iter().any(|phrase| said.contains(&in_words(phrase)));
        let known = script.answers.iter().filter(|_| self.is_star);
        let lines = if !asks && has(&script.done) {
            self.quiet = true;
            &script.thanks
        } else if let Some(answer) = known.into_iter().find(|answer| asks && has(&answer.to)) {
            &answer.say
        } else if self.turns == 1 {
            &script.greetings
        } else if asks {
            &script.evasions
        } else {
            &script.nods
        };
        self.chance.choice(lines).map(String::as_str)
    }
}

/// Normalises a text to lower-case words between blanks, so that phrases match whole words only.
fn in_words(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |all, word| all + word + " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_greets_answers_thanks_and_goes_quiet() {
        let script = SCRIPT.as_ref().unwrap();
        let mut customer = DemoCustomer::star(Rng::with_seed(7));
        let mut is_one_of = |said: &str, lines: &[String]| {
            let answer = customer.answers(said);
            assert!(answer.is_some_and(|answer| lines.iter().any(|line| line == answer)), "{said}: {answer:?}");
        };
        is_one_of("Hello, this is Ada.", &script.greetings);
        let order = script.answers.iter().find(|answer| answer.to.contains(&"order".to_owned())).unwrap();
        is_one_of("Which order is it?", &order.say);
        is_one_of("Why?", &script.evasions);
        is_one_of("Shall I look at the whole of it?", &script.evasions);
        is_one_of("I am looking at it.", &script.nods);
        is_one_of("You are welcome, have a nice day!", &script.thanks);
        assert_eq!(customer.answers("Are you still there?"), None);
    }

    #[test]
    fn what_one_customer_knows_no_other_does() {
        let script = SCRIPT.as_ref().unwrap();
        let mut customer = DemoCustomer::anyone(Rng::with_seed(7));
        customer.answers("Hello.");
        let answer = customer.answers("Is there an order number I can search for?").unwrap();
        assert!(script.evasions.iter().any(|line| line == answer), "{answer}");
    }

    #[test]
    fn the_same_seed_says_the_same() {
        let say = || {
            let mut customer = DemoCustomer::star(Rng::with_seed(3));
            ["Hello", "Which order?", "What happened?", "Why?"].map(|said| customer.answers(said))
        };
        assert_eq!(say(), say());
    }
}
