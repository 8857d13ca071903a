"""The ``synthetic`` provider: the recipe of a synthetic market, and its pages (D3). Prices: ``made_up``."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from plimsoll.core.bars import COLUMNS, Bars, MacroSeries
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import UsageError
from plimsoll.market.capability import MATRIX, Capability
from plimsoll.market.provider import FetchRequest, Page, ProviderState, RawSource, StaleCursor, refuse_options
from plimsoll.market.providers import made_up

NAME = "synthetic"
END = day_number("2026-06-30")
YEARS = 12
SEED = 7  # a market in which every class has good and bad years
SYMBOLS_MAX = 10_000
YEARS_MAX = 40
PAGE = 100  # symbols on a page


@dataclass(frozen=True, slots=True)
class Spec:
    """The recipe in ``--source`` of the synthetic provider. ``symbols`` is None for the core universe, else a count."""

    symbols: int | None = None
    seed: int = SEED
    years: int = YEARS


def parse(source: str) -> Spec:
    """A specification such as ``core``, ``core:seed=7`` or ``n=500:seed=3:years=10``.

    ``core`` is the fifteen assets, ``n`` that many generated stocks (SYN000, SYN001, …); both come with ``^VIX``
    and ``DGS3MO``. ``years`` counts back from the end.

    Raises
    ------
    UsageError naming the part that cannot be understood.

    >>> parse("n=500:seed=3:years=10")
    Spec(symbols=500, seed=3, years=10)
    """
    head, *rest = source.split(":")
    parts = rest if head == "core" else [head, *rest]
    bounds = {"seed": (0, 2**63 - 1), "years": (1, YEARS_MAX)}
    if head != "core":
        bounds["n"] = (1, SYMBOLS_MAX)
    given: dict[str, int] = {}
    for part in parts:
        name, _, figure = part.partition("=")
        if name not in bounds or name in given:
            raise _unknown(source, part)
        least, most = bounds[name]
        if not (figure.isascii() and figure.isdigit() and len(figure) <= 19 and least <= int(figure) <= most):
            raise UsageError(f"{name} in {source[:60]!r} is not a whole number from {least} to {most}", "Correct it")
        given[name] = int(figure)
    if head != "core" and "n" not in given:
        raise _unknown(source, head)
    return Spec(given.get("n"), given.get("seed", SEED), given.get("years", YEARS))


class SyntheticProvider:
    """The market of a recipe, a hundred symbols a page; the bill rate comes with the first.

    By default it ends on 2026-06-30 and spans the recipe's years. A later end extends the same market; another start is
    another market.
    """

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return NAME

    @property
    def capabilities(self) -> Capability:
        """Its row of the matrix."""
        return MATRIX[NAME]

    def fetch(self, request: FetchRequest) -> Iterator[Page]:
        """The pages of a market behind the cursor, which counts symbols; the same bytes whenever they are asked for.

        Raises
        ------
        UsageError for a recipe, span or symbol that cannot be had, and for terms that speak of files.
        """
        refuse_options(NAME, request.options, ())
        spec = parse(request.source)
        last = END if request.end is None else request.end
        first = _years_before(last, spec.years) if request.start is None else request.start
        names = _names(spec, request)
        market = made_up.market(spec.seed, first, last)
        begin = _behind(request.cursor, len(names))
        for at in range(begin, len(names), PAGE):
            yield _page(market, names, at)

    def check(self) -> ProviderState:
        """Always there: it is made here."""
        return ProviderState(NAME, True, True, None, "made here, and always labelled synthetic")


def generated_names(count: int) -> list[str]:
    """Names of generated stocks: SYN000, SYN001, …"""
    return [f"SYN{i:03d}" for i in range(count)]


def _names(spec: Spec, request: FetchRequest) -> list[str]:
    names = list(made_up.CORE) if spec.symbols is None else generated_names(spec.symbols)
    unknown = sorted(request.symbols - {*names, made_up.VIX})
    if unknown:
        close = difflib.get_close_matches(unknown[0], (*names, made_up.VIX), n=3, cutoff=0.4)
        hint = f"Close to it: {', '.join(close)}" if close else f"It holds {made_up.VIX}, {names[0]} to {names[-1]}"
        raise UsageError(f"{request.source!r} holds no {unknown[0]}", hint)
    names.append(made_up.VIX)
    return sorted(n for n in names if not request.symbols or n in request.symbols)


def _behind(cursor: str, count: int) -> int:
    """The first symbol behind a cursor."""
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or int(cursor) % PAGE or not 0 < int(cursor) < count:
        raise StaleCursor(f"{cursor[:40]!r} is no place in this market", "Begin again")
    return int(cursor)


def _page(market: made_up.MadeUp, names: list[str], at: int) -> Page:
    mine = names[at : at + PAGE]
    bars = {symbol: market.bars(symbol) for symbol in mine}
    macro = {made_up.BILL: market.bill()} if at == 0 else {}
    span = f"{iso_day(market.start)} to {iso_day(market.end)}"
    return Page(
        number=at // PAGE,
        cursor=str(at + PAGE),
        last=at + PAGE >= len(names),
        raw=(_digest(f"synthetic:seed={market.seed}:{mine[0]}", bars, macro),),
        bars=bars,
        macro=macro,
        notes=(f"synthetic market of seed {market.seed}, {span}: no real prices",) if at == 0 else (),
        instruments=tuple(market.instrument(symbol) for symbol in mine),
        whole=True,
        total=-(-len(names) // PAGE),
    )


def _digest(name: str, bars: Mapping[str, Bars], macro: Mapping[str, MacroSeries]) -> RawSource:
    """The hash of the figures themselves: a synthetic market has no other bytes."""
    digest, size = hashlib.sha256(), 0
    parts = [(symbol, [b.day, *(getattr(b, column) for column in COLUMNS)]) for symbol, b in bars.items()]
    parts += [(series, [m.day, m.value, m.known]) for series, m in macro.items()]
    for told, arrays in parts:
        for piece in (told.encode(), *(np.ascontiguousarray(a).tobytes() for a in arrays)):
            digest.update(piece)
            size += len(piece)
    return RawSource(name, digest.hexdigest(), size)


def _years_before(day: int, years: int) -> int:
    text = iso_day(day)
    earlier = f"{int(text[:4]) - years}{text[4:]}"
    return day_number(earlier.replace("-02-29", "-02-28"))


def _unknown(source: str, part: str) -> UsageError:
    return UsageError(
        f"{part[:40]!r} in the synthetic source {source[:60]!r} is not understood",
        "Write core, core:seed=7 or n=500:seed=3:years=10",
    )
