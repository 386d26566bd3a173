"""What stands in an identifying field, and what only looks as if something stood there.

A number that says "none" (无, 0, NULL, 99999999), a number that lost digits in a spreadsheet and a
national number in the place of a local one identify nobody. They become null and leave a flag.

Belongs here: reading one value of the person block. Not here: tokens and keys (`person.py`), what a
name sounds like (`name_keys.py`), a number that too many people share (`identity/`).
"""

from calendar import monthrange
from collections.abc import Callable

import polars as pl

from ingestion.cast import typed
from ingestion.entity import Column

NUMBERS = ("local_id", "id_number", "health_card_number", "insurance_number", "phone")

_WORDS = (
    r"(?i)^(?:无|无卡|无号|没有|暂无|暂缺|缺|不详|未知|不明|不清|未提供|未填写?|空|空白|待查|待补|待定|保密"
    r"|NULL|\(NULL\)|<NULL>|NIL|NONE|N/?A|NAN|UNKNOWN|UNK|TEST|\\N|X+|[-–—_/\\.,、*?？#+·\s]+)$"
)
_RUN = "|".join(f"{digit}{{6,}}" for digit in "123456789")
_NO_NUMBER = rf"^(?:0+|{_RUN}|1?23456789?0?1?)$"
_SCIENTIFIC = r"(?i)^\d(?:\.\d+)?E\+?\d+$"
_NAMELESS = r"^(?:无名氏?[\d#]*|某某某?|未知|不详|佚名|患者|病人|测试|无|空|NULL|-+|\.+|\?+)$"
_FORMULA = r'^=\s*"(.*)"$'
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
_HAN = r"\p{Han}"


# Cheap questions: most values are as they should be, and only the others are worth reading closely.
ODD_TEXT = (
    r"^[\s='\u{3000}]|\s$|[\u{FF00}-\u{FFEF}\u{2F00}-\u{2FDF}\u{3000}\u{00A0}\u{00B2}-\u{00B9}]"
)
ODD_NAME = r"[^\p{Han}·]|^.$|^(?:无|某|未知|不详|佚|患者|病人|测试|空)"
ODD_NUMBER = (
    r"^.{0,6}$|[^A-Za-z0-9]|^[A-Za-z]*$|[A-Za-z].*[A-Za-z]{3}|[Ee]\+?\d|^1?234567"
    r"|0{6}|1{6}|2{6}|3{6}|4{6}|5{6}|6{6}|7{6}|8{6}|9{6}"
)
ODD_ID_NUMBER = r"[^0-9X]"
ODD_PHONE = r"^[^1]|^.{0,10}$|^.{12,}$|[^0-9]"
LIKE_ID_NUMBER = r"^\d{17}[\dXx]$"


