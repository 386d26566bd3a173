"""Sealing whole files at rest with the lake's key: SM4-GCM (GB/T 32907, GB/T 36624).

The key is derived from the vault's sealing key for one purpose each, so that a file of bronze and a
file of a backup never share one. A sealed file is a mark, a nonce, the tag and the cipher text; the
name under which it was sealed belongs to what is authenticated, so a file cannot take the place of
another one.

Belongs here: bytes to sealed bytes. Not here: which files are sealed (`bronze.py`, `backup.py`).
Decision: docs/decisions/0012-sealed-bronze-and-backup.md.
"""

import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ingestion.vault import sealing_key

MARK = b"YIGONG-SEAL-1\n"
_NONCE_BYTES, _TAG_BYTES = 12, 16
_HEAD_BYTES = len(MARK) + _NONCE_BYTES + _TAG_BYTES


class Damaged(ValueError):
    """A sealed file was cut, changed or moved, or another key sealed it."""


class Sealer:
    """Seals and opens for one purpose with a lake's key.

    Raises:
        KeysUnfit: the lake has no key.
    """

    def __init__(self, home: Path, purpose: str) -> None:
        self._key = derived(sealing_key(home), purpose)

    def seal(self, plain: bytes, name: str) -> bytes:
        """The sealed form of a file called `name`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealer = Cipher(algorithms.SM4(self._key), modes.GCM(nonce)).encryptor()
        sealer.authenticate_additional_data(name.encode())
        sealed = sealer.update(plain) + sealer.finalize()
        return b"".join((MARK, nonce, sealer.tag, sealed))

    def open(self, sealed: bytes, name: str) -> bytes:
        """The file that was sealed under this name.

        Raises:
            Damaged: it is not what was sealed.
        """
        if not sealed.startswith(MARK) or len(sealed) < _HEAD_BYTES:
            raise Damaged(f"{name}：不是封存文件，或已被截断")
        nonce = sealed[len(MARK) : len(MARK) + _NONCE_BYTES]
        tag = sealed[_HEAD_BYTES - _TAG_BYTES : _HEAD_BYTES]
        opener = Cipher(algorithms.SM4(self._key), modes.GCM(nonce, tag)).decryptor()
        opener.authenticate_additional_data(name.encode())
        try:
            return opener.update(sealed[_HEAD_BYTES:]) + opener.finalize()
        except InvalidTag:
            raise Damaged(f"{name}：封存文件已损坏，或由另一密钥封存") from None


def derived(key: bytes, purpose: str) -> bytes:
    """A key of 16 bytes for one purpose (HMAC-SM3 as derivation, GB/T 32905)."""
    derivation = hmac.HMAC(key, hashes.SM3())
    derivation.update(f"yigong seal: {purpose}".encode())
    return derivation.finalize()[:16]
