"""Plays the customer and the model of examples/python/the_loop.py: reads one JSON object a line of what they say, and
writes one for each thing that the app does."""

import json
import queue
import sys
import threading

sys.path.insert(0, "examples/python")
import the_loop  # noqa: E402

answers = queue.Queue()
writing = threading.Lock()


def tell(what, value):
    with writing:
        print(json.dumps({what: value}), flush=True)


def model(conv):
    tell("model", conv.history)
    answer = answers.get()
    if "call" in answer:
        the_loop.escalate_to_human(conv, answer["call"])
    return answer["says"]


def send_to_customer(_conv, text):
    tell("customer", text)
    return "cannot be shown" not in text


def on_customer(conv, text):
    with conv.lock:
        the_loop.on_customer(conv, text)


the_loop.model, the_loop.send_to_customer = model, send_to_customer
the_loop.restore()
threading.Thread(target=the_loop.listen, daemon=True).start()
the_loop.listening.wait()
chat = the_loop.conversations.get("conv_88") or the_loop.Conversation("conv_88")
tell("ready", True)
for line in sys.stdin:
    told = json.loads(line)
    if "customer" in told:
        threading.Thread(target=on_customer, args=(chat, told["customer"]), daemon=True).start()
    elif "model" in told:
        answers.put(told["model"])
    else:
        with chat.lock:
            tell("history", chat.history)
