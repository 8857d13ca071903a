"""Check that 32 bytes are an Ed25519 public key for which only its owner can sign (H1).

The library verifies signatures of any bytes that decode to a point. For a point of small order anyone can make
signatures, and for bytes that are no point nobody can. A key is sound when it is the one canonical encoding of a point
of the subgroup of prime order, other than the identity (RFC 8032, sections 5.1.3 and 5.1.7; Chalkias, Garillot and
Nikolaenko 2020, "Taming the many EdDSAs").
"""

from __future__ import annotations

from functools import lru_cache

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493  # of the subgroup
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)

Point = tuple[int, int, int, int]
"""A point of the curve in extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z."""

_IDENTITY: Point = (0, 1, 1, 0)


@lru_cache(maxsize=256)
def sound(key: bytes) -> bool:
    """Whether ``key`` is the canonical encoding of a point of prime order."""
    point = _decoded(key)
    return point is not None and not _is_identity(point) and _is_identity(_times(_ORDER, point))


def large(point: bytes) -> bool:
    """Whether ``point`` is the canonical encoding of a point whose order is not small, like the first half of every
    honest signature; the library accepts small ones too.
    """
    found = _decoded(point)
    return found is not None and not _is_identity(_times(8, found))


def _decoded(key: bytes) -> Point | None:
    """The point, None where the bytes encode none or not canonically (RFC 8032, 5.1.3)."""
    if len(key) != 32:
        return None
    whole = int.from_bytes(key, "little")
    y, odd = whole & ((1 << 255) - 1), whole >> 255
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_1 % _P
    if (x * x - square) % _P or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = _P - x
    return x, y, 1, x * y % _P


def _times(factor: int, point: Point) -> Point:
    found = _IDENTITY
    while factor:
        if factor & 1:
            found = _sum(found, point)
        point, factor = _sum(point, point), factor >> 1
    return found


def _sum(one: Point, other: Point) -> Point:
    """Addition on the twisted Edwards curve, complete for every pair of points (RFC 8032, 5.1.4)."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _is_identity(point: Point) -> bool:
    return point[0] % _P == 0 and (point[1] - point[2]) % _P == 0
