#!/usr/bin/env python3
"""A chat agent that presses the button: the whole loop, with Python's standard library alone.

    bin/start
    export BAILOUT_KEY=$(target/release/bailout admin agent add --name billing-bot)
    python3 examples/python/the_loop.py

Type as the customer; say "human" to get one, who answers at http://127.0.0.1:3000.

`on_customer`, `speak`, `on_event` and `take_back` are the loop. What is yours stands in for it: `model`,
`send_to_customer`, and `keep`, which stores each conversation and the last event heard, so that a restart finds them.
"""

import json
import os
import sys
import threading
import time
import uuid
from collections import namedtuple
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

API = os.environ.get("BAILOUT_URL", "http://127.0.0.1:3000") + "/api/v1"
KEY = os.environ.get("BAILOUT_KEY", "")


class Conversation:
    """A chat. `esc` is the id of its open takeover or None, `mark` is len(history) when that was opened."""

    def __init__(self, name, esc=None, mark=0, history=None):
        self.name, self.esc, self.mark = name, esc, mark
        self.history = history or [{"role": "system", "content": "You help customers with their bills."}]
        self.lock = threading.RLock()  # held by whoever runs the loop for this chat
        conversations[name] = self


conversations = {}  # by name, which Bailout knows as conversation.id
heard = {"cursor": None}  # the last event that was dealt with
listening = threading.Event()


# The loop ---------------------------------------------------------------------------------------------------------


def on_customer(conv, text):
    if conv.esc:
        r = post(f"/escalations/{conv.esc}/messages", role="customer", text=text, client_message_id=new_id())
        if r.status == 409:
            take_back(conv, escalation(conv.esc))  # closed before this message: it is ours
        elif r.json["control"] == "human":
            return  # a person has it
    conv.history.append(user(text))
    speak(conv)


def speak(conv):
    text = model(conv)
    if conv.esc:  # while one is open: post, then send
        r = post(f"/escalations/{conv.esc}/messages", role="agent", text=text, client_message_id=new_id())
        if r.status == 409 and r.json["code"] == "not_in_control":
            return  # a person took it meanwhile
        if r.status == 409:
            take_back(conv, escalation(conv.esc))
            return speak(conv)
    conv.history.append(assistant(text))
    keep()
    send_to_customer(conv, text)


def on_event(conv, e):
    if e["type"] == "message.created" and e["actor"]["kind"] == "operator":
        m = e["data"]["message"]
        ok = send_to_customer(conv, m["text"])
        post(f"/escalations/{e['escalation_id']}/receipts", message_id=m["id"], state="shown" if ok else "failed")
    closed = e["data"].get("escalation", {})
    outcome = closed.get("outcome")
    if outcome and take_back(conv, closed) and outcome["next"] == "continue":
        speak(conv)


def take_back(conv, e):  # True once
    if conv.esc != e["id"]:
        return False
    since_open = transcript(e["id"], since="open", format="openai.chat")
    conv.esc = None
    conv.history[conv.mark :] = since_open + tool_result(e["resume"], e["outcome"]["briefing"])
    keep()
    return True


# The tool ---------------------------------------------------------------------------------------------------------


def escalate_to_human(conv, call):
    """Carries out the model's call. While it is open the call waits in `resume` and not in the history: the customer may
    go on talking, and no model takes a history in which anything stands between a call and its result."""
    arguments = json.loads(call["function"]["arguments"])
    opened = post(
        "/escalations",
        reason={"code": arguments["reason_code"], "text": arguments["reason"]},
        summary=arguments.get("summary"),
        urgency=arguments.get("urgency"),
        conversation={"id": conv.name, "format": "openai.chat", "messages": conv.history},
        resume={"tool_call_id": call["id"], "state": json.dumps(call)},
    ).json
    if conv.esc != opened["id"]:  # it may be open already, from before a crash
        conv.esc, conv.mark = opened["id"], len(conv.history)
    keep()


def tool_result(resume, briefing):
    """The call that waited in `resume`, and what came of it."""
    call = json.loads(resume["state"])
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": resume["tool_call_id"], "content": briefing},
    ]


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def new_id():
    return str(uuid.uuid4())


# Bailout over HTTP ------------------------------------------------------------------------------------------------

Answer = namedtuple("Answer", "status json")


class Refused(Exception):
    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status


def post(path, **body):
    """Up to three tries under one key: done once, however often it is asked for."""
    key = new_id()
    for attempt in range(3):
        try:
            return ask("POST", path, body, {"Idempotency-Key": key})
        except (OSError, HTTPException):
            if attempt == 2:
                raise
            time.sleep(attempt + 1)


