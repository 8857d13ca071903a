"""Mutation testing: put one small fault at a time into a module and see whether a test finds it.

    python scripts/mutants.py [--again] [MODULE ...]

A module is named below ``plimsoll``, as in ``risk.gates`` or ``store.governor_store``, or by a pattern (``risk.*``, the
default). The faults are those of ``mutations.py``. Each is tried in a forked process that has everything imported
already: the code of the function is exchanged in place, or, for what runs at import, the package is imported again. The
tests that run are those that reach the function, quickest first, until one fails. Tests of more than ``LONG`` seconds
of processor time are left out, and hypothesis draws the same examples every time and does not shrink them, so a score
is a lower bound and the same on every run.

What was found is kept in ``.mutants.json``; ``--again`` tries only what was missed there, or is new. What a test file
reaches is kept in ``.mutants_reached.json`` until it, what tests share or the functions of the package change.

A fault that no test can find, because the module does the same with it, is listed with the reason in
``mutants_equivalent.txt``; it counts neither for nor against the score.
"""

from __future__ import annotations

import ast
import fnmatch
import gc
import hashlib
import importlib.abc
import importlib.util
import json
import math
import os
import pickle
import re
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import hypothesis
import numpy  # noqa: F401  in memory before any fork
import pytest
from mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "plimsoll"
EQUIVALENT = ROOT / "scripts" / "mutants_equivalent.txt"
KEPT = ROOT / ".mutants.json"
REACHED = ROOT / ".mutants_reached.json"
LONG = float(os.environ.get("MUTANTS_LONG", 2.5))  # seconds of processor time, traced
PATIENCE = 5.0  # times what the tests take without the fault, and as many seconds

BESIDE = {  # tests of a module that are not called after it; the governor's modules are tested together
    "gates": ("tests/unit/risk/test_gate_boundaries.py", "tests/properties/test_verdict_lattice.py"),
    "governor": ("tests/properties/test_doubt_loosens_nothing.py",),
    "store": ("tests/contracts/test_state_store.py", "tests/contracts/test_shared_account_lost.py"),
}  # fmt: skip
EXPLORED = ("machine", "exhaustive")  # tests of whole life histories: minutes for each fault, so left to `make test`


@dataclass
class Module:
    """A module under test; ``reached`` are the tests that call each of its functions."""

    name: str
    path: Path
    tree: ast.Module
    mutants: list[Mutant]
    reached: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    importing: set[str] = field(default_factory=set)

    @property
    def at_import(self) -> list[Mutant]:
        """Faults in what runs while the package is imported."""
        return [m for m in self.mutants if not m.function or m.function in self.importing]

    def tests(self, mutant: Mutant) -> set[str]:
        """The tests that may find a fault."""
        if not mutant.function or mutant.function in self.importing:
            return set().union(*self.reached.values())
        return self.reached[mutant.function]

    def compiled(self, mutant: Mutant) -> CodeType:
        """The module with the fault in it. The tree keeps the fault, so this is for a forked process."""
        mutant.put()
        return compile(self.tree, str(self.path), "exec")


def main(arguments: Sequence[str]) -> int:
    """Try every fault of the modules; 1 where a test fails without any."""
    again = "--again" in arguments
    patterns = [a for a in arguments if a != "--again"]
    kept: dict[str, str] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    equivalent = _equivalent()
    known = {k: found for k, found in kept.items() if again and (found in ("killed", "timeout") or k in equivalent)}
    modules = [_module(path) for path in _paths(patterns or ["risk.*"])]
    rows = []
    for files, group in _groups(modules):
        durations = _reach(group, files)
        if durations is None:
            print("a test fails without any fault", file=sys.stderr)
            return 1
        for module in group:
            results = _tried(module, files, durations, known)
            rows.append((module.name, results))
            _tell(module, results, equivalent)
            kept = {k: v for k, v in kept.items() if not k.startswith(f"{module.name}:")} | results
            KEPT.write_text(json.dumps(kept, indent=0))
    _table(rows, equivalent)
    return 0


def _paths(patterns: Sequence[str]) -> list[Path]:
    names = {".".join(p.relative_to(SOURCE).with_suffix("").parts): p for p in SOURCE.glob("*/**/*.py")}
    found = [n for n in sorted(names) if any(fnmatch.fnmatch(n, p) for p in patterns) and not n.endswith("__init__")]
    if not found:
        raise SystemExit(f"no module is called {' '.join(patterns)}")
    return [names[n] for n in found]


