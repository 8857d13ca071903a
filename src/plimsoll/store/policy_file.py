"""From profile, YAML files and environment to one typed policy with the origin of every value (U7).

Layers, later ones taking precedence: the ``core`` defaults of ``core.policy``, the profile's YAML, the user's files in
the order given, older environment names, ``PLIMSOLL__SECTION__KEY``, the command line. A mapping merges, anything
else replaces; a mapping under a list of named entries (``ladder.rungs``) changes the entries by name. Nothing here
Consistency of the values is checked in ``store.policy_proofs``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as types

from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.costs.presets import PRESETS, filled
from plimsoll.costs.presets import origin as preset_origin
from plimsoll.store.policy_yaml import read_text, read_yaml

PROFILES = ("core", "institutional", "small-live", "micro")
PREFIX = "PLIMSOLL__"
COMMAND_LINE = "command line"
"""Origin of what the words of a command set."""
_EXPECTED = re.compile(r"Expected `(\w+)`, got")
_PERCENT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%\s*$")
_TYPES = {"float": "a number", "int": "a whole number", "bool": "true or false", "str": "text", "array": "a list"}

# Environment names of earlier versions that map to a policy key (U7).
SEED_NAMES: dict[str, tuple[str, ...]] = {
    "DRAWDOWN_HALT_THRESHOLD": ("ladder", "rungs", "level_2", "threshold"),
    "DRAWDOWN_PANIC_THRESHOLD": ("ladder", "rungs", "panic", "threshold"),
    "HALT_COOLDOWN_DAYS": ("ladder", "rungs", "level_2", "cooldown"),
    "PANIC_COOLDOWN_DAYS": ("ladder", "rungs", "panic", "cooldown"),
    "FLATTEN_ON_PANIC": ("ladder", "flatten_on_panic"),
    "RAMPUP_SIZING_PCT": ("ladder", "halt_size"),
    "RAMPUP_DAYS": ("ladder", "halt_size_sessions"),
    "MAX_NAN_PCT": ("freshness", "nan_max"),
    "MIN_HISTORY_DAYS": ("freshness", "rows_min"),
    "MIN_REQUIRED_HISTORY": ("data", "rows_active"),
    "MIN_DATA_QUALITY_THRESHOLD": ("data", "score_min"),
}


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy, the origin of each value that is not a ``core`` default, and the policy's hash.

    ``origins`` maps a dotted path (``cvar.budget_10``, ``ladder.rungs.level_2.threshold``) to its layer.
    """

    policy: Policy
    origins: dict[str, str] = field(default_factory=dict)
    hash: str = ""

    def origin(self, path: str) -> str:
        """The layer that set ``path``: the nearest of it and its parents, else the ``core`` profile."""
        parts = path.split(".")
        for n in range(len(parts), 0, -1):
            if (found := self.origins.get(".".join(parts[:n]))) is not None:
                return found
        return "profile core"


def load(
    profile: str | None = None,
    files: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> LoadedPolicy:
    """Build the policy of a run. Deterministic in its arguments; reads no clock and no environment of its own.

    Parameters
    ----------
    profile : one of ``PROFILES``; absent, the files' own ``profile`` key decides, else ``core``.
    files : YAML 1.2 files, later ones taking precedence. A run's stored policy is complete, so it replaces all earlier
        layers.
    env : the environment, of which only older names and ``PLIMSOLL__…`` are read.
    changes : values given on the command line, by dotted path; the last layer.

    Raises
    ------
    InputError
        Unreadable file, unknown key, wrong type or range, each with the path of the key and what to write.
    UsageError
        Unknown profile.
    """
    layers = [(f"file {path}", _stored(path) or read_yaml(path)) for path in files]
    name = _profile_name(profile, layers)
    if name != "core":
        layers.insert(0, (f"profile {name}", read_yaml(Path(__file__).parent / "profiles" / f"{name}.yaml")))
    settings = list(_environment(env or {}))
    whole = max((i + 1 for i, (_, layer) in enumerate(layers) if isinstance(layer, _Whole)), default=0)
    if preset := _preset(layers[whole:], settings, changes or {}):
        layers.insert(whole or (0 if name == "core" else 1), preset)
    if not layers and not settings and not changes:
        return LoadedPolicy(Policy(), {}, policy_hash(Policy()))
    tree: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(Policy()))  # lists, so that rungs can be changed
    origins: dict[str, str] = {}
    for origin, overlay in layers:
        if isinstance(overlay, _Whole):
            tree, origins = dict(overlay), dict.fromkeys(overlay, origin)
            continue
        _check(overlay, _shape(), "", origin)
        _merge(tree, overlay, "", origin, origins)
    for origin, path, text in settings:
        path, value = _parse_setting(tree, origin, path, text)
        _check(_nest(path, value), _shape(), "", origin)
        _merge(tree, _nest(path, value), "", origin, origins)
    for dotted, value in (changes or {}).items():
        overlay = _nest(dotted.split("."), value)
        _check(overlay, _shape(), "", COMMAND_LINE)
        _merge(tree, overlay, "", COMMAND_LINE, origins)
    tree["profile"] = name
    policy = _convert(tree, origins)
    return LoadedPolicy(policy, origins, policy_hash(policy))


