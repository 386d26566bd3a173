"""ID numbers are checked by GB 11643; tokens are stable and one-way."""

from pathlib import Path

import polars as pl
import pytest

from ingestion.person_values import current_id_number, valid_id_number
from ingestion.vault import Vault


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("653999199001010014", False),
        ("11010519491231002X", True),
        ("110105194912310021", False),
        ("420106201101011919", False),
        ("110105491231002", False),
        ("", False),
    ],
)
def test_check_character(number: str, valid: bool) -> None:
    frame = pl.DataFrame({"n": [number]})
    assert frame.select(valid_id_number(pl.col("n")).fill_null(False)).item() is valid


@pytest.mark.parametrize(
    ("number", "current"),
    [
        ("110105491231002", "11010519491231002X"),
        ("11010519491231002X", "11010519491231002X"),
        ("11010549123100", "11010549123100"),
        (None, None),
    ],
)
def test_fifteen_digits_become_eighteen(number: str | None, current: str | None) -> None:
    frame = pl.DataFrame({"n": [number]}, schema={"n": pl.String})
    assert frame.select(current_id_number(pl.col("n"))).item() == current


def test_tokens_are_stable_and_differ_by_kind(tmp_path: Path) -> None:
    with Vault(tmp_path) as vault:
        first = vault.token("name", "张三")
    with Vault(tmp_path) as vault:
        assert vault.token("name", "张三") == first
        assert vault.token("phone", "张三") != first
    assert "张三" not in first


def test_keys_from_the_environment_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YIGONG_TOKEN_KEY", "00" * 16)
    with Vault(tmp_path) as vault:
        assert vault.token("name", "张三") == Vault(tmp_path / "").token("name", "张三")
    assert not (tmp_path / "keys" / "token.key").exists()


def test_a_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Vault(tmp_path).close()
    assert (tmp_path / "keys" / "vault.key").stat().st_mode & 0o077 == 0
