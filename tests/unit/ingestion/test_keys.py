"""Lost, empty, damaged or foreign keys, or a lost vault: the lake refuses to go on."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import KeysUnfit, Vault
from tests.unit.ingestion.builders import contract, visit


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A lake that has taken one visit."""
    lake = Lake.open(tmp_path / "lake")
    (lake.inbox / "clinic").mkdir(parents=True)
    rows = [visit(1)]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (lake.inbox / "clinic" / "a.csv").write_text("\n".join(lines), "utf-8")
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        run = ingest_feed(lake, contract(), vault=vault, ledger=ledger, settle=0)
        assert run.count.accepted == 1
    return lake.home


@pytest.mark.parametrize("name", ["vault.key", "token.key"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "不存在"),
        ("", "为空或过短"),
        ("00ff", "为空或过短"),
        ("no key at all", "不是十六进制"),
        ("00" * 16, "与本数据湖的保险库不符"),
    ],
)
def test_keys_that_are_not_those_of_the_lake_are_refused(
    home: Path, name: str, content: str | None, said: str
) -> None:
    path = home / "keys" / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(KeysUnfit, match=said) as refusal:
        Vault(home)
    assert name in str(refusal.value)
    if content is None:
        assert not path.exists(), "no new key is made"


def test_the_right_keys_open_again_also_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vault(home) as vault:
        token = vault.token("id_number", "1")
    for variable, name in (("YIGONG_VAULT_KEY", "vault"), ("YIGONG_TOKEN_KEY", "token")):
        monkeypatch.setenv(variable, (home / "keys" / f"{name}.key").read_text())
    shutil.rmtree(home / "keys")
    with Vault(home) as vault:
        assert vault.token("id_number", "1") == token


def test_a_vault_from_before_there_were_check_values_knows_its_sealing_key(home: Path) -> None:
    with sqlite3.connect(home / "vault.sqlite") as database:
        database.execute("drop table key_check")
    right = (home / "keys" / "vault.key").read_text()
    (home / "keys" / "vault.key").write_text("00" * 16)
    with pytest.raises(KeysUnfit, match="不符"):
        Vault(home)
    (home / "keys" / "vault.key").write_text(right)
    Vault(home).close()


def test_a_lost_vault_is_not_begun_anew(home: Path) -> None:
    for path in home.glob("vault.sqlite*"):
        path.unlink()
    with pytest.raises(KeysUnfit, match="保险库"):
        Vault(home)
    assert not (home / "vault.sqlite").exists()


def test_a_new_lake_makes_its_keys_for_itself_alone(tmp_path: Path) -> None:
    Vault(tmp_path).close()
    for name in ("vault.key", "token.key"):
        assert (tmp_path / "keys" / name).stat().st_mode & 0o077 == 0