class _Whole(dict[str, Any]):
    """A whole policy, not changes to one."""


def _stored(path: Path) -> _Whole | None:
    """The policy of a run as stored in the home; None for any other file."""
    if path.suffix != ".json":
        return None
    raw = read_text(path).encode()
    try:
        policy = msgspec.json.decode(raw, type=Policy)
    except msgspec.MsgspecError:
        return None
    return _Whole(msgspec.json.decode(raw)) if msgspec.json.encode(policy, order="sorted") == raw else None


def _preset(
    layers: Sequence[tuple[str, dict[str, Any]]], settings: Sequence[tuple[str, Sequence[str], str]],
    changes: Mapping[str, Any],
) -> tuple[str, dict[str, Any]] | None:  # fmt: skip
    """The layer of the last requested cost preset: above the profile, below every stated key."""
    asked: list[object] = [
        layer["costs"]["preset"]
        for _, layer in layers
        if isinstance(layer.get("costs"), dict) and "preset" in layer["costs"]
    ]
    asked += [text for _, path, text in settings if tuple(word.lower() for word in path) == ("costs", "preset")]
    asked += [changes["costs.preset"]] if changes.get("costs.preset") is not None else []
    if not asked or asked[-1] not in PRESETS:  # what is no preset is refused with its key, like any other value
        return None
    name = str(asked[-1])
    return preset_origin(name), {"costs": {"preset": name, "kinds": filled(name)}}


class Setting(msgspec.Struct, frozen=True):
    """One value of the policy with its metadata and its origin."""

    key: str
    value: Any
    unit: str
    rule: str
    origin: str
    note: str


def described(loaded: LoadedPolicy) -> Iterator[Setting]:
    """Every leaf of the policy, in the order of ``core.policy``; entries of tables and rungs by name."""
    yield from _describe(msgspec.to_builtins(loaded.policy), _shape(), "", ("", "", ""), loaded)


def _describe(
    value: Any, shape: types.Type, path: str, above: tuple[str, str, str], loaded: LoadedPolicy
) -> Iterator[Setting]:
    meta = _meta(shape, above)
    bare = _bare(shape)
    if isinstance(bare, types.StructType) and value is not None:
        for name, child in _fields(bare).items():
            yield from _describe(value[name], child, _join(path, name), ("", "", ""), loaded)
    elif isinstance(bare, types.DictType) and value:
        for name, item in value.items():
            yield from _describe(item, bare.value_type, _join(path, name), meta, loaded)
    elif (entry := _named(bare)) is not None:
        for item in value:
            yield from _describe(item, entry, _join(path, item["name"]), meta, loaded)
    else:
        yield Setting(path, value, meta[0], meta[1], loaded.origin(path), meta[2])


def _meta(shape: types.Type, above: tuple[str, str, str]) -> tuple[str, str, str]:
    """(unit, rule, note) of a type, its table's where it has none."""
    if not isinstance(shape, types.Metadata):
        return above
    extra = shape.extra or {}
    note = str((shape.extra_json_schema or {}).get("description", ""))
    unit = str(extra.get("unit", above[0]))
    bare = _bare(shape)
    if isinstance(bare, types.LiteralType):
        unit = f"{unit}: {', '.join(sorted(map(str, bare.values)))}"
    return unit, str(extra.get("rule", above[1])), "" if note == unit else note


