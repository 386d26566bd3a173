"""What a name is compared by: its plain form, its sound, its consonants, its surname.

A clerk writes 张伟 for 张玮 (the same sound), 艾合买提•依明 for 艾海提·伊敏 (another spelling of
one Uygur name) and 王芳之子 for a child without a name. The forms here are the same for the first
two and set the third apart. They are plain text: `person.py` turns them into tokens.

Belongs here: text to text. Source of the readings: standards/names/pinyin.tsv.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

READINGS = Path(__file__).parents[1] / "standards" / "names" / "pinyin.tsv"
DOTS = "·•・‧∙⋅●．.。﹒･ᐧ"
COMPOUND = frozenset({
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "令狐", "慕容", "司徒", "夏侯",
    "端木", "呼延", "宇文", "长孙", "独孤", "南宫", "拓跋", "东郭", "百里", "申屠", "轩辕",
})  # fmt: skip
"""Surnames of two characters; others have one."""

_BLANK = re.compile(rf"[\s{re.escape(DOTS)}\-_*'`]+")
_CHILD = re.compile(
    r"^(?P<mother>\S{2,}?)(?:之|的)?(?P<which>[长次三大小双一二甲乙AB]{0,2})"
    r"(?:子|女|婴|婴儿|宝宝|毛毛|儿子|女儿|新生儿|男婴|女婴|双)(?P<number>[一二三甲乙AB\d]?)$"
)
_SURE_CHILD = re.compile(r"之[长次三大小双一二]?[子女婴双]|婴|毛毛|宝宝|新生儿|儿子$|女儿$")
_INITIAL = re.compile(r"^(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]|)([a-z]*)$")
_CONSONANT = {
    "zh": "z", "ch": "c", "sh": "s", "j": "z", "q": "c", "x": "s", "b": "b", "p": "b", "d": "d",
    "t": "d", "g": "g", "k": "g", "w": "w", "f": "f",
}  # fmt: skip


@dataclass(frozen=True)
class NameKeys:
    """Forms of one name; empty where there is none.

    Args:
        plain: Without dots and blanks, upper case.
        sound: Readings without tone, zh/ch/sh as z/c/s and -ng as -n, which dialects do not tell
            apart.
        consonants: First sounds of the syllables, voiced and voiceless as one, for names that are
            transcribed (two parts, or four characters and more); empty for other names, where two
            children of one house may well share them.
        surname: Surname, or the given name before the dot.
        mother: The mother's name in the name of a child that has none of its own.
    """

    plain: str = ""
    sound: str = ""
    consonants: str = ""
    surname: str = ""
    mother: str = ""


@cache
def _readings() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in READINGS.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            reading, letters = line.split("\t")
            found |= dict.fromkeys(letters, reading)
    return found


@cache
def _syllable(letter: str) -> tuple[str, str]:
    """The folded sound and the folded first sound of one character."""
    reading = _readings().get(letter)
    if reading is None:
        return letter, letter
    match = _INITIAL.match(reading)
    initial, rest = match.groups() if match else ("", reading)
    folded = {"zh": "z", "ch": "c", "sh": "s"}.get(initial, initial)
    final = rest[:-1] if rest.endswith("ng") and len(rest) > 2 else rest
    return folded + final, _CONSONANT.get(initial, initial or rest[:1])


def name_keys(name: str) -> NameKeys:
    """The forms of one name."""
    child = _CHILD.match(name)
    if child and len(name) > 2 and _SURE_CHILD.search(name):
        mother = _BLANK.sub("", child["mother"]).upper()
        return NameKeys(plain=_BLANK.sub("", name).upper(), surname=_surname(mother), mother=mother)
    parts = [part for part in _BLANK.split(name.upper()) if part]
    plain = "".join(parts)
    if not plain:
        return NameKeys()
    sounds = [_syllable(letter) for letter in plain]
    transcribed = (len(parts) > 1 or len(plain) > 3) and plain[:2] not in COMPOUND
    return NameKeys(
        plain,
        "".join(sound for sound, _ in sounds),
        "".join(first for _, first in sounds) if transcribed and len(plain) > 3 else "",
        parts[0] if len(parts) > 1 else _surname(plain),
    )


def _surname(name: str) -> str:
    return name[:2] if name[:2] in COMPOUND and len(name) > 2 else name[:1]


def keys_of(names: pl.Series) -> pl.DataFrame:
    """The forms of many names, columns as in `NameKeys`; null where a form is empty."""
    known = names.drop_nulls().unique()
    made = [name_keys(name) for name in known]
    forms = ("plain", "sound", "consonants", "surname", "mother")
    table = pl.DataFrame(
        {"_name": known, **{form: [getattr(one, form) or None for one in made] for form in forms}},
        schema={"_name": pl.String} | dict.fromkeys(forms, pl.String),
    )
    return pl.DataFrame({"_name": names}, schema={"_name": pl.String}).join(
        table, on="_name", how="left", maintain_order="left"
    ).drop("_name")  # fmt: skip
