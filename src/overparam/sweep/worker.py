"""A worker process: reads jobs as JSON lines, writes events as JSON lines. :mod:`overparam.sweep.fresh` starts it.

The parent sets thread counts in the environment before Python starts; the worker pins itself to its core.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

from overparam.core.errors import OverparamError, StoreError
from overparam.core.registry import find
from overparam.sweep.jobs import job_from_dict, refuse_changed, run_job
from overparam.sweep.key import work_code


def main(reference: str) -> None:
    """Serve jobs of a study until standard input ends.

    Args:
        reference: name of the study, or path of its file.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as channel:
        os.dup2(2, 1)  # whatever a library prints goes to the log, not into the events
        core = os.environ.get("OVERPARAM_CORE", "")
        if core and hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {int(core)})

        def emit(event: dict[str, Any]) -> None:
            try:
                channel.write(json.dumps(event) + "\n")
            except OSError:  # the parent is gone: nobody waits for this stack
                os._exit(1)

        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        try:
            study = find(reference)
            code = work_code(study)
        except OverparamError as error:
            emit({"event": "fatal", "error": f"a worker process: {error}"})
            return
        emit({"event": "ready"})
        for line in sys.stdin:
            try:
                job = job_from_dict(json.loads(line))
                refuse_changed(study, job, code)
                run_job(study, job, emit)
            except StoreError as error:
                emit({"event": "fatal", "error": str(error)})
                return


def _end_with(parent: int) -> None:
    """End this process soon after its parent has ended, however that came about."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
