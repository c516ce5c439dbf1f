#!/usr/bin/env python3
"""A background worker that asks for approvals and acts on them, with Python's standard library alone.

    export BAILOUT_KEY=$(target/release/bailout admin agent add --name billing-bot)
    python3 examples/python/the_worker.py journal.txt

However many decisions are open, one call waits for all of them. The worker may be killed at any moment and started again:
each approved action is run once. Two things make that so. What was run stands in a journal, which is written with the
action itself; and an outcome is acknowledged only after its actions were run, so that a worker that starts finds, in the
list of outcomes that are not acknowledged, all that an earlier one left. What is yours stands in for `run`.
"""

import json
import os
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

API = os.environ.get("BAILOUT_URL", "http://127.0.0.1:3000") + "/api/v1"
KEY = os.environ.get("BAILOUT_KEY", "")


def main(path):
    journal = Journal(path)
    # The cursor comes first: what closes after it is in the events, and what closed before it is in the list.
    cursor = get("/events", limit=1)["cursor"]
    for escalation in closed_before():
        take(escalation, journal)
    while True:
        page = get("/events", after=cursor, wait=55, limit=200)
        for event in page["items"]:
            escalation = event["data"].get("escalation")
            if escalation and escalation.get("outcome"):
                take(escalation, journal)
        cursor = page["cursor"]


def closed_before():
    """The escalations whose outcome nobody has acknowledged, the oldest first."""
    after = None
    while True:
        page = get("/escalations", acknowledged="false", order="oldest", limit=200, **({"after": after} if after else {}))
        yield from page["items"]
        after = page["next"]
        if not after:
            return


def take(escalation, journal):
    """Runs what was approved, then says so. A decision may end with nothing to run."""
    for action in escalation["outcome"]["actions_to_run"]:
        journal.run_once(escalation["id"], action)
    call("POST", f"/escalations/{escalation['id']}/acknowledge")


class Journal:
    """The actions that were run. With a service of your own, send it `name` as the idempotency key instead, and let it
    keep the journal."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with open(path, "rb") as journal:
            whole, end, _ = journal.read().rpartition(b"\n")
        # A line without its end was not written whole, so its action was not run.
        os.ftruncate(self.file, len(whole + end))
        self.ran = {line.split(" ")[0] for line in whole.decode().split("\n")}

    def run_once(self, escalation, action):
        name = f"{escalation}/{action['id']}"
        if name not in self.ran:
            self.run(name, action)
            self.ran.add(name)

    def run(self, name, action):
        """Yours. Here the action is the line of the journal itself."""
        line = f"{name} {action['name']} {json.dumps(action['arguments'])}\n"
        os.write(self.file, line.encode())
        os.fsync(self.file)


def get(path, **query):
    return call("GET", f"{path}?{urlencode(query)}")


def call(method, path):
    """Calls the API, and tries again while the server cannot be reached or asks for a later try."""
    pause = 0.2
    while True:
        try:
            request = Request(API + path, method=method, headers={"authorization": "Bearer " + KEY})
            with urlopen(request, timeout=70) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code not in (429, 500, 503):
                raise SystemExit(f"{method} {path}: {error.read().decode()}")
            pause = float(error.headers.get("retry-after") or pause)
        except (OSError, HTTPException):
            pass
        time.sleep(pause)
        pause = min(pause * 2, 10)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "journal.txt")
