"""Write the parts of ``docs/`` that are generated from the code, between their markers.

    python scripts/docs_reference.py           # rewrite what is out of date
    python scripts/docs_reference.py --check   # change nothing; exit 3 and name what is out of date

A generated part stands between ``<!-- begin generated: NAME ... -->`` and ``<!-- end generated -->``; everything
else on a page is written by hand. Drawings are whole files (``docs_drawings.py``). ``make docs`` runs this first and
a test runs ``--check``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from docs_drawings import DRAWINGS

from plimsoll.alpha.observation import OBSERVATION
from plimsoll.cli.render.console import policy_value
from plimsoll.core.order import STATUS_MEANS, TRANSITIONS
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import REASONS
from plimsoll.governance.vetoes import SEVERITIES
from plimsoll.risk.modes import transition_table
from plimsoll.store.policy_file import PROFILES, Setting, described, load

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "plimsoll"
BLOCK = re.compile(
    r"(<!-- begin generated: (?P<name>[a-z]+)(?: (?P<argument>\S+))? -->\n).*?(<!-- end generated -->)", re.S
)
RULE = re.compile(r"^### (?P<id>[A-Z]\d{1,2}) (?P<title>.+)$", re.M)
STATUS = re.compile(r"^\*(?P<status>Built|In part|Not built)[.:]", re.M)
# What bounds a book, for the page on risk: (what it bounds, policy key), in the order a loss would meet them
BOUNDS = (
    ("CVaR budget, 1 session", "cvar.budget_1"),
    ("CVaR budget, 10 sessions", "cvar.budget_10"),
    ("CVaR hard limit, 1 session", "cvar.hard_1"),
    ("CVaR hard limit, 10 sessions", "cvar.hard_10"),
    ("stressed CVaR at 1 session, share of the limit at 10", "cvar.stressed_share_1"),
    ("risk of one fund alone, of the budget", "cvar.standalone_fund"),
    ("risk of one crypto position alone, of the budget", "cvar.standalone_crypto"),
    ("risk of one stock alone, of NAV", "cvar.standalone_stock"),
    ("risk added by one trade in a fund", "cvar.incremental_fund"),
    ("risk added by one trade in a stock or crypto", "cvar.incremental_other"),
    ("gross exposure", "limits.gross_max"),
    ("gross beyond it that freezes, halts", "limits.gross_freeze_over limits.gross_halt_over"),
    ("cash, at least", "limits.cash_min"),
    ("one stock", "limits.weight_stock"),
    ("one sector's stocks", "limits.weight_sector"),
    ("one fund without an entry", "limits.weight_fund"),
    ("one crypto position", "limits.weight_crypto"),
    ("assets with an entry, least and most", "limits.assets"),
    ("pair that moves alike, multiple of the larger cap", "correlation.pair_multiple"),
    ("order, share of average volume", "limits.participation_max"),
    ("turnover a session", "shaping.turnover_max"),
    ("trades a session", "shaping.trades_max"),
    ("P(crisis) that halves the budgets", "regime.crisis_on"),
    ("VIX that halves, bars increases", "forecast.vix_high forecast.vix_extreme"),
    ("stop without an entry: reduce, exit", "stops.reduce_default stops.exit_default"),
    ("panic rung sells everything", "ladder.flatten_on_panic"),
    ("governor: loss a session", "governor.loss"),
    ("governor: one symbol", "governor.position"),
    ("governor: turnover a session", "governor.turnover"),
    ("governor: one order", "governor.trade"),
)
TABLES = ("ladder.rungs", "limits.assets", "costs.kinds", "regime.start", "regime.seed")


def main(words: Sequence[str]) -> int:
    """Rewrite or check every page and drawing; 0 when all are as the code says, 3 when ``--check`` finds one is not."""
    stale = []
    for page, text in sorted((pages() | {name: draw() for name, draw in DRAWINGS.items()}).items()):
        if not (DOCS / page).is_file() or (DOCS / page).read_text(encoding="utf-8") != text:
            stale.append(page)
            if "--check" not in words:
                (DOCS / page).write_text(text, encoding="utf-8")
    verb = "out of date" if "--check" in words else "rewritten"
    for page in stale:
        print(f"{verb}: docs/{page}")
    return 3 if stale and "--check" in words else 0


def pages() -> dict[str, str]:
    """Every page with a generated part, by name, as it should read."""
    wanted = {}
    for path in DOCS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        if "<!-- begin generated:" in text:
            wanted[path.name] = BLOCK.sub(_filled(text), text)
    return wanted


def _filled(page: str) -> Callable[[re.Match[str]], str]:
    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}\n{WRITERS[block['name']](block['argument'] or '', page)}\n\n{block[4]}"

    return fill


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])


def _note(row: Setting) -> str:
    return row.note if row.note and row.note != row.unit else ""


def settings() -> list[Setting]:
    """Every value of the ``core`` profile."""
    return list(described(load()))


def policy_reference(_: str, __: str) -> str:
    """One table a section, every key."""
    parts = []
    rows = settings()
    sections = dict.fromkeys(r.key.partition(".")[0] for r in rows)
    for section in sections:
        mine = [r for r in rows if r.key.partition(".")[0] == section]
        value = getattr(Policy(), section)
        about = (type(value).__doc__ or "").strip().splitlines()[0] if hasattr(value, "__struct_fields__") else ""
        parts.append(f"## {section}\n")
        if about:
            parts.append(about + "\n")
        cells = [(f"`{r.key}`", policy_value(r.value), r.unit, _linked(r.rule), _note(r)) for r in mine]
        parts.append(_table(("key", "default", "unit", "rule", "what it is"), cells) + "\n")
    return "\n".join(parts).rstrip()


def defaults(rule: str, _: str) -> str:
    """The policy values whose origin is one rule; tables of symbols, kinds and rungs are named, not repeated."""
    mine = [r for r in settings() if r.rule == rule]
    rows = [
        (f"`{r.key}`", policy_value(r.value), r.unit, _note(r))
        for r in mine
        if not r.key.startswith(tuple(f"{t}." for t in TABLES))
    ]
    named = sorted({t for t in TABLES for r in mine if r.key.startswith(f"{t}.")})
    parts = [_table(("key", "default", "unit", "what it is"), rows)] if rows else []
    if named:
        parts.append("Also " + " and ".join(f"`{t}`" for t in named) + ": see the [policy reference](policy.md).")
    return "\n\n".join(parts)


def ladder(_: str, __: str) -> str:
    """The rungs of the ``core`` profile."""
    switches = ("no_new_risk", "no_new_crypto", "close_crypto", "havens_only", "liquidate", "ends_mandate")
    rows = []
    for r in Policy().ladder.rungs:
        does = [name.replace("_", " ") for name in switches if getattr(r, name)]
        if r.confidence_min is not None:
            does.append(f"confidence at least {r.confidence_min:g}")
        rows.append((r.name, f"{r.threshold:.0%} of the {r.basis} peak", f"{r.cut:.0%} of gross" if r.cut else "",
                     ", ".join(does), f"{r.cooldown} sessions" if r.cooldown else "", r.reentry))  # fmt: skip
    return _table(("rung", "fires at a drawdown of", "cuts", "imposes", "cooldown", "re-entry"), rows)


def vetoes(_: str, __: str) -> str:
    """The ten vetoes with their thresholds."""
    policy = Policy()
    v, end = policy.vetoes, next(r for r in policy.ladder.rungs if r.ends_mandate)
    trips = {
        "UNEXPLAINED_PROFIT": f"expected return above {v.profit_mu:.0%} in {policy.auction.horizon} sessions at a "
        f"confidence below {v.profit_confidence:g}",
        "TOO_PERFECT_EXECUTION": f"conviction above {v.conviction_max:g}",
        "DATA_DEPENDENCY_RISK": f"quality score below {v.quality_warning:g}",
        "CORRELATED_WINS": f"more than {v.wins_max} opening bids in {v.wins_sessions} sessions, their mean pair "
        f"correlation above {v.wins_correlation:g}",
        "HIGH_CVAR": "CVaR above the hard limit, after scaling",
        "LEVERAGE_BREACH": "gross above its limit, after scaling",
        "DRAWDOWN_LIMIT": f"lifetime drawdown at {end.threshold:.0%}, the mandate's end",
        "MODEL_DECAY": f"confidence below {v.confidence_warning:g}",
        "INSUFFICIENT_HISTORY": f"fewer than {policy.backtest.min_rows} rows",
        "LOW_DATA_QUALITY": f"quality score below {v.quality_error:g}",
    }
    return _table(("veto", "severity", "trips on"), [(n, s, trips[n]) for n, s in SEVERITIES.items()])


def modes(_: str, __: str) -> str:
    """The modes and which may follow which."""
    rows = [(f"**{mode}**", meaning, ", ".join(after)) for mode, meaning, after in transition_table()]
    return _table(("mode", "means", "may be followed by"), rows)


def orders(_: str, __: str) -> str:
    """The statuses of an order, what each means and which may follow which."""
    rows = [(f"`{status}`", STATUS_MEANS[status], ", ".join(f"`{s}`" for s in STATUS_MEANS if s in after) or "nothing")
            for status, after in TRANSITIONS.items()]  # fmt: skip
    return _table(("status", "means", "may be followed by"), rows)


def reasons(rules: str, _: str) -> str:
    """Every reason code, or those of some rules (``D9+D10``)."""
    only = set(rules.split("+")) if rules else None
    rows = [
        (f"`{code}`", r.severity, r.sentence, r.remedy, _linked(r.rule))
        for code, r in REASONS.items()
        if only is None or r.rule in only
    ]
    return _table(("code", "severity", "sentence", "remedy", "rule"), rows)


def bounds(_: str, __: str) -> str:
    """What bounds a book, by profile: the same figures as ``config show --profile``."""
    by_profile = {name: {r.key: r for r in described(load(name))} for name in PROFILES}
    rows = []
    for what, keys in BOUNDS:
        cells = [", ".join(_bound(rows_, key) for key in keys.split()) for rows_ in by_profile.values()]
        rows.append((what, *cells, " ".join(f"`{key}`" for key in keys.split())))
    return _table(("bounds", *(f"`{name}`" for name in PROFILES), "policy key"), rows)


def _bound(rows: dict[str, Setting], key: str) -> str:
    """A value as a reader compares it: fractions in per cent, an unstated dollar cap as its share of the capital."""
    if key == "limits.assets":
        caps = [r.value for k, r in rows.items() if k.startswith(f"{key}.") and k.endswith(".max_weight")]
        return f"{100 * min(caps):.4g} % to {100 * max(caps):.4g} %"
    row = rows[key]
    if row.value is None:
        share = rows.get(f"{key}_share")
        return f"{100 * share.value:.4g} % of the capital" if share else "its cap above × the capital"
    if key.startswith("governor."):
        return f"${row.value:,}"
    if isinstance(row.value, float) and any(word in row.unit for word in ("fraction", "probability", "loss")):
        return f"{100.0 * row.value:.4g} %"
    return policy_value(row.value)


def _linked(rule: str) -> str:
    title = titles().get(rule)
    return f"[{rule}](rules.md#{_anchor(rule, title)})" if title else rule


def titles() -> dict[str, str]:
    """Title of each rule's section in ``docs/rules.md``, by id."""
    return {m["id"]: m["title"] for m in RULE.finditer((DOCS / "rules.md").read_text(encoding="utf-8"))}