def escalation(id):
    return ask("GET", f"/escalations/{id}").json


def transcript(id, **asked):
    messages, after = [], ""
    while after is not None:
        query = urlencode({**asked, "limit": 200, "after": after})
        page = ask("GET", f"/escalations/{id}/transcript?{query}").json
        messages, after = messages + page["items"], page["next"]
    return messages


def ask(method, path, body=None, headers={}):
    """A refusal is an answer, too; a fault of the network or of the server is raised."""
    request = Request(API + path, method=method, headers={"Authorization": f"Bearer {KEY}", **headers})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urlopen(request, timeout=5) as answer:
            return Answer(answer.status, json.load(answer))
    except HTTPError as refused:
        if refused.code >= 500:
            raise
        with refused:
            refusal = json.load(refused)
        if refused.code != 409:
            raise Refused(refused.code, refusal["detail"]) from None
        return Answer(refused.code, refusal)


def listen():
    """Hears every event of this agent, in order, for ever, and after a break goes on where it was."""
    while True:
        try:
            if not heard["cursor"]:
                heard["cursor"] = ask("GET", "/events").json["cursor"]  # the first run: from now
            headers = {"Authorization": f"Bearer {KEY}", "Accept": "text/event-stream"}
            request = Request(API + "/events", headers={**headers, "Last-Event-ID": heard["cursor"]})
            with urlopen(request, timeout=40) as stream:  # there is a ping every 15 seconds
                listening.set()
                event = {}
                for line in stream:
                    field, _, value = line.decode().rstrip("\n").partition(": ")
                    if field:
                        event[field] = value
                        continue
                    try:
                        hear(event)
                    except Refused as refused:
                        print(f"an event was not dealt with: {refused}", file=sys.stderr)
                    event = {}
        except (OSError, HTTPException) as broken:
            print(f"the stream broke: {broken}", file=sys.stderr)
        time.sleep(1)


def hear(event):
    if "id" not in event:
        return  # a ping, or somebody types
    e = json.loads(event["data"])
    if event["event"] == "reset":  # another log: look at what is open instead
        for conv in list(conversations.values()):
            with conv.lock:
                try:
                    if conv.esc:
                        on_event(conv, {"type": "reset", "data": {"escalation": escalation(conv.esc)}})
                except Refused as refused:
                    if refused.status == 404:  # the restored log does not have it
                        conv.esc = None
    elif conv := conversations.get(e["conversation_id"]):
        with conv.lock:
            on_event(conv, e)
    heard["cursor"] = event["id"]
    keep()


# Yours ------------------------------------------------------------------------------------------------------------

KEPT = os.environ.get("THE_LOOP_FILE")  # stands in for your database
keeping = threading.Lock()


def keep():
    """Stores what a restart needs."""
    if not KEPT:
        return
    with keeping:
        chats = [[conv.name, conv.esc, conv.mark, conv.history] for conv in conversations.values()]
        with open(KEPT + ".new", "w") as file:
            json.dump({"heard": heard, "chats": chats}, file)
        os.replace(KEPT + ".new", KEPT)


def restore():
    """Reads what the run before has stored."""
    if KEPT and os.path.exists(KEPT):
        with open(KEPT) as file:
            kept = json.load(file)
        heard.update(kept["heard"])
        for chat in kept["chats"]:
            Conversation(*chat)


def model(conv):
    """Stands in for a model and its tools: the text it says next."""
    last = conv.history[-1]
    if last["role"] == "tool":
        return "Is there anything else I can do for you?"
    if conv.esc:
        return "My colleague will be with you in a moment."
    if "human" not in last["content"].lower():
        return "I am only an example. Say that you want a human."
    arguments = {"reason_code": "user_requested", "reason": "The customer wants a human."}
    function = {"name": "escalate_to_human", "arguments": json.dumps(arguments)}
    escalate_to_human(conv, {"id": "call_" + uuid.uuid4().hex[:24], "type": "function", "function": function})
    return "I have asked a colleague; this may take a few minutes."


def send_to_customer(conv, text):
    """Whether the customer got it."""
    print(text, flush=True)
    return True


def main():
    restore()
    threading.Thread(target=listen, daemon=True).start()
    listening.wait()
    conv = next(iter(conversations.values()), None) or Conversation("terminal-" + new_id())
    for line in sys.stdin:
        with conv.lock:
            on_customer(conv, line.strip())


if __name__ == "__main__":
    main()