def _profile_name(asked: str | None, layers: Sequence[tuple[str, dict[str, Any]]]) -> str:
    named = {origin: layer["profile"] for origin, layer in layers if "profile" in layer}
    for origin, name in named.items():
        if asked is not None and name != asked:
            raise UsageError(f"{origin} is for profile {name!r}, but {asked!r} was asked for", "Make both the same")
    name = asked or next(reversed(named.values()), "core")
    if name not in PROFILES:
        raise UsageError(
            f"unknown profile {name!r}{did_you_mean(str(name), PROFILES)}", f"Use one of {', '.join(PROFILES)}"
        )
    return str(name)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'x'?`` for the nearest known word, else nothing."""
    from difflib import get_close_matches  # only for an error

    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


# The shape of the policy: its types as data, for messages that name the key and for text from the environment.


@cache
def _shape() -> types.Type:
    return types.type_info(Policy)


def _bare(shape: types.Type) -> types.Type:
    """The type without its metadata; of an optional one, the part that is not None."""
    while isinstance(shape, types.Metadata):
        shape = shape.type
    if isinstance(shape, types.UnionType):
        return next((_bare(t) for t in shape.types if not isinstance(t, types.NoneType)), shape)
    return shape


def _unit(shape: types.Type) -> str:
    return str((shape.extra or {}).get("unit", "")) if isinstance(shape, types.Metadata) else ""


def _fields(shape: types.StructType) -> dict[str, types.Type]:
    return {f.name: f.type for f in shape.fields}


def _named(shape: types.Type) -> types.StructType | None:
    """The entry type of a list whose entries carry a name, so that a mapping may address them."""
    if isinstance(shape, types.VarTupleType):
        item = _bare(shape.item_type)
        if isinstance(item, types.StructType) and "name" in _fields(item):
            return item
    return None


def _check(value: Any, shape: types.Type, path: str, origin: str) -> None:
    """Refuse unknown keys, and figures out of range, with the key's path; types are left to the conversion."""
    bare = _bare(shape)
    if isinstance(value, dict):
        for key, item in value.items():
            _check(item, _child(bare, key, path, origin), _join(path, key), origin)
    elif isinstance(value, list) and isinstance(bare, types.VarTupleType):
        for n, item in enumerate(value):
            _check(item, bare.item_type, f"{path}[{n}]", origin)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(value, shape, path, origin)
    elif isinstance(bare, types.LiteralType) and value not in bare.values:
        choices = [str(v) for v in bare.values]
        raise _wrong(
            origin, f"{path} is {value!r}{did_you_mean(str(value), choices)}", f"Use one of {', '.join(choices)}"
        )


def _child(shape: types.Type, key: str, path: str, origin: str) -> types.Type:
    if isinstance(shape, types.StructType):
        known = _fields(shape)
        if key not in known:
            raise InputError(
                f"{origin}: unknown policy key {_join(path, key)!r}{_hint(key, path, known)}",
                "`plimsoll config show` lists every key",
            )
        return known[key]
    if isinstance(shape, types.DictType):
        return shape.value_type
    if (item := _named(shape)) is not None:
        return item
    raise InputError(f"{origin}: policy key {path!r} holds a single value, not a section", "Write the value itself")


def _hint(key: str, path: str, siblings: Mapping[str, Any]) -> str:
    """A near key of the same section, else the same key in another section."""
    if hint := did_you_mean(key, tuple(siblings)):
        return hint
    homes = [p for p in _paths(_shape(), "") if p.rsplit(".", 1)[-1] == key]
    return f"; did you mean {homes[0]!r}?" if homes and not path else ""


def _paths(shape: types.Type, path: str) -> Iterator[str]:
    bare = _bare(shape)
    if isinstance(bare, types.StructType):
        for name, child in _fields(bare).items():
            yield from _paths(child, _join(path, name))
    else:
        yield path


def _check_range(value: float, shape: types.Type, path: str, origin: str) -> None:
    bare = _bare(shape)
    if not isinstance(bare, types.FloatType | types.IntType):
        return
    if not math.isfinite(value):
        raise _wrong(origin, f"{path} is {value}", "Write a finite number")
    low = bare.ge if bare.ge is not None else bare.gt
    high = bare.le if bare.le is not None else bare.lt
    over = high is not None and (value > high or (value == high and bare.le is None))
    under = low is not None and (value < low or (value == low and bare.ge is None))
    if not (over or under):
        return
    unit = _unit(shape)
    wanted = f"at most {high:g}" if over else f"at least {low:g}" if bare.ge is not None else f"above {low:g}"
    as_fraction = f"It is a fraction: write {value / 100:g} for {value:g} %" if over and 1 < value <= 100 else ""
    raise _wrong(
        origin,
        f"{path} is {value:g}, wanted {wanted}" + (f" ({unit})" if unit else ""),
        as_fraction or f"Write a value {wanted}",
    )


def _wrong(origin: str, problem: str, remedy: str) -> PlimsollError:
    """The error of a value, with the file, variable or command line it comes from."""
    return InputError(f"{origin}: {problem}", remedy)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


# Merging


def _merge(tree: Any, overlay: Mapping[str, Any], path: str, origin: str, origins: dict[str, str]) -> None:
    for key, value in overlay.items():
        here = _join(path, key)
        slot = _slot(tree, key, here, origin)
        standing = tree[slot] if isinstance(tree, list) or slot in tree else None
        if isinstance(standing, dict | list) and (value is None or isinstance(value, dict)):
            _merge(standing, value or {}, here, origin, origins)  # an empty section changes nothing
            continue
        tree[slot] = value
        for stale in [p for p in origins if p.startswith(here + ".")]:
            del origins[stale]
        origins[here] = origin


