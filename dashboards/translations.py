"""Makes the installed Superset speak Chinese without wrong guesses.

The wheel ships about 4,600 Chinese strings, a third of them machine guesses marked fuzzy ("Sign in"
reads "Not In"). This drops the fuzzy ones, lays our own words (translations.yml) over the rest and
rebuilds what the server (.mo) and the page (.json) read. It starts from the shipped .po each time,
so it may run as often as one likes. A few texts the built page carries outside the catalogue are
replaced in place.

Belongs here: the rebuild. Does not belong here: the words themselves (translations.yml).
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
from pathlib import Path
from typing import Any

import yaml
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

WORDS = Path(__file__).resolve().parent / "translations.yml"


def _package() -> Path:
    package = importlib.util.find_spec("superset")
    if package is None or package.origin is None:
        raise SystemExit("Superset is not installed in this environment")
    return Path(package.origin).parent


def _replace(path: Path, content: bytes) -> None:
    """Write beside and rename: package files may be hard links into an installer's cache, and two
    cockpits of one installation may be prepared at once."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def overlay(catalog: Catalog, words: dict[str, str]) -> Catalog:
    """Drop the fuzzy guesses and lay our words over the rest."""
    for message in catalog:
        if not message.id:
            continue
        plural = not isinstance(message.id, str)
        if (word := words.get(_key(message))) is not None:
            message.string = (word,) if plural else word
        elif message.fuzzy:
            message.string = ("",) if plural else ""
        message.flags.discard("fuzzy")
    known = {_key(message) for message in catalog if message.id}
    for english, word in words.items():
        if english not in known:
            catalog.add(english, word)
    return catalog


def _replace_hard_coded(folder: Path, texts: dict[str, str]) -> None:
    """Texts that the built page carries outside the catalogue."""
    wanted = {before.encode(): after.encode() for before, after in texts.items()}
    for path in folder.glob("*.js"):
        content = changed = path.read_bytes()
        for before, after in wanted.items():
            changed = changed.replace(before, after)
        if changed != content:
            _replace(path, changed)


def rebuild() -> bool:
    """Rebuild the catalogs of the installed package; False when nothing had changed."""
    folder = _package() / "translations" / "zh" / "LC_MESSAGES"
    shipped = (folder / "messages.po").read_bytes()
    digest = hashlib.sha256(shipped + WORDS.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    marker = folder / "yigong.digest"
    if marker.exists() and marker.read_text(encoding="ascii") == digest:
        return False
    content = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    _replace_hard_coded(_package() / "static" / "assets", content["hard_coded"])
    catalog = overlay(read_po(io.BytesIO(shipped), locale="zh"), content["words"])
    binary = io.BytesIO()
    write_mo(binary, catalog)
    _replace(folder / "messages.mo", binary.getvalue())
    entries: dict[str, Any] = {
        "": {"domain": "superset", "plural_forms": "nplurals=1; plural=0;", "lang": "zh"}
    }
    for message in catalog:
        texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
        if message.id and any(texts):
            entries[_key(message)] = texts
    pack = {"domain": "superset", "locale_data": {"superset": entries}}
    _replace(folder / "messages.json", json.dumps(pack, ensure_ascii=False).encode("utf-8"))
    _replace(marker, digest.encode("ascii"))
    return True
