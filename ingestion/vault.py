"""The vault: the only place where names, ID numbers, phones and addresses are kept.

Tokens are HMAC-SM3 (GB/T 32905, GB/T 15852.2), records are sealed with SM4-GCM (GB/T 32907). Keys
come from the environment (`YIGONG_VAULT_KEY`, `YIGONG_TOKEN_KEY`, 32 hex digits or more) or from a
key file beside the lake, made on first use with mode 600; never from git.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ingestion.clock import now

_NONCE_BYTES, _TAG_BYTES, _TOKEN_BYTES = 12, 16, 16


def _key(variable: str, file: Path) -> bytes:
    given = os.environ.get(variable)
    if given:
        key = bytes.fromhex(given)
        if len(key) < 16:
            raise ValueError(f"{variable} must hold at least 32 hex digits")
        return key
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(16))
    return bytes.fromhex(file.read_text().strip())


class Vault:
    """Tokens and sealed identities of one lake."""

    def __init__(self, home: Path) -> None:
        keys = home / "keys"
        self._seal_key = _key("YIGONG_VAULT_KEY", keys / "vault.key")[:16]
        self._hmac = hmac.HMAC(_key("YIGONG_TOKEN_KEY", keys / "token.key"), hashes.SM3())
        self._database = sqlite3.connect(home / "vault.sqlite")
        self._database.executescript(
            """
            pragma journal_mode = wal;
            create table if not exists sealed_person (
                source_person_id text primary key, sealed blob not null, sealed_at text not null);
            create table if not exists reveal_log (
                revealed_at text not null, source_person_id text not null, reason text not null);
            """
        )

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> "Vault":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def token(self, kind: str, value: str) -> str:
        """32 hex digits that stand for a value; the same value and kind give the same token."""
        digest = self._hmac.copy()
        digest.update(f"{kind}\x1f{value}".encode())
        return digest.finalize()[:_TOKEN_BYTES].hex()

    def tokens(self, kind: str, values: pl.Series) -> pl.Series:
        """Tokens of a string series; null stays null. Repeated values are hashed once."""
        known = values.drop_nulls().unique()
        made = pl.Series([self.token(kind, value) for value in known], dtype=pl.String)
        return values.replace_strict(known, made, default=None, return_dtype=pl.String)

    def seal(self, people: Iterable[tuple[str, Mapping[str, str | None]]]) -> None:
        """Keep the latest identifying fields of source persons, sealed one blob each."""
        moment = now().isoformat()
        rows = []
        for source_person_id, fields in people:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            sealer = Cipher(algorithms.SM4(self._seal_key), modes.GCM(nonce)).encryptor()
            plain = json.dumps({k: v for k, v in fields.items() if v}, ensure_ascii=False)
            sealed = sealer.update(plain.encode()) + sealer.finalize()
            rows.append((source_person_id, nonce + sealer.tag + sealed, moment))
        with self._database:
            self._database.executemany(
                "insert or replace into sealed_person values (?, ?, ?)", rows
            )

    def reveal(self, source_person_id: str, *, reason: str) -> dict[str, str]:
        """The identifying fields of one source person; the look is logged before it is given.

        Raises:
            KeyError: nobody is sealed under this key.
        """
        row = self._database.execute(
            "select sealed from sealed_person where source_person_id = ?", (source_person_id,)
        ).fetchone()
        if row is None:
            raise KeyError(source_person_id)
        with self._database:
            self._database.execute(
                "insert into reveal_log values (?, ?, ?)",
                (now().isoformat(), source_person_id, reason),
            )
        blob = row[0]
        nonce, tag = blob[:_NONCE_BYTES], blob[_NONCE_BYTES : _NONCE_BYTES + _TAG_BYTES]
        opener = Cipher(algorithms.SM4(self._seal_key), modes.GCM(nonce, tag)).decryptor()
        plain = opener.update(blob[_NONCE_BYTES + _TAG_BYTES :]) + opener.finalize()
        fields: dict[str, str] = json.loads(plain)
        return fields
