"""The Python of the page on the governor runs as it stands, from its first example to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "governor.md"


def test_the_examples_of_what_a_venue_reports_run_and_say_what_they_say(tmp_path: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(examples) >= 6
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    env |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000",
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(examples)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = set(re.findall(r'g\.tell\("(\w+)"', "\n".join(examples)))
    assert {"fill", "correct", "bust", "external", "split", "dividend", "settle", "transfer", "snapshot"} <= told
