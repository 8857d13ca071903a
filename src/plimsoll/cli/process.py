"""How a process of the command line treats threads, garbage and memory; no answer depends on it."""

from __future__ import annotations

import gc
import os
from contextlib import suppress

_YOUNG, _OLD = 50_000, 20  # a run makes few cycles: by default every import is searched for them again
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt(3), and what they are set to in bytes
_MMAPPED, _TRIMMED = 32 << 20, 512 << 20


def start_lean() -> None:
    """Before numpy is imported: linear algebra on one thread, and few collections.

    Nothing of ours uses more threads (U9), and starting them takes every command time. The variable may say otherwise.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_YOUNG, _OLD, _OLD)


def keep_freed_memory() -> None:
    """Let the allocator keep what a session frees: the next one needs arrays as large, and asking the system for them
    again and again takes a twentieth of a long run of many symbols. Only glibc can.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, _MMAPPED)
        allocator.mallopt(_TRIM_THRESHOLD, _TRIMMED)
