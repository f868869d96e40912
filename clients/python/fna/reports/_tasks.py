"""What is cancelled in asyncio: a task, or only the call that it waits for."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Tell whether the running task is cancelled itself; grpc raises `CancelledError` for a cancelled call, too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
