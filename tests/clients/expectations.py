"""Compares what came with what a scenario expects; README.md says how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_VARIABLE = re.compile(r"\$(\w+)")
_KINDS = ("snapshot", "status_changed", "item_changed", "items_changed", "progress")


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a value of a scenario with its variables replaced."""
    match value:
        case str() if whole := _VARIABLE.fullmatch(value):
            return variables[whole[1]]
        case str():
            return _VARIABLE.sub(lambda found: str(variables[found[1]]), value)
        case list():
            return [filled(element, variables) for element in value]
        case dict():
            return {name: filled(element, variables) for name, element in value.items()}
        case _:
            return value


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Return how what was found is not what was expected, a line each; nothing when it is."""
    match expected:
        case {"not": unwanted}:
            return [] if differences(unwanted, found, where) else [f"{where}: is {found!r}, which it must not be"]
        case {"any_of": choices}:
            if any(not differences(choice, found, where) for choice in choices):
                return []
            return [f"{where}: is {found!r}, which is none of {choices!r}"]
        case dict():
            if not isinstance(found, dict) and not (found is None and not expected):
                return [f"{where}: is {found!r}, expected an object"]
            members = found or {}
            return [
                line
                for name, value in expected.items()
                for line in differences(value, members.get(name), f"{where}.{name}")
            ]
        case list():
            elements = [] if found is None else found
            if not isinstance(elements, list) or len(elements) != len(expected):
                return [f"{where}: is {found!r}, expected {len(expected)} elements"]
            pairs = enumerate(zip(expected, elements, strict=True))
            return [line for index, (one, other) in pairs for line in differences(one, other, f"{where}[{index}]")]
        case _:
            return [] if _same(expected, found) else [f"{where}: is {found!r}, expected {expected!r}"]


def _same(expected: Any, found: Any) -> bool:
    if not expected and not found:
        return True
    # 64-bit integers are texts in the JSON of protobuf.
    if isinstance(expected, int | float) and isinstance(found, str):
        return str(expected) == found
    return bool(expected == found)


def event_differences(expected: Json, events: Sequence[Json]) -> list[str]:
    """Return how the events of a watch are not what was expected."""
    found = []
    kinds = [_kind(event) for event in events]
    stored = [int(event["sequence"]) for event, kind in zip(events, kinds, strict=True) if kind != "progress"]
    for name, value in expected.items():
        match name:
            case "count":
                found += differences(value, len(stored), "count")
            case "first" | "last":
                found += differences(value, events[0 if name == "first" else -1] if events else None, name)
            case "contains":
                found += [f"no event is {one!r}" for one in value if all(differences(one, event) for event in events)]
            case "kinds":
                found += [f"there is a {kind}" for kind in sorted(set(kinds) - set(value))]
            case "from" | "to":
                found += differences(value, stored[0 if name == "from" else -1] if stored else None, name)
            case "sequences":
                assert value == "consecutive", value
                found += _breaks(events)
            case _:
                raise AssertionError(f"unknown expectation of events: {name}")
    return found


def _kind(event: Json) -> str:
    (kind,) = [kind for kind in _KINDS if kind in event]
    return kind


def _breaks(events: Sequence[Json]) -> list[str]:
    """Return where a batch had another event than the one after its last."""
    last: dict[str, int] = {}
    found = [] if events else ["there is no event"]
    for event in events:
        batch_id, sequence = event["batch_id"], int(event["sequence"])
        if _kind(event) == "progress":
            continue
        wanted = last.get(batch_id, sequence - 1) + 1
        if sequence != wanted:
            found.append(f"event {sequence} of batch {batch_id} came where {wanted} should have")
        last[batch_id] = sequence
    return found
