"""The OpenAPI document, corrected where FastAPI cannot know better, with examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from reports_gateway.problems import MEDIA_TYPE
from reports_gateway.upstream import TIMEOUT_PARAMETER

JSON = "application/json"
EVENTS = "text/event-stream"

EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_bytes())
"""An example of every JSON object that a route takes or answers, by the name of its schema."""

_EVENT_EXAMPLE = (
    "retry: 1000\n\n"
    "id: 5\nevent: item_changed\n"
    f"data: {json.dumps(EXAMPLES['EventPage']['events'][0], separators=(',', ':'))}\n\n"
    ": heartbeat\n\n"
)

# FastAPI adds these for its own form of a validation error, which is never answered here.
_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")
_UNUSED_RESPONSE = {"$ref": "#/components/schemas/HTTPValidationError"}


def operation_id(route: APIRoute) -> str:
    """Return the name of the operation: the one of the route's function, written like an RPC."""
    return "".join(word.capitalize() for word in route.name.split("_"))


def install(app: FastAPI) -> None:
    """Make the application serve the corrected document, built once."""
    generate = app.openapi

    def corrected() -> dict[str, Any]:
        if app.openapi_schema is None:
            _correct(generate())
        return generate()

    app.openapi = corrected  # type: ignore[method-assign]  # FastAPI's documented way to change the document


def _correct(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in _UNUSED_SCHEMAS:
        schemas.pop(name, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/") and EVENTS not in operation["responses"].get("200", {}).get("content", {}):
                operation.setdefault("parameters", []).append(TIMEOUT_PARAMETER)
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _without_null(parameter["schema"])
            _correct_responses(operation, schemas)
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media_type, content in part.get("content", {}).items():
                    _describe(media_type, content)


def _correct_responses(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    responses = operation["responses"]
    if responses.get("422", {}).get("content", {}).get(JSON, {}).get("schema") == _UNUSED_RESPONSE:
        del responses["422"]
    # By number, since a document that is compared must not change its order.
    operation["responses"] = dict(sorted(responses.items()))
    for response in responses.values():
        if response["description"] == "Successful Response":
            response["description"] = _meaning(response, schemas)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter, which is left out and never null."""
    given = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(given) != 1 or len(schema["anyOf"]) == 1:
        return schema
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **given[0]}


def _meaning(response: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Return what the answer is: the description of its schema."""
    names = [name for content in response.get("content", {}).values() for name in _names(content["schema"])]
    return next((schemas[name]["description"] for name in names if name in schemas), "Done.")


def _names(schema: dict[str, Any]) -> list[str]:
    """Return the names of the schemas that this one is, or is one of."""
    options = (schema, *schema.get("anyOf", ()))
    named = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
    return named or [option["title"] for option in options if "title" in option] or [""]


def _describe(media_type: str, content: dict[str, Any]) -> None:
    schema = content["schema"]
    names = _names(schema)
    if media_type == EVENTS:
        # 3.1 has no way to describe the events of a stream. What their data is follows the text for programs to find.
        description = (
            f"Server-sent events; the `data` of each is a {names[0]} in JSON. A line with a colon is a heartbeat."
        )
        content["schema"] = {"type": "string", "description": description, "x-event-data": schema}
        content["example"] = _EVENT_EXAMPLE
    elif media_type in {JSON, MEDIA_TYPE}:
        examples = {name: {"value": EXAMPLES[name]} for name in names if name in EXAMPLES}
        if examples:
            content["examples"] = examples
