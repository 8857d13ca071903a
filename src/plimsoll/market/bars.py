"""Daily bars, by the name this room knows them; they live in ``core`` because the store holds them too."""

from __future__ import annotations

from plimsoll.core.bars import Bars, MacroSeries

__all__ = ["Bars", "MacroSeries"]
