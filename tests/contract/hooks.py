"""What schemathesis must know of this API beyond its contract. Every deviation from the published contract stands here,
with its reason. Loaded by bin/contract through SCHEMATHESIS_HOOKS."""

import json
import os
import random
import urllib.request

import schemathesis

URL, KEY = os.environ["BAILOUT_URL"], os.environ["BAILOUT_KEY"]

# A model wrote these values. The contract says what it should write, so that generated clients have types; the server
# takes any JSON, with a warning, because a model's mistake must not stop a hand-over.
WRITTEN_BY_MODELS = {
    "OpenEscalation": ["summary", "tried", "customer_told", "urgency"],
    "UpdateEscalation": ["summary", "tried", "urgency"],
    "NewReason": ["code", "text", "confidence"],
    "NewAsk": ["prompt", "suggested_reply"],
    "NewMessage": ["text", "content"],
    "Cancellation": ["reason"],
}

# An optional word that is empty counts as not given, as everywhere; a type with an empty word would burden every client.
OPTIONAL_WORDS = {"NewAsk": ["kind"], "NewConversation": ["format"]}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    schemas = raw_schema["components"]["schemas"]
    if "BAILOUT_CONTROL" in os.environ:
        del raw_schema["paths"]["/api/v1/escalations/{id}"]["get"]["responses"]["404"]
    for name, members in WRITTEN_BY_MODELS.items():
        for member in members:
            if name in schemas:
                schemas[name]["properties"][member] = {}
    for name, members in OPTIONAL_WORDS.items():
        for member in members:
            properties = schemas[name]["properties"]
            properties[member] = {"anyOf": [properties[member], {"const": ""}]}
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                # A parameter that is empty counts as not given.
                if parameter["in"] == "query":
                    parameter["schema"] = {"anyOf": [parameter["schema"], {"const": ""}]}


@schemathesis.hook
def before_call(context, case, kwargs):
    # Thousands of requests that wait up to 55 seconds would take a day; that they wait is a story of its own.
    if case.query and str(case.query.get("wait", "")).isdecimal() and 1 < int(case.query["wait"]) <= 55:
        case.query["wait"] = 1


def request(method, path, body=None):
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers, method=method)) as answer:
        return json.load(answer)


def open_one():
    """Opens an escalation that stays open: Robot answers none that asks for no answer."""
    body = {"reason": {"text": "fuzzing"}, "metadata": {"rehearse": {"disposition": "unanswered"}}}
    return request("POST", "/api/v1/escalations", body)["id"]


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    # No generator guesses the id of an escalation. Half of the requests are for one that is there, as a rule open.
    if path_parameters and "id" in path_parameters and random.random() < 0.5:
        return {**path_parameters, "id": open_one()}
    return path_parameters