def _module(path: Path) -> Module:
    tree = ast.parse(path.read_text())
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    return Module(name, path, tree, mutants_of(name, tree))


def _groups(modules: Sequence[Module]) -> list[tuple[list[str], list[Module]]]:
    """The modules with the test files that run for them: those called after them, and those beside."""
    groups: dict[tuple[str, ...], list[Module]] = defaultdict(list)
    for module in modules:
        room, _, name = module.name.rpartition(".")
        name = "governor" if name.startswith("governor") or room == "governor" else name
        own = "*" if room == "governor" else f"{name}*"
        folder = room.replace(".", "/")
        found = {*ROOT.glob(f"tests/unit/{folder}/test_{own}.py"), *ROOT.glob(f"tests/properties/test_{name}*.py")}
        found |= {ROOT / file for key in (room, name) for file in BESIDE.get(key, ())}
        groups[tuple(sorted(str(p) for p in found if not any(w in p.name for w in EXPLORED)))].append(module)
    return [(list(files), group) for files, group in groups.items()]


def _equivalent() -> dict[str, str]:
    lines = EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []
    pairs = [line.partition("  -- ") for line in lines if line.strip() and not line.startswith("#")]
    return {key.strip(): reason.strip() for key, _, reason in pairs}


# the tests without a fault


def _reach(modules: Sequence[Module], files: Sequence[str]) -> dict[str, float] | None:
    """What each test takes; notes in each module which tests reach what. None when a test fails."""
    kept: dict[str, Any] = json.loads(REACHED.read_text()) if REACHED.exists() else {}
    marks = _marks(files)
    if missing := [file for file in files if marks[file] not in kept]:
        traced = _traced(missing)
        if traced is None:
            return None
        kept |= {marks[file]: found for file, found in traced.items()}
        REACHED.write_text(json.dumps(kept))
    durations: dict[str, float] = {}
    for found in (kept[marks[file]] for file in files):
        for module in modules:
            module.importing |= {function for name, function in found["importing"] if name == module.name}
            for test, (seconds, called) in found["tests"].items():
                durations[test] = seconds
                for function in called.get(module.name, ()) if seconds <= LONG else ():
                    module.reached[function].add(test)
    return durations


def _marks(files: Sequence[str]) -> dict[str, str]:
    """For each test file a digest of itself, of what tests share, and of the names of all functions of the package.

    A test that reaches a function only since the code of another one changed is not known to; so a score may be too
    low until a name comes or goes, never too high.
    """
    shared = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        names = re.findall(r"^\s*(?:def|class) \w+", path.read_text(), re.MULTILINE)
        shared.update(f"{path.relative_to(ROOT)} {names}\n".encode())
    for path in sorted(p for p in ROOT.glob("tests/**/*.py") if "test_" not in p.name):
        shared.update(path.read_bytes())
    return {
        file: f"{Path(file).relative_to(ROOT)} " + hashlib.sha256(shared.digest() + Path(file).read_bytes()).hexdigest()
        for file in files
    }


def _traced(files: Sequence[str]) -> dict[str, Any] | None:
    """What the tests of each file take and reach, and what runs at import. None when a test fails."""

    def work() -> Any:
        plugin = _Tracing({str(p): ".".join(p.relative_to(SOURCE).with_suffix("").parts) for p in SOURCE.rglob("*.py")})
        sys.settrace(plugin.trace)
        code = _pytest(files, plugin)
        sys.settrace(None)
        return code, plugin.seconds, plugin.calls, plugin.importing

    answer = _forked(work, math.inf)
    if answer is None or answer[0] != 0:
        return None
    _, seconds, calls, importing = answer
    found: dict[str, Any] = {file: {"importing": sorted(importing), "tests": {}} for file in files}
    for test, called in calls.items():
        by_module: dict[str, list[str]] = defaultdict(list)
        for name, function in sorted(called):
            by_module[name].append(function)
        found[str(ROOT / test.partition("::")[0])]["tests"][test] = seconds[test], by_module
    return found


