"""Plays a scenario: tells the driver what to call, does what happens to server and network, and compares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from tests.clients.drivers import Call, Driver, Kind
from tests.clients.environment import Product
from tests.clients.expectations import Json, differences, event_differences, filled
from tests.clients.proxy import Proxy
from tests.support.waiting import eventually

_SECONDS = 60.0


class Scenario:
    """One run of a scenario with one driver."""

    def __init__(self, steps: list[Json], driver: Driver, product: Product, proxy: Proxy) -> None:
        self._steps = steps
        self._driver = driver
        self._product = product
        self._proxy = proxy
        self._started: dict[str, Call] = {}
        self._variables: dict[str, Any] = {"company": str(uuid4()), "unique": uuid4().hex[:12]}

    def play(self) -> None:
        for number, step in enumerate(self._steps, 1):
            try:
                self._play(filled(step, self._variables))
            except AssertionError as error:
                error.add_note(f"in step {number}: {step}")
                raise

    def _play(self, step: Json) -> None:
        known = set(step) & set(self._kinds)
        # A step that begins a call says also which.
        kind = "start" if "start" in step else known.pop() if len(known) == 1 else ""
        assert kind, f"what is this step? {step}"
        self._kinds[kind](self, step)

    def _call(self, step: Json) -> None:
        call = self._driver.begin(step["call"], step.get("arguments", {}))
        self._finish_call(call, step)

    def _start(self, step: Json) -> None:
        self._started[step["start"]] = self._driver.begin(step["call"], step.get("arguments", {}))

    def _finish(self, step: Json) -> None:
        self._finish_call(self._started.pop(step["finish"]), step)

    def _finish_call(self, call: Call, step: Json) -> None:
        self._driver.wait(lambda: call.over, f"the end of {call.name}")
        if "error" in step:
            wrong = differences(step["error"], call.error, "error")
        else:
            wrong = [] if call.error is None else [f"{call.name} failed: {call.error}"]
            wrong += differences(step.get("expect", {}), call.result, "result")
        wrong += event_differences(step.get("events", {}), call.events)
        assert not wrong, "\n".join(wrong)
        for name, field in step.get("save", {}).items():
            assert call.result is not None
            self._variables[name] = call.result[field]

    def _told(self, step: Json) -> None:
        call = self._started[step["told"]]
        self._driver.wait(lambda: len(call.events) >= step["count"], f"{step['count']} events")

    def _interrupted(self, step: Json) -> None:
        call = self._started[step["interrupted"]]
        self._driver.wait(lambda: bool(call.interruptions), "an interruption")

    def _stop(self, step: Json) -> None:
        call = self._driver.begin("stop", {"call": self._started[step["stop"]].identifier})
        self._driver.wait(lambda: call.over, "the answer to stop")

    def _register(self, step: Json) -> None:
        self._variables[step["save"]] = self._product.store.reports(step["register"])

    def _work(self, step: Json) -> None:
        self._product.work(step["work"], step["batch"], step.get("positions"))

    def _history(self, step: Json) -> None:
        (call,) = self._started.values()
        self._product.add_history(step["history"], step["batch"], step.get("kills", 0), lambda: len(call.events))

    def _compact(self, step: Json) -> None:
        self._product.compact(step["compact"])

    def _retry_batch(self, step: Json) -> None:
        self._product.retry(step["retry_batch"])

    def _server(self, step: Json) -> None:
        {"kill": self._product.kill_server, "start": self._product.start_server}[step["server"]]()

    def _network(self, step: Json) -> None:
        assert step["network"] in ("cut", "freeze", "swallow", "hold", "refuse", "restore")
        getattr(self._proxy, step["network"])()

    def _await_batches(self, step: Json) -> None:
        wanted = step["await_batches"]
        eventually(lambda: self._product.count_batches(step["labels"]) == wanted, _SECONDS, f"{wanted} batches")

    _kinds: ClassVar[dict[str, Callable[[Scenario, Json], None]]] = {
        "call": _call,
        "start": _start,
        "finish": _finish,
        "told": _told,
        "interrupted": _interrupted,
        "stop": _stop,
        "register": _register,
        "work": _work,
        "history": _history,
        "compact": _compact,
        "retry_batch": _retry_batch,
        "server": _server,
        "network": _network,
        "await_batches": _await_batches,
    }


def play(scenario: Json, kind: Kind, product: Product, folder: Path) -> None:
    """Play a scenario with a driver of its own, then leave the product as it was."""
    try:
        with (
            Proxy(product.address(rest=kind.rest)) as proxy,
            Driver(kind, proxy.address, folder / "driver.log", scenario.get("client", {})) as driver,
        ):
            Scenario(scenario["steps"], driver.ready(), product, proxy).play()
    finally:
        product.start_server()
