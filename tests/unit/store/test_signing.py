"""Keys in files and signatures, against the vectors of RFC 8032 and the library itself (H1)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from plimsoll.core.errors import InputError, UsageError
from plimsoll.store import ed25519_points as points
from plimsoll.store.signing import Signer, new_key, sound_key, valid

# RFC 8032, section 7.1, test 2: the public key, the message and its signature
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNED = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_a_signature_of_the_standard_is_accepted_and_nothing_else_is() -> None:
    assert valid(PUBLIC, b"\x72", SIGNED)
    assert not valid(PUBLIC, b"\x73", SIGNED)
    assert not valid(PUBLIC, b"\x72", SIGNED[:-1] + "1")
    assert not valid("00" + PUBLIC[2:], b"\x72", SIGNED)
    for junk in ("", "zz", SIGNED + "00", SIGNED[2:]):
        assert not valid(PUBLIC, b"\x72", junk)
        assert not valid(junk, b"\x72", SIGNED)


def test_a_new_key_is_its_owners_alone_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "ann.key"
    public = new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    signer = Signer(path)
    assert signer.public_key == public and valid(public, b"x", signer.sign(b"x"))
    before = path.read_bytes()
    with pytest.raises(UsageError, match="there already"):
        new_key(path)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="cannot be written"):
        new_key(tmp_path / "nowhere" / "ann.key")


def _pem(key: ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey, secret: bytes = b"") -> bytes:
    how = BestAvailableEncryption(secret) if secret else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (_pem(ed25519.Ed25519PrivateKey.generate()), 0o640, "read by others"),
        (_pem(ed25519.Ed25519PrivateKey.generate()), 0o604, "read by others"),
        (_pem(ed25519.Ed25519PrivateKey.generate(), b"secret"), 0o600, "no unencrypted Ed25519"),
        (_pem(x25519.X25519PrivateKey.generate()), 0o600, "no unencrypted Ed25519"),
        (b"", 0o600, "no unencrypted Ed25519"),
        (b"\xff" * 100, 0o600, "no unencrypted Ed25519"),
    ],
)
def test_what_is_no_key_of_its_owner_is_refused(tmp_path: Path, content: bytes, mode: int, problem: str) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(InputError, match=problem):
        Signer(path)
    with pytest.raises(InputError, match="cannot be read"):
        Signer(tmp_path / "absent")


# The points of small order in every encoding a library decodes (Chalkias, Garillot and Nikolaenko 2020, table 2).
SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


@pytest.mark.parametrize("key", [*SMALL_ORDER, "f" * 64, "02" + "00" * 31, "", "zz", PUBLIC[:-2], PUBLIC + "00"])
def test_a_key_that_anybody_or_nobody_can_sign_for_is_none(key: str) -> None:
    assert not sound_key(key)
    assert not valid(key, b"a cap of 100,000 dollars", SMALL_ORDER[0] + "00" * 32)


def test_a_key_with_a_part_of_small_order_is_none_and_every_made_key_is_sound() -> None:
    for _ in range(20):
        assert sound_key(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex())
    key = points._decoded(bytes.fromhex(PUBLIC))
    small = points._decoded(bytes.fromhex(SMALL_ORDER[4]))
    assert key is not None and small is not None
    x, y, z, _ = points._sum(key, small)
    scale = pow(z, -1, points._P)
    mixed = (y * scale % points._P) | ((x * scale % points._P & 1) << 255)
    assert not sound_key(mixed.to_bytes(32, "little").hex())
    assert sound_key(PUBLIC)
