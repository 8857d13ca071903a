"""Text templates: a line is a paragraph, ``$name`` a value, and a line can depend on a case.

A page of prose is a file that an author edits; the code that fills it gives values and cases and contains no sentences.
sentence. ``?name `` before a line keeps it where that case holds, ``?!name `` where it does not; marks can follow each
other. ``$$`` is a dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from string import Template

_CASE = re.compile(r"\?(!?)(\w+) ")


def filled(template: str, values: Mapping[str, str], cases: Container[str] = ()) -> Iterator[str]:
    r"""The lines that apply, with their values; ``KeyError`` names a hole without a value.

    >>> list(filled("?live Real money: $$$usd.\n?!live Paper.", {"usd": "10"}, {"live"}))
    ['Real money: $10.']
    """
    for line in template.splitlines():
        applies = True
        while (mark := _CASE.match(line)) is not None:
            applies &= (mark[2] in cases) is not bool(mark[1])
            line = line[mark.end() :]
        if applies:
            yield Template(line).substitute(values)