class _Tracing:
    """Notes what each test takes and which functions of the modules it calls."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, set[tuple[str, str]]] = {}
        self.importing: set[tuple[str, str]] = set()
        self.now = self.importing

    def trace(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        name = self.names.get(code.co_filename)
        if name is not None and code.co_name != "<module>":
            self.now.add((name, _outermost(code)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.now = self.calls[item.nodeid] = set()
        sys.settrace(self.trace)
        before = time.process_time()
        yield
        self.seconds[item.nodeid] = time.process_time() - before
        self.now = set()


def _outermost(code: CodeType) -> str:
    return code.co_qualname.split(".<locals>")[0]


# the tests with a fault


def _tried(
    module: Module, files: Sequence[str], durations: dict[str, float], known: Mapping[str, str]
) -> dict[str, str]:
    """What became of each fault; those in ``known`` are not tried again."""
    results = {m.key: known[m.key] for m in module.mutants if m.key in known}
    importing = {m.key for m in module.at_import}
    left = [m for m in module.mutants if m.key not in known]
    inside = [m for m in left if m.key not in importing]
    if inside:
        results |= _forked(lambda: _in_place(module, inside, files, durations), math.inf) or {}
    finders: list[str] = []
    for mutant in left:
        if mutant.key in importing:
            results[mutant.key] = _imported_again(module, mutant, durations, finders)
            _debug(results[mutant.key], mutant)
    return results


def _tell(module: Module, results: Mapping[str, str], equivalent: Mapping[str, str]) -> None:
    for mutant in module.mutants:
        if results[mutant.key] in ("survived", "untested") and mutant.key not in equivalent:
            print(f"{results[mutant.key]:9}{module.path.name}:{mutant.line}  {mutant.key}", flush=True)


def _debug(result: str, mutant: Mutant) -> None:
    if os.environ.get("MUTANTS_DEBUG"):
        print(result, f"{time.perf_counter():.1f}", mutant.key, file=sys.stderr, flush=True)


def _in_place(
    module: Module, mutants: Sequence[Mutant], files: Sequence[str], durations: dict[str, float]
) -> dict[str, str]:
    plugin = _Exchanging(module, mutants, durations)
    _pytest(files, plugin)
    return plugin.results


class _Exchanging:
    """Runs, instead of the collected tests, the tests of each fault in a process of its own."""

    def __init__(self, module: Module, mutants: Sequence[Mutant], durations: dict[str, float]) -> None:
        self.module, self.mutants, self.durations = module, mutants, durations
        self.results: dict[str, str] = {}
        self.finders: dict[str, list[str]] = defaultdict(list)  # tests that found a fault, last one first
        self.functions: dict[tuple[str, int], list[FunctionType]] = defaultdict(list)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for function in [f for f in gc.get_objects() if isinstance(f, FunctionType)]:
            code = function.__code__
            if code.co_filename == str(self.module.path):
                self.functions[code.co_qualname, code.co_firstlineno].append(function)
        gc.freeze()
        for mutant in self.mutants:
            self.results[mutant.key] = self._one(session, items, mutant)
            _debug(self.results[mutant.key], mutant)
        return True

    def _one(self, session: pytest.Session, items: dict[str, pytest.Item], mutant: Mutant) -> str:
        finders = self.finders[mutant.function]
        tests = sorted(self.module.tests(mutant) & items.keys(), key=lambda t: self.durations[t])
        tests = [t for t in finders if t in items][:3] + [t for t in tests if t not in finders[:3]]
        if not tests:
            return "untested"

        def work() -> str:
            self._exchange(mutant)
            chosen = [items[t] for t in tests]
            for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                patience = PATIENCE + PATIENCE * self.durations[item.nodeid]  # what goes round for ever is soon told
                signal.setitimer(signal.ITIMER_PROF, patience)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return item.nodeid
            return ""

        found = _forked(work, PATIENCE + PATIENCE * sum(self.durations[t] for t in tests))
        if found:
            finders[:] = [found, *(t for t in finders if t != found)]
        return _result(found)

    def _exchange(self, mutant: Mutant) -> None:
        """Give the function the code with the fault, wherever it is already in use."""
        for code in _codes(self.module.compiled(mutant)):
            if code.co_qualname == mutant.function:
                for function in self.functions[code.co_qualname, code.co_firstlineno]:
                    function.__code__ = code


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _imported_again(module: Module, mutant: Mutant, durations: dict[str, float], finders: list[str]) -> str:
    """The result of a fault in what runs at import; ``finders`` are the tests that found one, last one first."""
    tests = sorted(module.tests(mutant), key=lambda t: durations[t])
    tests = finders[:5] + [t for t in tests if t not in finders[:5]]
    if not tests:
        return "untested"

    def work() -> str:
        sys.meta_path.insert(0, _Faulty(f"plimsoll.{module.name}", module.path, module.compiled(mutant)))
        chosen = _Chosen(tests)
        failed = _pytest(dict.fromkeys(t.partition("::")[0] for t in tests), chosen, "-x")
        return (chosen.failed or "at import") if failed else ""

    found = _forked(work, 4 * PATIENCE + PATIENCE * sum(durations[t] for t in tests))
    if found in durations:
        finders[:] = [found, *(t for t in finders if t != found)]
    return _result(found)


class _Chosen:
    """Runs some of the collected tests in their order, and notes the one that fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.tests = {test: place for place, test in enumerate(tests)}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.tests), key=lambda i: self.tests[i.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module with a fault in it."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(fullname, self, origin=str(self.path)) if fullname == self.name else None

    def get_source(self, fullname: str) -> str:
        return self.path.read_text()

    def get_code(self, fullname: str) -> CodeType:
        return self.code


def _result(found: str | None) -> str:
    if found is None:
        return "killed"
    return {"": "survived", "timeout": "timeout"}.get(found, "killed")


# processes


def _pytest(files: Iterable[str], plugin: object, *more: str) -> int:
    """Pytest over these files, as the suite is configured but in this process and in silence."""
    with suppress(ValueError):
        hypothesis.settings.register_profile(
            "mutants", derandomize=True, database=None, deadline=None,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
    hypothesis.settings.load_profile("mutants")
    with tempfile.TemporaryDirectory() as base:
        return pytest.main(
            [
                "-q", "--tb=no", "--assert=plain", "-o", "addopts=--strict-markers --import-mode=importlib",
                "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:timeout", f"--rootdir={ROOT}",
                f"--basetemp={base}/t", *more, *files,
            ],
            plugins=[plugin],
        )  # fmt: skip


def _forked(work: Callable[[], Any], seconds: float) -> Any:
    """What ``work`` answers in a process of its own; "timeout" when it takes too long, None when it dies."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _alone(seconds)
        code = 1
        try:
            with os.fdopen(writer, "wb") as stream:
                stream.write(pickle.dumps(work()))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
        return "timeout"
    return pickle.loads(answer) if answer else None


def _alone(seconds: float) -> None:
    """A child's limits and silence."""
    if seconds < math.inf:
        resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
        for kind, number, limit in (
            (signal.ITIMER_PROF, signal.SIGPROF, seconds),
            (signal.ITIMER_REAL, signal.SIGALRM, 20 * seconds),
        ):
            signal.signal(number, signal.SIG_DFL)
            signal.setitimer(kind, limit)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    if not os.environ.get("MUTANTS_DEBUG"):
        os.dup2(nowhere, 2)


def _table(rows: Sequence[tuple[str, dict[str, str]]], equivalent: dict[str, str]) -> None:
    head = ("mutants", "found", "timeout", "equivalent", "missed", "score")
    print(f"\n{'module':28}" + "".join(f"{h:>12}" for h in head))
    for name, results in [*rows, ("all", {k: v for _, r in rows for k, v in r.items()})]:
        same = sum(key in equivalent and result in ("survived", "untested") for key, result in results.items())
        killed, late = (sum(v == kind for v in results.values()) for kind in ("killed", "timeout"))
        counted = len(results) - same
        score = 100 * (killed + late) / counted if counted else 100.0
        cells = (len(results), killed, late, same, counted - killed - late)
        print(f"{name:28}" + "".join(f"{c:12}" for c in cells) + f"{score:11.1f}%")
    keys = {k: v for _, r in rows for k, v in r.items()}
    names = {name for name, _ in rows}
    for key in equivalent:
        if key.partition(":")[0] in names and keys.get(key) not in ("survived", "untested"):
            print(f"listed as equivalent but {keys.get(key, 'not there')}: {key}")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.path.insert(0, str(SOURCE.parent))  # this checkout's, whatever is installed
    raise SystemExit(main(sys.argv[1:]))
