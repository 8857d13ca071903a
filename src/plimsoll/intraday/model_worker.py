"""Run a model in a separate process, so that a crash or hang of it cannot stop the loop (H4).

It may hang, crash or fill the memory: an answer that is not there at the deadline is HOLD, the process is killed, and
the model is disabled until somebody starts it again. What comes back is read as text and judged once more.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from plimsoll.alpha.advice import Advice, ask, hold, judged
from plimsoll.alpha.model_files import OpenedModel
from plimsoll.core.errors import InputError, PlimsollError
from plimsoll.core.intraday import Floats
from plimsoll.core.policy import ModelPolicy
from plimsoll.core.reasons import REASONS

_MESSAGE_MAX = 64 * 1024


class ModelWorker:
    """Asks a model that runs elsewhere. ``name`` and ``sha256`` identify it.

    Parameters
    ----------
    opener : makes the model in its process; it is pickled on the way, so give a function of a module, or a
        ``functools.partial`` of one, not a lambda.

    Raises
    ------
    InputError : the model cannot be handed over or opened, or was not open in time.
    """

    def __init__(self, opener: Callable[[], OpenedModel], policy: ModelPolicy) -> None:
        context = get_context("spawn")
        self._seconds = policy.deadline_ms / 1000.0
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, opener), daemon=True)
        self._gone = False
        try:
            self._process.start()
        except Exception as error:  # whatever pickling made of it
            self._gone = True
            raise InputError(
                f"the model cannot be handed to a process of its own: {error}", "Define it in a module, not in place"
            ) from None
        finally:
            theirs.close()
        said = self._received(float(policy.load_seconds))
        if said is None or "error" in said:
            self.close()
            late = f"the model was not open within {policy.load_seconds} s, or its process died"
            raise InputError((said or {}).get("error", late), (said or {}).get("remedy", "Fix the model"))
        self.name, self.sha256 = str(said["name"]), str(said["sha256"])

    def close(self) -> None:
        """End the model's process, whatever it is doing."""
        self._gone = True
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def advise(self, observation: Floats) -> Advice:
        """The model's advice on a (26,) observation, at the deadline at the latest; nothing raises."""
        if self._gone:
            return hold("MODEL_DISABLED")
        if not np.isfinite(observation).all():
            return hold("OBSERVATION_INCOMPLETE")
        try:
            self._pipe.send_bytes(observation.astype(np.float64).tobytes())
            if not self._pipe.poll(self._seconds):
                self.close()
                return hold("MODEL_LATE")
            said = self._received(0.0)
        except OSError:
            said = None
        if said is None:
            self.close()
            return hold("MODEL_DIED")
        return _advice(said)

    def _received(self, seconds: float) -> dict[str, Any] | None:
        """The answer of its process; None where it is dead, late, or cannot be parsed."""
        try:
            if not self._pipe.poll(seconds):
                return None
            said = json.loads(self._pipe.recv_bytes(_MESSAGE_MAX))
        except (EOFError, OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None


def _advice(said: dict[str, Any]) -> Advice:
    """Advice as it came over, believed no more than the model itself."""
    reasons = said.get("reasons")
    if reasons:
        known = isinstance(reasons, list) and all(isinstance(code, str) and code in REASONS for code in reasons)
        return Advice("HOLD", 0.0, tuple(reasons)) if known else hold("MODEL_BAD_ANSWER")
    return judged((said.get("action"), said.get("confidence")))


def _serve(pipe: Connection, opener: Callable[[], OpenedModel]) -> None:
    """The model's process: open it, then answer until the pipe is closed. Its prints go to stderr, not into results."""
    os.dup2(sys.stderr.fileno(), 1)
    try:
        opened = opener()
        hello = {"name": str(opened.model.name), "sha256": opened.sha256}
    except PlimsollError as error:
        hello = {"error": error.problem, "remedy": error.remedy}
    except Exception as error:
        hello = {"error": f"the model cannot be opened: {type(error).__name__}: {error}", "remedy": "Fix the model"}
    pipe.send_bytes(json.dumps(hello).encode())
    if "error" in hello:
        return
    try:
        while True:
            observation = np.frombuffer(pipe.recv_bytes(), dtype=np.float64).copy()
            found = ask(opened.model, observation)
            answer = {"action": found.action, "confidence": found.confidence, "reasons": list(found.reasons)}
            pipe.send_bytes(json.dumps(answer).encode())
    except (EOFError, OSError, KeyboardInterrupt):
        return
