"""Time, chance and threads come from ports alone: ruff refuses them by name, and every exemption says why."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RAW = {
    "time.time()": "import time", "time.time_ns()": "import time", "time.monotonic()": "import time",
    "time.monotonic_ns()": "import time", "time.perf_counter()": "import time", "time.perf_counter_ns()": "import time",
    "time.process_time()": "import time", "time.sleep(1)": "import time", "clock()": "from time import time as clock",
    "datetime.now()": "from datetime import datetime", "datetime.utcnow()": "from datetime import datetime",
    "date.today()": "from datetime import date", "random.random()": "import random",
    "draw(1)": "from random import choice as draw",
    "uuid.uuid4()": "import uuid", "secrets.token_hex()": "import secrets", "os.urandom(8)": "import os",
    "threading.Lock()": "import threading", "Pool()": "from concurrent.futures import ThreadPoolExecutor as Pool",
    "asyncio.to_thread(print)": "import asyncio",
}  # fmt: skip


def refused(path: str, text: str) -> set[int]:
    """Lines of a file at ``path`` of which ruff says that what they use is banned."""
    ruff = Path(sysconfig.get_path("scripts")) / ("ruff.exe" if sys.platform == "win32" else "ruff")
    words = [str(ruff), "check", "--no-cache", "--select", "TID251", "--output-format", "concise", "--stdin-filename"]
    done = subprocess.run([*words, path, "-"], input=text, capture_output=True, text=True, cwd=ROOT, check=False)
    return {int(line.split(":")[1]) for line in done.stdout.splitlines() if "TID251" in line}


def test_every_raw_clock_draw_and_thread_is_refused_in_any_room() -> None:
    text = "".join(f"def at_{n}():\n    {got}\n    return {used}\n" for n, (used, got) in enumerate(RAW.items()))
    for room in ("core", "engine", "governor", "execution/venues", "app"):
        lines = refused(f"src/plimsoll/{room}/invented.py", text)
        assert {(line - 1) // 3 for line in lines} == set(range(len(RAW))), room
    assert refused("src/plimsoll/app/wiring.py", text) == set()


def test_every_exemption_is_of_a_file_that_is_there_and_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    exempt = tomllib.loads(text)["tool"]["ruff"]["lint"]["per-file-ignores"]
    named = [name for name, codes in exempt.items() if "TID251" in codes]
    assert len(named) > 4
    for name in named:
        line = next(line for line in text.splitlines() if line.startswith(f'"{name}"'))
        assert len(line.partition("#")[2].strip()) > 10, name
        assert list(ROOT.glob(name)), name
