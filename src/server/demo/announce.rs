//! Tells the user of a demo where it is, how to sign in, and how to ask a human.

use std::path::Path;

use serde_json::json;

use super::RunningDemo;
use crate::{domain::operator::Operator, server::config::DemoOperator};

/// Returns everything as one line of JSON, for programs.
pub fn line(at: &str, demo: &RunningDemo) -> String {
    let link = |(Operator { who, role }, path): &(Operator, String)| json!({"name": who.name, "role": role, "url": format!("{at}{path}")});
    let links: Vec<_> = demo.links.iter().map(link).collect();
    json!({"url": at, "key": demo.key, "sign_in": links, "password": demo.password}).to_string()
}

/// Prints it for people. `file` is the file by which other commands find the demo.
pub fn print(at: &str, demo: &RunningDemo, operator: DemoOperator, file: Option<&Path>) {
    let RunningDemo { links, password, key, .. } = demo;
    println!("Bailout's demo is at {at}. It forgets everything when it ends.\n");
    println!("Sign in, each link once:");
    for (person, path) in links {
        println!("  {:<28} {at}{path}", format!("{}, {}", person.who.name, person.role));
    }
    println!("Afterwards by e-mail, like ada@example.com, and with the password {password}");
    let answered = match operator {
        DemoOperator::You => "You answer in the console.",
        DemoOperator::Auto => "Robot answers within seconds.",
    };
    println!("\nAsk a human, in another terminal. {answered}");
    println!("  export BAILOUT_URL={at} BAILOUT_KEY={key}");
    println!("  bailout approve 'Refund Dana 250 EUR?'");
    if let Some(file) = file {
        println!("Here you can leave out the first line: bailout finds the address and the key in {}.", file.display());
    }
    println!("\nOr as an agent does, by HTTP:");
    println!(
        r#"  curl "$BAILOUT_URL/api/v1/escalations?wait=50&until=outcome" -H "Authorization: Bearer $BAILOUT_KEY" \
    -H "Content-Type: application/json" -d '{{"reason": {{"code": "policy_limit", "text": "A refund of 250 EUR is above my limit."}},
      "conversation": {{"customer": {{"name": "Dana"}}, "messages": [{{"role": "customer", "text": "I was charged twice."}}]}}}}'"#
    );
}
