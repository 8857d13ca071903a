"""Ed25519 keys in files, signing and verification (H1, H7).

A private key is an unencrypted PKCS #8 file that only its owner may read; public keys and signatures are written in
hexadecimal. ``cryptography`` is imported by the functions that need it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.account.ed25519_points import large, sound
from plimsoll.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BYTES_MAX = 16 * 1024
_NAME_IT = "Name the file that 'plimsoll keys new' wrote"


def new_key(path: Path) -> str:
    """Write a new private key to a file that must not exist, readable by its owner only; returns the public key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already", "Give another --out; a key is never overwritten") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})", "Name a folder that exists") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return key.public_key().public_bytes_raw().hex()


class Signer:
    """A person's private key, read from its file.

    Raises
    ------
    InputError : the file cannot be read, is no Ed25519 key, or others may read it.
    """

    def __init__(self, path: Path) -> None:
        self._key = _read(path)

    @property
    def public_key(self) -> str:
        """The public key that belongs to it."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """The signature of a message."""
        return self._key.sign(message).hex()


def valid(public_key: str, message: bytes, signature: str) -> bool:
    """Whether a signature is the key's of exactly this message; False also for an unsound key or an invalid signature.

    Strict: one encoding of key, point and number each, no point of small order. The library itself refuses a number
    that is not below the order of the group.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not sound_key(public_key):
        return False
    try:
        raw = bytes.fromhex(signature)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(raw, message)
    except (InvalidSignature, ValueError):
        return False
    return large(raw[:32])


def sound_key(public_key: str) -> bool:
    """Whether a hexadecimal text is a sound public key: only the holder of its private key can sign for it."""
    try:
        return sound(bytes.fromhex(public_key))
    except ValueError:
        return False


def _read(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            mode, raw = os.fstat(file.fileno()).st_mode, file.read(_BYTES_MAX)
    except OSError as error:
        raise InputError(
            f"key {path} cannot be read ({error.strerror})", "Name the file 'plimsoll keys new' wrote"
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"key {path} can be read by users other than its owner", f"chmod 600 {path}")
    try:
        key = load_pem_private_key(raw, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"key {path} is not an unencrypted Ed25519 private key", _NAME_IT)
    return key
