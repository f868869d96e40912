"""What the analysis process does: one report after another, under limits, until nobody is there to ask."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import sys
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from reports_worker.analyser import registry, wire
from reports_worker.analyser.errors import OUT_OF_MEMORY_STATUS, AnalyserUnusable
from reports_worker.analyser.limits import Limits, allow_processor_time, confine, forget_peak_memory, peak_memory
from reports_worker.analyser.registry import Registry
from reports_worker.parent_death import die_with
from reports_worker.processor import DocumentError, Processor
from reports_worker.processors import analyse, lexicon

_ROOM_BYTES = 128 * 1024 * 1024

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """How an analysis process is to work; comes with its command line."""

    descriptor: int
    parent_pid: int
    limits: Limits
    lexicon_file: Path | None


def run(order: Order) -> None:
    """Analyse what comes over the connection until it is closed; ends with the parent."""
    die_with(order.parent_pid)
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, format="[%(asctime)s: %(levelname)s/analyser] %(message)s")
    connection = Connection(order.descriptor)
    try:
        confine(order.limits)
        processors = Registry(_ours(order.lexicon_file), registry.installed())
        _require_room(order.limits)
    except AnalyserUnusable as error:
        wire.send(connection, wire.Unusable(str(error)))
        return
    # What is loaded by now stays for good: the collector need not look at it again.
    gc.freeze()
    wire.send(connection, wire.Ready())
    try:
        while True:
            _serve(connection, processors, order.limits)
    except (EOFError, ConnectionError):
        return
    except MemoryError:
        os._exit(OUT_OF_MEMORY_STATUS)


def _ours(lexicon_file: Path | None) -> Processor:
    try:
        lexicon.load(lexicon_file)
    except (ValueError, OSError) as error:
        raise AnalyserUnusable(f"FNA_REPORTS_LEXICON_FILE={lexicon_file} cannot be used: {error}") from None
    return partial(analyse, lexicon_file=lexicon_file)


def _require_room(limits: Limits) -> None:
    try:
        bytes(_ROOM_BYTES)
    except MemoryError:
        raise AnalyserUnusable(
            f"FNA_REPORTS_ANALYSIS_MEMORY_MIB={limits.memory_mib} leaves no room for a document beside the processors: "
            f"set it to {Limits().memory_mib} or more."
        ) from None


def _serve(connection: Connection, processors: Registry, limits: Limits) -> None:
    request = wire.receive(connection)
    if not isinstance(request, wire.Request):
        raise wire.ProtocolError(f"{request} instead of a request")
    allow_processor_time(limits)
    wire.send(connection, _answer(connection, processors, request))


def _answer(connection: Connection, processors: Registry, request: wire.Request) -> wire.Message:
    forget_peak_memory()
    try:
        analysed = processors.processor(request.report_type)(
            connection.recv_bytes(), request.report_type, lambda *step: wire.send(connection, wire.Step(*step))
        )
    except DocumentError as error:
        return wire.Refused(error.reason, error.message)
    except MemoryError:
        return wire.OutOfMemory()
    except ConnectionError:
        raise
    except Exception as error:
        logger.exception("the processor of %s failed", request.report_type)
        return wire.Failed(type(error).__name__)
    if not request.with_narrative:
        analysed = replace(analysed, narrative=())
    return wire.Done(analysed, peak_memory())
