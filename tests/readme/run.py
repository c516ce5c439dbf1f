"""Runs the commands of README.md as they are written: run.py <program> [<folder of a release>].

The commands find `bailout` and `uvx` in a folder of their own on the path. With the folder that bin/release made, `uvx` runs
the wheel, and the archive is unpacked. Without it both are the program. Nothing else of a command is replaced but the port,
the key, and the name of a file that a release has; and Robot operates the demo in place of a person.

A block of commands that this file does not know is a failure, so that no command stands in the README untested. Blocks that
need what a test must not touch are named in `NOT_RUN`, each with the reason.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.argv[1]).resolve()
RELEASE = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
WITHIN = 60

# The first command of a block, and why it is not run here.
NOT_RUN = {
    "install bailout /usr/local/bin/": "it installs a service on this machine",
    "journalctl -u bailout -g set-up": "it reads the log of an installed service",
    "admin() {": "it runs as an installed service does",
    "systemctl stop bailout": "it stops an installed service",
}


def blocks():
    """Returns the blocks of shell commands, in their order."""
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Reader:
    """Somebody who follows the README, with a home and a path of their own."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.here = folder / "here"
        self.shims = folder / "path"
        for it in (self.home, self.here, self.shims):
            it.mkdir()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BAILOUT_")},
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "PATH": f"{self.shims}:{os.environ['PATH']}",
            # The tools of Rust are found in the home of who runs this.
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
            "BAILOUT_ADDR": f"127.0.0.1:{free_port()}",
        }
        self.shim("bailout", f'exec {PROGRAM} "$@"')
        if RELEASE is None:
            self.shim("uvx", 'shift; exec bailout "$@"')
        else:
            wheel = next(RELEASE.glob(f"*_{os.uname().machine}.whl"))
            uvx = shutil.which("uvx")
            self.shim("uvx", f'shift; exec {uvx} --offline --quiet --from {wheel} bailout "$@"')

    def shim(self, name, command):
        path = self.shims / name
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)

    def runs(self, commands, expected=0):
        """Runs commands to their end, and returns what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.here, env=self.env, stdout=subprocess.PIPE, timeout=WITHIN, text=True, check=False,
        )
        assert done.returncode == expected, f"exit code {done.returncode} instead of {expected}:\n{commands}"
        return done.stdout

    @contextmanager
    def beside(self, commands, until):
        """Runs commands that do not end by themselves, waits for what they print, and stops them in order."""
        printed = self.home / "printed"
        with printed.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", commands],
                cwd=self.here, env=self.env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )
        try:
            end = time.monotonic() + WITHIN
            while not (found := re.search(until, printed.read_text())):
                assert process.poll() is None, f"this ended:\n{commands}\n{printed.read_text()}"
                assert time.monotonic() < end, f"this did not print {until}:\n{commands}\n{printed.read_text()}"
                time.sleep(0.1)
            yield found
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(WITHIN)
            # The shell may end before the server that it started.
            end = time.monotonic() + WITHIN
            while is_alive(process.pid) and time.monotonic() < end:
                time.sleep(0.05)


def is_alive(group):
    """Returns whether a group has processes."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def one_minute(reader, demo, approve):
    """The demo in one terminal; in the other an approval, which Robot gives in place of a person."""
    operated = demo.replace("bailout demo ", "bailout demo --operator auto ", 1)
    assert operated != demo
    with reader.beside(operated, r"BAILOUT_KEY=blt_"):
        assert reader.runs(approve).startswith("{")


def the_program(reader, commands):
    """An archive, unpacked and started."""
    if RELEASE is None:
        folder = reader.here / "bailout-0.1.0-x86_64-unknown-linux-musl"
        folder.mkdir()
        shutil.copy(PROGRAM, folder / "bailout")
        subprocess.run(["tar", "czf", f"{folder}.tar.gz", folder.name], cwd=reader.here, check=True)
        shutil.rmtree(folder)
    else:
        shutil.copy(next(RELEASE.glob(f"*{os.uname().machine}*.tar.gz")), reader.here)
        archive = next(reader.here.glob("*.tar.gz")).name.removesuffix(".tar.gz")
        commands = commands.replace("bailout-0.1.0-x86_64-unknown-linux-musl", archive)
    with reader.beside(commands, r"/set-up#?\S*"):
        get(f"http://{reader.env['BAILOUT_ADDR']}/readyz")


def the_developer(reader, commands):
    """The request of an agent, which Robot answers."""
    with reader.beside("bailout demo --operator auto", r"BAILOUT_KEY=(blt_test_\S+)") as found:
        commands = commands.replace("blt_test_…", found[1]).replace("127.0.0.1:3000", reader.env["BAILOUT_ADDR"])
        ended = json.loads(reader.runs(commands))
    assert ended["outcome"]["disposition"] == "handled" and ended["test"], ended
    assert isinstance(ended["outcome"]["data"]["refund_eur"], (int, float)), ended


