"""Query parameters, read as a model.

FastAPI reads them too; it takes several times as long, and the last of a parameter that is given twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_origin

from fastapi import Request
from pydantic import ValidationError

from reports_gateway.problems import invalid_field, of_validation
from reports_gateway.schemas.wire import QueryModel

M = TypeVar("M", bound=QueryModel)


def read_query(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """Return a dependency that reads the query as `model`; raises a problem that names what is wrong with it."""
    lists = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is list}
    nothing = model()

    async def read(request: Request) -> M:
        if not request.scope["query_string"]:
            return nothing
        values: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in lists:
                values.setdefault(name, []).append(value)
            elif name in values:
                raise invalid_field(name, "is given twice")
            else:
                values[name] = value
        try:
            return model.model_validate(values)
        except ValidationError as error:
            raise of_validation(error) from None

    return read


def openapi_query(model: type[QueryModel]) -> dict[str, Any]:
    """Return the OpenAPI description of the parameters of a query that the route reads by itself."""
    schema = model.model_json_schema()
    parameters = []
    for name, found in schema["properties"].items():
        described = dict(found)
        parameter = {"name": name, "in": "query", "required": False, "schema": described}
        if "description" in described:
            parameter["description"] = described.pop("description")
        parameters.append(parameter)
    return {"parameters": parameters}
