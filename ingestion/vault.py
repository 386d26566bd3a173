"""The vault: the only place where names, ID numbers, phones and addresses are kept.

Tokens are HMAC-SM3 (GB/T 32905, GB/T 15852.2), records are sealed with SM4-GCM (GB/T 32907). Keys
come from the environment (`YIGONG_VAULT_KEY`, `YIGONG_TOKEN_KEY`, 32 hex digits or more) or from a
key file beside the lake, made on first use with mode 600; never from git. The vault keeps a check
value of both: other keys than those it began with are refused.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ingestion.clock import now

_NONCE_BYTES, _TAG_BYTES, _TOKEN_BYTES = 12, 16, 16


class KeysUnfit(RuntimeError):
    """Keys are lost, unreadable or not those of this lake; going on would part people from
    their records."""


def _key(variable: str, file: Path, *, may_make: bool) -> bytes:
    """A key of at least 16 bytes from the environment or its file.

    Raises:
        KeysUnfit: there is none and none may be made, or it is too short or no hex.
    """
    given = os.environ.get(variable)
    where = f"环境变量 {variable}" if given else f"密钥文件 {file}"
    if not given and not file.exists():
        if not may_make:
            raise KeysUnfit(
                f"{where} 不存在，而本数据湖已有封存的身份；请放回原密钥（备份或密钥管理处），"
                "不要另建：新密钥会使新旧记录无法对应"
            )
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(16))
            stream.flush()
            os.fsync(stream.fileno())
    try:
        key = bytes.fromhex(given or file.read_text("ascii").strip())
    except ValueError:
        raise KeysUnfit(f"{where} 不是十六进制；请放回原密钥") from None
    if len(key) < 16:
        raise KeysUnfit(f"{where} 为空或过短（至少 32 位十六进制）；请放回原密钥")
    return key


def sealing_key(home: Path, *, may_make: bool = False) -> bytes:
    """The key that seals, from the environment or its file.

    Raises:
        KeysUnfit: it is missing, unless it may be made, or unfit.
    """
    return _key("YIGONG_VAULT_KEY", home / "keys" / "vault.key", may_make=may_make)


def keys_of(home: Path, *, may_make: bool = False) -> tuple[bytes, bytes]:
    """The sealing key and the token key of a lake, from the environment or its key files.

    Raises:
        KeysUnfit: one of them is missing, unless it may be made, or unfit.
    """
    token = home / "keys" / "token.key"
    return sealing_key(home, may_make=may_make), _key("YIGONG_TOKEN_KEY", token, may_make=may_make)


def key_check(key: bytes, purpose: str) -> str:
    """A value by which a key is known again and which does not give it away."""
    digest = hmac.HMAC(key, hashes.SM3())
    digest.update(f"yigong key check: {purpose}".encode())
    return digest.finalize()[:8].hex()


class Vault:
    """Tokens and sealed identities of one lake.

    Raises:
        KeysUnfit: the keys are not those with which the lake began, or the vault is lost.
    """

    def __init__(self, home: Path) -> None:
        path = home / "vault.sqlite"
        begun = path.exists() or _has_bookings(home)
        if begun and not path.exists():
            raise KeysUnfit(
                f"保险库 {path} 不存在，而台账已有记录；请用 yigong restore 从备份恢复，不要另建"
            )
        sealing, token = keys_of(home, may_make=not begun)
        self._seal_key = sealing[:16]
        self._hmac = hmac.HMAC(token, hashes.SM3())
        self._database = sqlite3.connect(path, timeout=60)
        self._database.executescript(
            """
            pragma journal_mode = wal;
            create table if not exists key_check (purpose text primary key, value text not null);
            create table if not exists sealed_person (
                source_person_id text primary key, sealed blob not null, sealed_at text not null);
            create table if not exists reveal_log (
                revealed_at text not null, source_person_id text not null, reason text not null);
            """
        )
        try:
            self._check_keys({"sealing": sealing, "token": token})
        except KeysUnfit:
            self._database.close()
            raise

    def _check_keys(self, keys: Mapping[str, bytes]) -> None:
        """Compare with the values of the first opening; a vault without them is opened once to
        see that the sealing key fits."""
        known = dict(self._database.execute("select purpose, value from key_check"))
        if not known:
            row = self._database.execute("select sealed from sealed_person limit 1").fetchone()
            try:
                if row:
                    self._open(row[0])
            except InvalidTag:
                raise KeysUnfit(_FOREIGN.format("vault.key（YIGONG_VAULT_KEY）")) from None
        for purpose, key in keys.items():
            if known.get(purpose, key_check(key, purpose)) != key_check(key, purpose):
                name = "vault.key（YIGONG_VAULT_KEY）" if purpose == "sealing" else (
                    "token.key（YIGONG_TOKEN_KEY）"
                )  # fmt: skip
                raise KeysUnfit(_FOREIGN.format(name))
        if not known:
            with self._database:
                self._database.executemany(
                    "insert or ignore into key_check values (?, ?)",
                    [(purpose, key_check(key, purpose)) for purpose, key in keys.items()],
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
        fields: dict[str, str] = json.loads(self._open(row[0]))
        return fields

    def _open(self, blob: bytes) -> bytes:
        nonce, tag = blob[:_NONCE_BYTES], blob[_NONCE_BYTES : _NONCE_BYTES + _TAG_BYTES]
        opener = Cipher(algorithms.SM4(self._seal_key), modes.GCM(nonce, tag)).decryptor()
        return opener.update(blob[_NONCE_BYTES + _TAG_BYTES :]) + opener.finalize()


_FOREIGN = "密钥 {} 与本数据湖的保险库不符；请放回原密钥，不要继续接入"


def _has_bookings(home: Path) -> bool:
    """Whether anything has been booked in this lake."""
    path = home / "ledger.sqlite"
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=60)) as ledger:
        known = ledger.execute("select 1 from sqlite_schema where name = 'batch'").fetchone()
        return bool(known and ledger.execute("select 1 from batch limit 1").fetchone())