def from_a_script(reader, commands):
    with reader.beside("bailout demo --operator auto", r"BAILOUT_KEY=blt_"):
        approved, answer = reader.runs(commands).splitlines()
    assert (json.loads(approved), answer) == ({"env": "prod"}, "eu"), (approved, answer)


def a_backup(reader, commands):
    with reader.beside("bailout serve", r"/set-up"):
        reader.runs(commands)
    assert list(reader.here.glob("bailout-20*.db"))


def of_postgres(reader, commands):
    """A dump and its restoring into an empty database, on a server of its own."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda it: int(it.parent.name), default=None)
    if programs is None and shutil.which("initdb"):
        programs = Path(shutil.which("initdb")).parent
    if programs is None:
        assert os.environ.get("CI") != "true", "PostgreSQL is missing: bin/setup installs it"
        print("  not run  the next: PostgreSQL is missing")
        return
    data, port = reader.home / "postgres", free_port()
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data.mkdir()
    if as_user:
        for it in (reader.home.parent, reader.home, data):
            it.chmod(0o755)
        shutil.chown(data, "postgres")
    run = lambda *words: subprocess.run([*as_user, *words], check=True, stdout=subprocess.DEVNULL, cwd="/")
    run(programs / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--pgdata", data)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
    run(programs / "pg_ctl", "--wait", "--silent", "--pgdata", data, "--log", data / "log", "--options", options, "start")
    try:
        reader.env["PATH"] = f"{programs}:{reader.env['PATH']}"
        url = f"postgres://postgres@127.0.0.1:{port}"
        reader.runs(f"psql --quiet --command='create database desk' {url}/postgres")
        reader.env["BAILOUT_DATABASE_URL"] = f"{url}/desk"
        reader.runs("bailout admin agent add --name billing-bot")
        dump, restore = commands.splitlines()
        reader.runs(dump)
        reader.runs(f"psql --quiet --command='drop database desk' --command='create database desk' {url}/postgres")
        reader.runs(restore)
        found = reader.runs(f"psql --quiet --tuples-only --command='select name from agent' {url}/desk")
        assert found.strip() == "billing-bot", found
    finally:
        run(programs / "pg_ctl", "--wait", "--silent", "--pgdata", data, "--mode", "immediate", "stop")


def from_the_source(reader, commands):
    """The program is built already, so each command has nothing to do but to start. bin/test has called this file."""
    start, demo, test = commands.splitlines()
    assert test.startswith("bin/test ")
    with reader.beside(f"{ROOT}/{start}", r"/set-up"):
        get(f"http://{reader.env['BAILOUT_ADDR']}/readyz")
    with reader.beside(f"{ROOT}/{demo}", r"BAILOUT_KEY=blt_"):
        get(f"http://{reader.env['BAILOUT_ADDR']}/readyz")


def main():
    waiting = blocks()
    count = len(waiting)

    def block(begins):
        assert waiting and waiting[0].startswith(begins), f"the next block should begin with {begins}:\n{waiting[:1]}"
        return waiting.pop(0)

    def follow(what, *begins):
        commands = [block(it) for it in begins]
        with tempfile.TemporaryDirectory() as folder:
            what(Reader(Path(folder)), *commands)
        print(f"  ok       {what.__name__.replace('_', ' ')}", flush=True)

    def skip(begins):
        print(f"  not run  {block(begins).splitlines()[0].split('#')[0].strip()}: {NOT_RUN[begins]}")

    follow(one_minute, "uvx bailout demo", "uvx bailout approve")
    follow(the_program, "tar xzf")
    print(f"  not run  {block('mkdir -p empty').splitlines()[1]}: bin/packaging/image builds and runs the image")
    follow(the_developer, "export KEY=")
    follow(from_a_script, "bailout approve")
    skip("install bailout /usr/local/bin/")
    skip("journalctl -u bailout -g set-up")
    skip("admin() {")
    follow(a_backup, "bailout admin backup")
    skip("systemctl stop bailout")
    follow(of_postgres, "pg_dump")
    skip("systemctl stop bailout")
    if RELEASE is None:
        follow(from_the_source, "bin/start")
    else:
        print(f"  not run  {block('bin/start').splitlines()[0].split('#')[0].strip()}: bin/test runs it")
    assert not waiting, f"nothing runs these commands of the README:\n{waiting}"
    print(f"{count} blocks of commands")


if __name__ == "__main__":
    main()
