"""The OpenAPI document, corrected where FastAPI cannot know better."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from reports_gateway.problems import MEDIA_TYPE


def install(app: FastAPI) -> None:
    """Make the application serve the corrected document, built once."""
    generate = app.openapi

    def corrected() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path in generate()["paths"].values():
                for operation in path.values():
                    _correct(operation)
        return generate()

    app.openapi = corrected  # type: ignore[method-assign]  # FastAPI's documented way to change the document


def _correct(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    # FastAPI describes every model of a route in the media type of the route's own answer.
    error = next(iter(responses["default"]["content"].values()))
    responses["default"]["content"] = {MEDIA_TYPE: error}
    events = responses.get("200", {}).get("content", {}).get("text/event-stream")
    if events is not None:
        events["itemSchema"] = _event_schema(events.pop("schema")["$ref"])


def _event_schema(reference: str) -> dict[str, Any]:
    """Return the schema of one server-sent event, in the form of OpenAPI 3.2."""
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "retry": {"type": "integer"},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": reference}},
        },
    }
