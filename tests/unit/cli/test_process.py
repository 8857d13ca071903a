"""How a process treats threads, garbage and memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_AGAIN = """
import resource, sys
from plimsoll.cli.process import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [bytearray(2 << 20) for _ in range(20)]
    held.clear()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed_memory()
faults()
print(faults())
"""


def python(code: str, *words: str, **settings: str) -> str:
    settings = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"} | settings
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, env=settings
    )
    return done.stdout.strip()


@pytest.mark.parametrize(("given", "found"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "4"}, "4")])
def test_linear_algebra_has_one_thread_unless_a_person_says_otherwise(given: dict[str, str], found: str) -> None:
    code = "import gc, os; from plimsoll.cli.process import start_lean; start_lean()\n"
    code += "print(os.environ['OPENBLAS_NUM_THREADS'], gc.get_threshold()[0] > 700, gc.isenabled())"
    assert python(code, **given) == f"{found} True True"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_memory_that_was_freed_is_there_again_without_the_system() -> None:
    pages = 20 * (2 << 20) // 4096
    assert int(python(_AGAIN, "kept")) < pages / 20 < int(python(_AGAIN, "returned"))
