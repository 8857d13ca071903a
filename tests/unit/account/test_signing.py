"""Keys in files and signatures, against the vectors of RFC 8032 and the library itself (H1)."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from plimsoll.account import ed25519_points as points
from plimsoll.account.signing import Signer, new_key, sound_key, valid
from plimsoll.core.errors import InputError, UsageError

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
        (_pem(ed25519.Ed25519PrivateKey.generate()), 0o640, "read by users other"),
        (_pem(ed25519.Ed25519PrivateKey.generate()), 0o604, "read by users other"),
        (_pem(ed25519.Ed25519PrivateKey.generate(), b"secret"), 0o600, "not an unencrypted Ed25519"),
        (_pem(x25519.X25519PrivateKey.generate()), 0o600, "not an unencrypted Ed25519"),
        (b"", 0o600, "not an unencrypted Ed25519"),
        (b"\xff" * 100, 0o600, "not an unencrypted Ed25519"),
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


def test_a_signature_has_one_form_and_no_point_of_small_order() -> None:
    """The cases of Chalkias, Garillot and Nikolaenko 2020 that a sound key leaves, made with a known private key."""
    order = 2**252 + 27742317777372353535851937790883648493
    seed = bytes(range(32))
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & ~7 & (2**254 - 1) | 2**254
    good = key.sign(b"m")
    assert valid(public.hex(), b"m", good.hex())
    number = int.from_bytes(good[32:], "little")
    for more in (order, 2 * order, 8 * order):  # S not below the order
        assert not valid(public.hex(), b"m", (good[:32] + (number + more).to_bytes(32, "little")).hex())
    for point in SMALL_ORDER:  # R of small order, in every encoding: the equation holds for the identity
        first = bytes.fromhex(point)
        k = int.from_bytes(hashlib.sha512(first + public + b"m").digest(), "little")
        made = first + (k * secret % order).to_bytes(32, "little")
        assert not valid(public.hex(), b"m", made.hex())
    assert not points.large(bytes.fromhex(SMALL_ORDER[0])) and points.large(public) and not points.large(b"\xff" * 32)
    for bit in range(512):  # nor does any other bit of it matter nothing
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert not valid(public.hex(), b"m", changed.hex())


def test_the_library_alone_would_take_a_point_of_small_order() -> None:
    """Why ``large`` is asked: with the identity as its first half a signature verifies by the equation."""
    order = 2**252 + 27742317777372353535851937790883648493
    seed = bytes(32)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key()
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & ~7 & (2**254 - 1) | 2**254
    first = bytes.fromhex(SMALL_ORDER[0])
    k = int.from_bytes(hashlib.sha512(first + key.public_bytes_raw() + b"m").digest(), "little")
    made = first + (k * secret % order).to_bytes(32, "little")
    key.verify(made, b"m")
    assert not valid(key.public_bytes_raw().hex(), b"m", made.hex())


# RFC 8032, section 7.1: private key, public key, message, signature
RFC = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


@pytest.mark.parametrize(("private", "public", "message", "signature"), RFC)
def test_the_vectors_of_the_standard(private: str, public: str, message: str, signature: str) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private))
    assert key.public_key().public_bytes_raw().hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert valid(public, bytes.fromhex(message), signature) and not valid(public, b"other", signature)
