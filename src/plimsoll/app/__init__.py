"""The composition root: every command as a function that returns a value (O10).

The services here are the one place that chooses the adapter behind each port. Each is in a module of this package and
is imported when it is first requested, and its adapters when it is called, so that a command pays only for what it
uses: a backtest imports no SQL, frame or calendar library.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plimsoll.app.account import account_repair as account_repair
    from plimsoll.app.account import act_approve as act_approve
    from plimsoll.app.account import keys_list as keys_list
    from plimsoll.app.account import keys_new as keys_new
    from plimsoll.app.account import keys_trust as keys_trust
    from plimsoll.app.account import limits_history as limits_history
    from plimsoll.app.account import limits_show as limits_show
    from plimsoll.app.account import limits_sign as limits_sign
    from plimsoll.app.account import size_approve as size_approve
    from plimsoll.app.account import size_status as size_status
    from plimsoll.app.account import sla as sla
    from plimsoll.app.account import sla_check as sla_check
    from plimsoll.app.data import confirm as confirm
    from plimsoll.app.data import confirmations as confirmations
    from plimsoll.app.data import ingest as ingest
    from plimsoll.app.data import panel as panel
    from plimsoll.app.data import providers as providers
    from plimsoll.app.data import verify_sources as verify_sources
    from plimsoll.app.data import verify_status as verify_status
    from plimsoll.app.governing import arriving as arriving
    from plimsoll.app.governing import governed as governed
    from plimsoll.app.inspect import auction as auction
    from plimsoll.app.inspect import costs as costs
    from plimsoll.app.inspect import explain as explain
    from plimsoll.app.inspect import regime as regime
    from plimsoll.app.inspect import replay as replay
    from plimsoll.app.inspect import report as report
    from plimsoll.app.inspect import risk as risk
    from plimsoll.app.models import model_convert as model_convert
    from plimsoll.app.models import model_run as model_run
    from plimsoll.app.paper_daemon import daemon as daemon
    from plimsoll.app.records import audit_verify as audit_verify
    from plimsoll.app.records import compare as compare
    from plimsoll.app.records import journaled as journaled
    from plimsoll.app.records import parity as parity
    from plimsoll.app.records import prune as prune
    from plimsoll.app.records import read as read
    from plimsoll.app.records import result as result
    from plimsoll.app.records import resume as resume
    from plimsoll.app.records import runs as runs
    from plimsoll.app.records import summary as summary
    from plimsoll.app.setup import ConfigReport as ConfigReport
    from plimsoll.app.setup import config_schema as config_schema
    from plimsoll.app.setup import config_show as config_show
    from plimsoll.app.setup import doctor as doctor
    from plimsoll.app.setup import new_strategy as new_strategy
    from plimsoll.app.studies import ablation as ablation
    from plimsoll.app.studies import montecarlo as montecarlo
    from plimsoll.app.tax import form_8949 as form_8949
    from plimsoll.app.trading import backtest as backtest
    from plimsoll.app.trading import trade_recorded as trade_recorded
    from plimsoll.app.watching import kill as kill
    from plimsoll.app.watching import orders as orders
    from plimsoll.app.watching import positions as positions
    from plimsoll.app.watching import status as status
    from plimsoll.app.watching import unkill as unkill
    from plimsoll.app.workspace import Progress as Progress
    from plimsoll.app.workspace import Workspace as Workspace

_SERVICES = {  # module: its services by name; no module has a service's name
    "account": (
        "account_repair", "act_approve", "keys_list", "keys_new", "keys_trust", "limits_history", "limits_show",
        "limits_sign",
        "size_approve", "size_status", "sla", "sla_check",
    ),
    "paper_daemon": ("daemon",),
    "data": ("confirm", "confirmations", "ingest", "panel", "providers", "verify_sources", "verify_status"),
    "governing": ("arriving", "governed"),
    "inspect": ("auction", "costs", "explain", "regime", "replay", "report", "risk"),
    "models": ("model_convert", "model_run"),
    "records": (
        "audit_verify", "compare", "journaled", "parity", "prune", "read", "result", "resume", "runs", "summary",
    ),
    "setup": ("ConfigReport", "config_schema", "config_show", "doctor", "new_strategy"),
    "studies": ("ablation", "montecarlo"),
    "tax": ("form_8949",),
    "trading": ("backtest", "trade_recorded"),
    "watching": ("kill", "orders", "positions", "status", "unkill"),
    "workspace": ("Progress", "Workspace"),
}  # fmt: skip
_HOMES = {name: module for module, names in _SERVICES.items() for name in names}

if not TYPE_CHECKING:  # a type checker reads the imports above, and so finds a misspelt name

    def __getattr__(name: str) -> Any:
        """A service by name, from its module."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module 'plimsoll.app' has no attribute {name!r}")
        return getattr(import_module(f"plimsoll.app.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *_HOMES))
