//! The program: reads the command line, then runs the server, the demo or an admin command.

use std::{io::IsTerminal, process::ExitCode};

use bailout::server::{
    self, admin, cli,
    config::{Cli, CliCommand},
    demo,
    schema::apart,
};
use tracing_subscriber::EnvFilter;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The minimum number of worker threads, also on a machine with one core.
const FEWEST_WORKERS: usize = 4;

fn main() -> ExitCode {
    // The server starts this program for a check that may take long. The command is not meant for people.
    if std::env::args_os().nth(1).is_some_and(|word| word == apart::COMMAND) {
        return apart::answer();
    }
    #[cfg(target_os = "linux")]
    tune_memory();
    let Cli { settings, command } = Cli::read();
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&settings.log)).with_writer(std::io::stderr);
    // When nobody reads the log any more, a line is lost. The message about that would panic, since it cannot be written either.
    let log = log.log_internal_errors(false);
    // Colours are written to a terminal only, and not when the user turns them off (NO_COLOR).
    if std::io::stderr().is_terminal() {
        log.init()
    } else {
        log.with_ansi(false).init()
    }
    let workers = std::thread::available_parallelism().map_or(FEWEST_WORKERS, |cores| cores.get().max(FEWEST_WORKERS));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    let done = runtime.block_on(async {
        let done = match command.unwrap_or(CliCommand::Serve) {
            CliCommand::Serve => server::serve(settings).await.map_err(|error| error.to_string()),
            CliCommand::Demo(demo) => demo::run(settings, demo).await.map_err(|error| error.to_string()),
            CliCommand::Admin(errand) => admin::run(&settings, errand).await.map_err(|error| error.to_string()),
            CliCommand::Health => cli::is_alive(settings.addr).await,
            CliCommand::Doctor(doctor) if cli::examine(&settings, &doctor).await => Ok(()),
            CliCommand::Doctor(_) => return Ok(ExitCode::FAILURE),
            CliCommand::Approve(question) => return Ok(cli::approve(question).await),
            CliCommand::Ask(question) => return Ok(cli::ask(question).await),
        };
        done.map(|()| ExitCode::SUCCESS)
    });
    done.unwrap_or_else(|sentence: String| failed(&sentence))
}

/// The settings of the allocator that return memory after a burst of work. By default each thread keeps the most memory it
/// ever needed. glibc gets few arenas, and large allocations as separate maps, which are returned when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ALLOCATOR_SETTINGS: [(&str, &str); 1] = [(
    "GLIBC_TUNABLES",
    "glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072",
)];
/// mimalloc returns what is free at once, and takes no memory before it is needed.
#[cfg(all(target_os = "linux", not(target_env = "gnu")))]
const ALLOCATOR_SETTINGS: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ARENA_EAGER_COMMIT", "0")];

/// Restarts the program in this process with these settings, since an allocator reads them only at process start. If one
/// of them is already in the environment, the user's settings stay alone. If a restart fails, the program continues and
/// keeps more memory.
#[cfg(target_os = "linux")]
fn tune_memory() {
    use std::os::unix::process::CommandExt;

    let mut words = std::env::args_os();
    let Some(name) = words.next() else { return };
    // Without /proc, as in an empty root, the program is the file that was named to start it.
    let program = std::env::current_exe().unwrap_or_else(|_| name.clone().into());
    let is_set = ALLOCATOR_SETTINGS.iter().any(|(name, _)| std::env::var_os(name).is_some());
    if !is_set && program.exists() {
        // `exec` returns only when it fails.
        let _ = std::process::Command::new(program).arg0(name).args(words).envs(ALLOCATOR_SETTINGS).exec();
    }
}

fn failed(sentence: &str) -> ExitCode {
    eprintln!("bailout: {sentence}");
    ExitCode::FAILURE
}