def _slot(tree: Any, key: str, here: str, origin: str) -> Any:
    """The key itself, or in a list of named entries the index of that name."""
    if not isinstance(tree, list):
        return key
    names = [str(entry["name"]) for entry in tree]
    if key not in names:
        raise InputError(f"{origin}: {here} does not exist{did_you_mean(key, names)}", f"Known: {', '.join(names)}")
    return names.index(key)


def _nest(path: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


# The environment


def _environment(env: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for name, path in SEED_NAMES.items():
        if name in env:
            yield f"environment {name}", path, env[name]
    for name in sorted(env):
        if name.startswith(PREFIX):
            yield f"environment {name}", tuple(name[len(PREFIX) :].split("__")), env[name]


def _parse_setting(tree: dict[str, Any], origin: str, path: Sequence[str], text: str) -> tuple[tuple[str, ...], Any]:
    """The path in the policy's own spelling, and the value parsed from the text."""
    shape: types.Type = _shape()
    standing: Any = tree
    spelled: list[str] = []
    for word in path:
        bare = _bare(shape)
        key = _spelling(word, bare, standing)
        shape = _child(bare, key, ".".join(spelled), origin)
        standing = _step(standing, key)
        spelled.append(key)
    bare, where = _bare(shape), ".".join(spelled)
    if isinstance(bare, types.StructType | types.DictType) or _named(bare):
        raise InputError(f"{origin}: {where!r} is a section, not a value", "Name a key inside it, with __ between")
    try:
        if isinstance(bare, types.VarTupleType):
            parts = [part.strip() for part in text.split(",") if part.strip()]
            return tuple(spelled), [_read(part, _bare(bare.item_type)) for part in parts]
        return tuple(spelled), _read(text, bare)
    except msgspec.ValidationError as error:
        remedy = f"Unit: {_unit(shape) or 'see config show'}"
        raise InputError(f"{origin}: {where} is {text!r}: {error}", remedy) from None


def _read(text: str, bare: types.Type) -> Any:
    """A scalar of the policy's type; ranges are left to ``_check_range``, which can name the key."""
    scalars: dict[type, type] = {types.FloatType: float, types.IntType: int, types.BoolType: bool}
    return msgspec.convert(text, scalars.get(type(bare), str), strict=False)


def _spelling(word: str, shape: types.Type, standing: Any) -> str:
    if isinstance(shape, types.StructType):
        return word.lower()
    known = list(standing) if isinstance(standing, dict) else [e["name"] for e in standing or () if isinstance(e, dict)]
    return next((k for k in known if k.lower() == word.lower()), word)


def _step(standing: Any, key: str) -> Any:
    if isinstance(standing, list):
        return next((e for e in standing if isinstance(e, dict) and e.get("name") == key), None)
    return standing.get(key) if isinstance(standing, dict) else None


def _convert(tree: dict[str, Any], origins: Mapping[str, str]) -> Policy:
    try:
        return msgspec.convert(tree, Policy)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$.")
        path = _located(tree, where.rstrip("`"))
        origin = next((o for p, o in origins.items() if p == path or p.startswith(path.split("[")[0])), "policy")
        raise _wrong(origin, *_of_another_type(tree, path, problem)) from None


def _of_another_type(tree: Any, path: str, problem: str) -> tuple[str, str]:
    """A value of another type than its key's, with the value, and how to write it."""
    value: Any = tree
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    wanted = _EXPECTED.match(problem)
    if wanted is None or not isinstance(value, str | bool | int | float):
        return f"{path or 'policy'}: {problem}", "`plimsoll config show` gives each key's unit"
    said = f"{path} is {value!r}, wanted {_TYPES.get(wanted[1], wanted[1])}"
    percent = _PERCENT.match(value) if isinstance(value, str) else None
    if percent is not None and wanted[1] in ("float", "int"):
        return said, f"Write {float(percent[1]) / 100:g} for {value}"
    if wanted[1] == "bool":
        return said, "Write true or false"
    return said, "`plimsoll config show` gives each key's unit"


def _located(tree: Any, path: str) -> str:
    """The path with the open key of a mapping filled in: msgspec says ``assets[...]``, not which asset."""
    parent, mark, rest = path.partition("[...]")
    if not mark:
        return path
    node, shape = tree, _shape()
    for key in parent.split("."):
        bare = _bare(shape)
        if not isinstance(bare, types.StructType) or not isinstance(node, dict):
            return path
        node, shape = node[key], _fields(bare)[key]
    bare = _bare(shape)
    entry = _bare(bare.value_type) if isinstance(bare, types.DictType) else None
    for key, item in node.items():
        try:
            msgspec.convert(item, entry.cls if isinstance(entry, types.StructType) else float)
        except msgspec.ValidationError:
            return f"{parent}.{key}{rest}"
    return path