def only(values: pl.Series, odd: str, change: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    """Values of which those that match `odd` have been changed."""
    which = values.str.contains(odd).fill_null(False)
    if not which.any():
        return values
    chosen = values.filter(which)
    changed = pl.DataFrame({"v": chosen}).select(change(pl.col("v"))).to_series()
    return values.clone().scatter(which.arg_true(), changed)


def birth_dates(raw: pl.Series, column: Column, *, pattern: str | None, compact: bool) -> pl.Series:
    """As `birth_date`, closely only for what is not written as agreed."""
    agreed = typed(pl.lit(raw), column, pattern=pattern, compact=compact, scale=None)
    found = pl.select(pl.when(agreed.dt.year().is_between(1880, 2100)).then(agreed)).to_series()
    open_ = raw.is_not_null() & found.is_null()
    if not open_.any():
        return found
    frame = pl.DataFrame({"v": raw.filter(open_)})
    closely = birth_date(pl.col("v"), column, pattern=pattern, compact=compact)
    return found.clone().scatter(open_.arg_true(), frame.select(closely).to_series())


def plain(raw: pl.Expr) -> pl.Expr:
    """A text without what a spreadsheet wrapped it in (`="…"`, a leading apostrophe), full-width
    letters and digits as ordinary ones, no blanks around; empty becomes null."""
    text = raw.str.normalize("NFKC").str.strip_chars()
    text = pl.coalesce(text.str.extract(_FORMULA, 1), text)
    text = text.str.strip_prefix("'").str.strip_chars()
    return pl.when(text != "").then(text)


def is_lossy(text: pl.Expr) -> pl.Expr:
    """Scientific notation: the digits are gone."""
    return text.str.contains(_SCIENTIFIC)


def number(text: pl.Expr) -> pl.Expr:
    """A plain text as a number that may identify; null where it says "none" or has lost digits."""
    bare = text.str.to_uppercase()
    says_none = bare.str.contains(_WORDS) | bare.str.contains(_NO_NUMBER) | is_lossy(bare)
    return pl.when(~says_none).then(text)


def national(text: pl.Expr) -> pl.Expr:
    """A citizen number without the blanks and dashes it may be written with, upper case."""
    return text.str.replace_all(r"[\s-]", "").str.to_uppercase()


def phone(text: pl.Expr) -> pl.Expr:
    """Digits of a phone number, without the country's prefix; the first of several."""
    first = text.str.extract(r"^([+\d\s()-]+)", 1).str.replace_all(r"[^\d]", "")
    return first.str.replace(r"^(?:0086|86)(1\d{10})$", "$1")


def person_name(text: pl.Expr) -> pl.Expr:
    """A name as one text: family and given name joined, no blanks inside a Chinese name but a dot,
    always the same, between the parts of a transcribed one; of a name given twice (张三 ZHANG SAN)
    the Chinese one."""
    chinese = text.str.contains(_HAN)
    bare = text.str.replace_all(r"\s*[A-Za-z][A-Za-z' .-]*$", "")
    bare = bare.str.replace_all(r"(\p{Han})\s*[•・‧∙⋅●．.。﹒･ᐧ]\s*", "$1·")
    bare = bare.str.replace(r"^(\p{Han}{2,})\s+(\p{Han}{3,})$", "$1·$2")
    bare = bare.str.replace(r"^(\p{Han}{3,})\s+(\p{Han}{2,})$", "$1·$2")
    parts = bare.str.replace_all(r"\s+", "")
    twice = bare.str.extract(r"^(\S{2,})\s+(\S+)$", 1)
    given = bare.str.extract(r"^\S{2,}\s+(\S+)$", 1)
    whole = pl.when(twice.str.ends_with(given)).then(twice).otherwise(parts)
    return pl.when(chinese & (whole != "")).then(whole).otherwise(text)


def nameless(name: pl.Expr) -> pl.Expr:
    """True where the name says that none is known."""
    return name.str.to_uppercase().str.contains(_NAMELESS)


def birth_date(raw: pl.Expr, column: Column, *, pattern: str | None, compact: bool) -> pl.Expr:
    """A date of birth as agreed, else in any way of writing it that can only mean one day: year
    first, or with a day over 12. A bare year, a spreadsheet's day count and 04/05/1979 are null.
    """

    def read(text: pl.Expr, how: str | None, *, short: bool = False) -> pl.Expr:
        return typed(text, column, pattern=how, compact=short, scale=None)

    dotted = raw.str.replace_all(r"[年月./]", "-").str.strip_suffix("日")
    parts = r"^(\d{1,2})-(\d{1,2})-(\d{4})$"
    first, second = (dotted.str.extract(parts, n).cast(pl.Int32) for n in (1, 2))
    year_last = dotted.str.extract(parts, 3)
    day_first = (first > 12) | (first == second)
    other = pl.when(day_first).then(
        pl.format("{}-{}-{}", year_last, second, first)
    ).when(second > 12).then(pl.format("{}-{}-{}", year_last, first, second))  # fmt: skip
    found = pl.coalesce(
        read(raw, pattern, short=compact),
        *([] if compact else [read(raw, None)]),
        read(dotted, None),
        read(other, "%Y-%m-%d"),
    )
    return pl.when(found.dt.year().is_between(1880, 2100)).then(found)


def current_id_number(value: pl.Expr) -> pl.Expr:
    """A citizen number of 15 digits as its 18 characters; any other number as it is.

    The first generation had no century, always 19, and no check character (GB 11643-1989).
    """
    first_17 = value.str.slice(0, 6) + "19" + value.str.slice(6, 9)
    return (
        pl.when(value.str.contains(r"^\d{15}$"))
        .then(first_17 + check_character(first_17))
        .otherwise(value)
    )


def check_character(value: pl.Expr) -> pl.Expr:
    """ISO 7064 MOD 11-2 over the first 17 characters."""
    total = pl.sum_horizontal(
        value.str.slice(i, 1).cast(pl.Int32, strict=False) * w for i, w in enumerate(_WEIGHTS)
    )
    return (total % 11).replace_strict(
        list(range(11)), list(CHECK), default=None, return_dtype=pl.String
    )


def birth_in(id_number: pl.Expr) -> pl.Expr:
    """The date of birth that a number of 18 characters says; null where that is no day."""
    day = id_number.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    return pl.when(day.dt.year().is_between(1880, 2100)).then(day)


def valid_id_number(value: pl.Expr) -> pl.Expr:
    """True for an 18-character citizen number with a right check character and a day that exists
    (GB 11643-1999)."""
    shaped = value.str.contains(r"^[1-9]\d{16}[\dX]$")
    right = check_character(value) == value.str.slice(17, 1)
    return shaped & right & birth_in(value).is_not_null()


def repairs(wrong: str) -> list[str]:
    """The valid numbers that one other digit, or two neighbours changed over, make of a wrong one.

    The check character leaves at most one digit a place, so these are some fifteen numbers; those
    whose date of birth does not exist are left out. Empty for what has no 18 characters.
    """
    if len(wrong) != 18 or not wrong[:17].isdigit() or wrong[17] not in "0123456789X":
        return []
    digits = [int(one) for one in wrong[:17]]
    off = CHECK.index(wrong[17]) - sum(d * w for d, w in zip(digits, _WEIGHTS, strict=True)) % 11
    found = {wrong[:17] + CHECK[(CHECK.index(wrong[17]) - off) % 11]}
    for at, weight in enumerate(_WEIGHTS):
        for digit in range(10):
            if digit != digits[at] and ((digit - digits[at]) * weight - off) % 11 == 0:
                found.add(wrong[:at] + str(digit) + wrong[at + 1 :])
        if at < 16 and digits[at] != digits[at + 1]:
            moved = (digits[at + 1] - digits[at]) * (weight - _WEIGHTS[at + 1])
            if (moved - off) % 11 == 0:
                found.add(wrong[:at] + wrong[at + 1] + wrong[at] + wrong[at + 2 :])
    return sorted(one for one in found if _has_day(one))


def _has_day(id_number: str) -> bool:
    year, month, day = int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14])
    if id_number[0] == "0" or not 1880 <= year <= 2100 or not 1 <= month <= 12:
        return False
    return 1 <= day <= monthrange(year, month)[1]