def _anchor(rule: str, title: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", f"{rule} {title}".lower())).strip("-")


def index(_: str, page: str) -> str:
    """All rules of the page: id, title, status and modules, as their sections say."""
    starts = [*RULE.finditer(page)]
    rows = []
    for here, following in zip(starts, [*starts[1:], None], strict=True):
        section = page[here.end() : following.start() if following else len(page)]
        status = STATUS.search(section)
        where = re.search(r"^Where: (.+?)\n\n", section + "\n\n", re.M | re.S)
        link = f"[{here['id']}](#{_anchor(here['id'], here['title'])})"
        built = status["status"].lower() if status else "?"
        rows.append((link, here["title"], built, " ".join(where[1].split()) if where else ""))
    return _table(("id", "rule", "", "modules"), rows)


def modules(_: str, __: str) -> str:
    """Every module of the package and the first line of its docstring."""
    rows = []
    for path in sorted(PACKAGE.rglob("*.py"), key=lambda p: (p.parent != PACKAGE, p.as_posix())):
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.name != "__init__.py":
            rows.append((f"`{path.relative_to(PACKAGE).as_posix()}`", about.partition("\n")[0].replace("``", "`")))
    return _table(("module", ""), rows)


def observation(_: str, __: str) -> str:
    """The numbers an intraday model sees, in order."""
    rows = [(str(n), f"`{f.name}`", f.unit, f.range, f.meaning, f.nan or "never") for n, f in enumerate(OBSERVATION)]
    return _table(("n", "name", "unit", "range", "what it is", "NaN"), rows)


def commands(_: str, __: str) -> str:
    """Every command with every argument and option it has: read off the command line itself."""
    from typer.main import get_command

    from plimsoll.cli.main import cli

    rows: list[tuple[str, str]] = []

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, one in getattr(command, "commands", {}).items():
            walk(one, (*words, name))
        if not hasattr(command, "commands"):
            shown = [_parameter(p) for p in command.params if not getattr(p, "hidden", False)]
            rows.append((f"`{' '.join(words)}`", " ".join(f"`{text}`" for text in shown if text) or "none"))

    walk(get_command(cli), ("plimsoll",))
    return _table(("command", "arguments and options"), sorted(rows))


def _parameter(param: Any) -> str:
    """An argument or option as it is typed; "" for ``--help``, which all have."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    if "--help" in param.opts:
        return ""
    kind = param.type_descriptor.annotation
    choices = "|".join(str(one.value) for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else "VALUE"
    return max(param.opts, key=len) + ("" if param.is_flag else f" {param.metavar or choices}")


WRITERS: dict[str, Callable[[str, str], str]] = {
    "commands": commands,
    "policy": policy_reference,
    "defaults": defaults,
    "bounds": bounds,
    "ladder": ladder,
    "vetoes": vetoes,
    "modes": modes,
    "orders": orders,
    "reasons": reasons,
    "index": index,
    "modules": modules,
    "observation": observation,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
