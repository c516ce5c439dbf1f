//! Runs checks that may take long in a process of their own: this program, started anew. A thread can be neither
//! stopped nor limited. The kernel limits a process, so the check of any schema ends, and takes no resources from other
//! work.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckFailure, STACK, compiled::CompiledSchema, fault::CheckedValue};
use crate::domain::{field_problem::FieldProblem, json_text::JsonText};

/// The first argument with which the program runs a check.
pub const COMMAND: &str = "check-by-schema";
/// The memory limit of a check, in bytes of address space.
const MEMORY: u64 = 512 * 1024 * 1024;
/// The time limits of a check: processor time, and elapsed time for when the processor is busy.
const PROCESSOR_SECONDS: u64 = 2;
const WITHIN: Duration = Duration::from_secs(5);
/// The most bytes that a check may answer.
const MOST_ANSWERED: u64 = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Asked<S, V> {
    schema: S,
    value: V,
    subject: CheckedValue,
}

/// Returns the problems of a value, found by another process.
pub fn apply(schema: &JsonText, value: &Value, subject: CheckedValue) -> Result<Vec<FieldProblem>, CheckFailure> {
    let asked = serde_json::to_vec(&Asked { schema, value, subject }).map_err(|_| CheckFailure::OutOfTime)?;
    ask(&asked).map_err(|error| {
        tracing::warn!(%error, "a value was not checked by its schema");
        CheckFailure::OutOfTime
    })
}

fn ask(asked: &[u8]) -> std::io::Result<Vec<FieldProblem>> {
    let mut command = Command::new(program()?);
    // mimalloc reserves a gigabyte of address space at once, which would be more than the limit.
    command.env_clear().env("MIMALLOC_DISALLOW_ARENA_ALLOC", "1");
    // Nobody reads its errors. They go to a pipe that is closed at once, because an empty root has no /dev/null.
    command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    drop(child.stderr.take());
    // The child reads its whole input before it answers. If it ends before that, it gives no answer.
    let sent = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(asked));
    let mut answer = vec![];
    let read = match child.stdout.take() {
        Some(output) => output.take(MOST_ANSWERED).read_to_end(&mut answer),
        None => Ok(0),
    };
    let _ = child.kill();
    child.wait()?;
    sent.and(read)?;
    Ok(serde_json::from_slice(&answer)?)
}

/// Returns the path of this program, which works even when its file was replaced meanwhile. Without /proc, as in an empty
/// root, the program is the file that was named to start it.
fn program() -> std::io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    let named = std::env::args_os().next().map(PathBuf::from).filter(|named| named.exists());
    named.map_or_else(std::env::current_exe, Ok)
}

/// Reads one check from standard input and answers it on standard output, within the limits of a check.
pub fn answer() -> ExitCode {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    let limited = setrlimit(Resource::Cpu, limit(PROCESSOR_SECONDS)).and(setrlimit(Resource::As, limit(MEMORY)));
    let ends = thread::Builder::new().spawn(|| {
        thread::sleep(WITHIN);
        std::process::exit(1);
    });
    if limited.is_err() || ends.is_err() {
        return ExitCode::FAILURE;
    }
    let checks = thread::Builder::new().stack_size(STACK).spawn(check);
    match checks.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn check() -> Result<(), String> {
    let mut asked = vec![];
    std::io::stdin().read_to_end(&mut asked).map_err(|error| error.to_string())?;
    let asked: Asked<JsonText, Value> = serde_json::from_slice(&asked).map_err(|error| error.to_string())?;
    let found = CompiledSchema::of(&asked.schema.value())?.apply(&asked.value, asked.subject);
    let answer = serde_json::to_vec(&found).map_err(|error| error.to_string())?;
    std::io::stdout().write_all(&answer).map_err(|error| error.to_string())
}
