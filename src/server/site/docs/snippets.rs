//! Examples of requests that can be copied and run: with curl, Python and TypeScript, without libraries. `BAILOUT_URL` and
//! `BAILOUT_KEY` hold the address of the server and the key.

use serde_json::Value;

use super::Operation;

/// The id that stands for that of the caller's own escalation.
pub const SOME_ID: &str = "esc_06a57jrnjrmxf0b42j1f1crzmr";

/// Writes a request, and its body if it has one.
type SnippetWriter = fn(&Operation, Option<&Value>) -> String;

/// The languages, with the writer of each.
pub const LANGUAGES: [(&str, SnippetWriter); 3] = [("curl", curl), ("Python", python), ("TypeScript", typescript)];

fn path(operation: &Operation) -> String {
    operation.path.replace("{id}", SOME_ID)
}

fn curl(operation: &Operation, body: Option<&Value>) -> String {
    let method = if operation.method == "GET" { String::new() } else { format!("-X {} ", operation.method) };
    let mut lines = vec![
        format!("curl {method}\"$BAILOUT_URL{}\"", path(operation)),
        "-H \"Authorization: Bearer $BAILOUT_KEY\"".to_owned(),
    ];
    if let Some(body) = body {
        lines.push("-H \"Content-Type: application/json\"".to_owned());
        // An apostrophe would end the shell's text.
        lines.push(format!("-d '{}'", pretty(body).replace('\'', "'\\''")));
    }
    lines.join(" \\\n  ")
}

fn python(operation: &Operation, body: Option<&Value>) -> String {
    let content_type = if body.is_some() { ", \"Content-Type\": \"application/json\"" } else { "" };
    // JSON writes true, false and null otherwise than Python, so it stays a text.
    let data = body.map(|body| format!("    data=r'''{}'''.encode(),\n", pretty(body))).unwrap_or_default();
    format!(
        "import json, os, urllib.request\n\n\
         request = urllib.request.Request(\n    os.environ[\"BAILOUT_URL\"] + \"{}\",\n    method=\"{}\",\n    \
         headers={{\"Authorization\": \"Bearer \" + os.environ[\"BAILOUT_KEY\"]{content_type}}},\n{data})\n\
         with urllib.request.urlopen(request, timeout=60) as answer:\n    print(json.load(answer))",
        path(operation),
        operation.method,
    )
}

fn typescript(operation: &Operation, body: Option<&Value>) -> String {
    let content_type = if body.is_some() { ", \"Content-Type\": \"application/json\"" } else { "" };
    let body = body.map(|body| format!("  body: JSON.stringify({}),\n", pretty(body))).unwrap_or_default();
    format!(
        "const answer = await fetch(`${{process.env.BAILOUT_URL}}{}`, {{\n  method: \"{}\",\n  \
         headers: {{ Authorization: `Bearer ${{process.env.BAILOUT_KEY}}`{content_type} }},\n{body}}});\n\
         if (!answer.ok) throw new Error(await answer.text());\nconsole.log(await answer.json());",
        path(operation),
        operation.method,
    )
}

fn pretty(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}
