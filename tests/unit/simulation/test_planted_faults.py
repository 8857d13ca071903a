"""Faults planted in the governor are found, each, and nothing is found that was not planted (H8)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


faults = _script("planted_faults")


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: object) -> None:
    sessions, found = faults.hunted(fault)
    assert found, f"not found in {sessions} sessions"


@pytest.mark.parametrize("scenario", sorted({scenario for fault in faults.FAULTS for scenario in fault.scenarios}))
def test_nothing_is_found_where_nothing_is_planted(scenario: str) -> None:
    assert faults.evidence(faults.played(faults.named([scenario]), faults.SEED)) == {}


def test_a_fault_that_no_longer_fits_the_code_is_an_error() -> None:
    lost = faults.Fault("gone", "governor.checks:worst_price", "what is not there", "", ())
    with pytest.raises(ValueError, match="does not hold once"), faults.planted(lost):
        pass
