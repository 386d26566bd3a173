"""How each member system knows a person, with the variants planted there.

Belongs here: the draw of every identity, one scalar and one for whole frames, with equal answers.
Not here: who the person is (`people.py`) or what a name may turn into (`names.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import polars as pl

from county import names
from county.parameters import parameters
from county.people import Person

Numbers = npt.NDArray[np.int64]
Uniforms = npt.NDArray[np.float64]
_MASK = (1 << 64) - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_CLEAN_FEEDS = ("health_commission__registry__staff",)
_CARD_SYSTEM = "health_commission__card_platform__"
"""Its feeds always know the card number."""
_LOCAL_PREFIX = {
    "county_hospital": "A", "tcm_hospital": "B", "township_a": "TA", "township_b": "TB",
    "village_rooms": "VR", "insurance_bureau": "YB", "health_commission": "RK",
    "consortium": "GT", "mch_centre": "FY", "cdc": "JK", "emergency_centre": "JJ",
    "public_security": "GA", "civil_affairs": "MZ", "education_bureau": "JY",
    "environment_bureau": "HJ",
}  # fmt: skip
_LAST_OLD = date(1985, 1, 1)
"""Who was born later never had a number of 15 digits; until 1999 all others had."""
_KEPT = ("local_id", "name", "id_number", "health_card", "insurance_number", "phone", "address")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as one feed sends them. `faults` names what was planted."""

    local_id: str
    name: str
    birth: date
    id_number: str | None
    health_card: str | None
    insurance_number: str | None
    phone: str
    address: str
    faults: tuple[str, ...] = ()


@cache
def _salt(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def _uniform(number: int, salt: int) -> float:
    """SplitMix64 of one number as a double in [0, 1)."""
    z = (number * _STEP + salt) & _MASK
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return ((z ^ (z >> 31)) >> 11) / 2**53


def _uniforms(numbers: Numbers, salt: int) -> Uniforms:
    """The same for many numbers at once."""
    z = numbers.astype(np.uint64) * np.uint64(_STEP) + np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / 2**53


def _swapped(birth: date) -> date | None:
    """Month and day changed over, where that is another date."""
    if birth.day > 12 or birth.day == birth.month:
        return None
    return date(birth.year, birth.day, birth.month)


def _local_prefix(feed: str) -> str:
    member = feed.split("__")[0]
    return _LOCAL_PREFIX.get(member) or "".join(word[0] for word in member.split("_")).upper()


class Identities:
    """Gives every feed its view of a person, the same one each time.

    The draw depends on seed, feed and person alone, so it does not matter when it is asked for.
    A person whose ID number is missing or wrong at a feed always has a health card and, when
    insured, an insurance number there: the truth stays findable.
    """

    def __init__(self, seed: int, people: list[Person]) -> None:
        self._seed = seed
        self._people = people
        self._register = pl.DataFrame()
        self._seen: dict[tuple[str, int], Identity] = {}
        self._sent: dict[str, list[pl.DataFrame]] = {}

    # one person -------------------------------------------------------------------------------

    def of(self, person: Person, feed: str, local_id: str | None = None) -> Identity:
        """The identity a feed sends; `local_id` where the number is not the member's own."""
        found = self._seen.get((feed, person.number))
        if found is None:
            found = self._draw(person, feed, local_id)
            self._seen[feed, person.number] = found
        return found

    def _draw(self, person: Person, feed: str, local_id: str | None) -> Identity:
        rates = parameters()["faults"]
        number = person.number
        own = f"{_local_prefix(feed)}{number * 7873 % 9999991:07d}"
        name, birth, faults = person.name, person.birth, []
        id_number: str | None = person.id_number
        if not (person.steady or feed in _CLEAN_FEEDS):
            draw = _uniform(number, self._key(feed, "id"))
            if draw < rates["missing_id"]:
                id_number = None
                faults.append("missing_id_number")
            elif draw < rates["missing_id"] + rates["invalid_id"]:
                id_number = person.id_number[:-1] + _wrong_digit(person.id_number)
                faults.append("invalid_id_number")
            elif draw > 1 - rates["old_id_number"] and person.birth < _LAST_OLD:
                id_number = _old(person.id_number)
                faults.append("old_id_number")
            kind, other = names.variant(name, _uniform(number, self._key(feed, "name")), rates)
            if kind:
                name = other
                faults.append(kind)
            other_day = _swapped(birth)
            draw = _uniform(number, self._key(feed, "birth"))
            if draw < rates["swapped_birthday"] and other_day:
                birth = other_day
                faults.append("swapped_birthday")
        odd_id = "missing_id_number" in faults or "invalid_id_number" in faults
        shows_card = odd_id or feed.startswith(_CARD_SYSTEM)
        shows_card = shows_card or _uniform(number, self._key(feed, "card")) < 0.8
        shows_insurance = odd_id or _uniform(number, self._key(feed, "insurance")) < 0.7
        return Identity(
            local_id or own, name, birth, id_number,
            person.health_card if shows_card else None,
            person.insurance_number if shows_insurance else None,
            person.phone, person.address, tuple(faults),
        )  # fmt: skip

    def _key(self, feed: str, what: str) -> int:
        return _salt(f"{self._seed}/{feed}/{what}")

    # many persons -----------------------------------------------------------------------------

    def identify(self, feed: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Add to a frame with `person` how the feed knows each; row order stays.

        A `local_id` of the frame stays; a null `person` gives null fields.
        """
        return self.draw(feed, frame).drop("faults")

    def draw(self, feed: str, frame: pl.DataFrame) -> pl.DataFrame:
        """As `identify`, and `faults`, the list of kinds planted in each row's identity."""
        known = frame["person"].is_not_null().to_numpy()
        numbers = frame["person"].cast(pl.Int64).fill_null(1).to_numpy()
        register = self._of_all()[numbers - 1]
        rates = parameters()["faults"]
        clean = ~known | register["steady"].to_numpy()
        if feed in _CLEAN_FEEDS:
            clean[:] = True
        draws = {
            what: _uniforms(numbers, self._key(feed, what))
            for what in ("id", "name", "birth", "card", "insurance")
        }
        missing = ~clean & (draws["id"] < rates["missing_id"])
        wrong = ~clean & ~missing & (draws["id"] < rates["missing_id"] + rates["invalid_id"])
        had_old = (register["birth"] < _LAST_OLD).to_numpy()
        old = ~clean & had_old & (draws["id"] > 1 - rates["old_id_number"])
        named, name_faults = _varied(register["name"], draws["name"], clean, rates)
        swaps = register["swapped"].is_not_null().to_numpy()
        swap = ~clean & swaps & (draws["birth"] < rates["swapped_birthday"])
        odd = missing | wrong
        card = odd | (draws["card"] < 0.8) | feed.startswith(_CARD_SYSTEM)
        insurance = odd | (draws["insurance"] < 0.7)
        marks = [
            pl.when(pl.Series(missing)).then(pl.lit("missing_id_number"))
            .when(pl.Series(wrong)).then(pl.lit("invalid_id_number"))
            .when(pl.Series(old)).then(pl.lit("old_id_number")),
            name_faults,
            pl.when(pl.Series(swap)).then(pl.lit("swapped_birthday")),
        ]  # fmt: skip
        drawn = register.select(
            (_local_prefix(feed) + pl.Series(numbers * 7873 % 9999991).cast(pl.String)
             .str.zfill(7)).alias("local_id"),
            named.alias("name"),
            "sex",
            pl.when(pl.Series(swap)).then("swapped").otherwise("birth").alias("birth"),
            pl.when(pl.Series(missing)).then(None).when(pl.Series(wrong)).then("wrong_id")
            .when(pl.Series(old)).then("old_id").otherwise("id_number").alias("id_number"),
            pl.when(pl.Series(card)).then("health_card").alias("health_card"),
            pl.when(pl.Series(insurance)).then("insurance_number").alias("insurance_number"),
            "phone", "address", "insurance_type", "insured_area",
            pl.concat_list(marks).list.drop_nulls().alias("faults"),
        )  # fmt: skip
        if not known.all():
            drawn = drawn.with_columns(
                pl.when(pl.Series(known)).then(pl.col(c)).alias(c)
                for c in drawn.columns if c != "faults"
            )  # fmt: skip
        if "local_id" in frame.columns:
            drawn = drawn.drop("local_id")
        kept = [c for c in frame.columns if c not in drawn.columns]
        return pl.concat([frame.select(kept), drawn], how="horizontal")

    def _of_all(self) -> pl.DataFrame:
        """What every feed's view is drawn from; row n holds person n + 1. Grows with births."""
        done = len(self._register)
        if done < len(self._people):
            fresh = self._people[done:]
            more = pl.DataFrame(
                {
                    "name": [p.name for p in fresh],
                    "sex": [p.sex for p in fresh],
                    "birth": [p.birth for p in fresh],
                    "swapped": [_swapped(p.birth) for p in fresh],
                    "id_number": [p.id_number for p in fresh],
                    "wrong_id": [p.id_number[:-1] + _wrong_digit(p.id_number) for p in fresh],
                    "old_id": [_old(p.id_number) for p in fresh],
                    "health_card": [p.health_card for p in fresh],
                    "insurance_number": [p.insurance_number for p in fresh],
                    "phone": [p.phone for p in fresh],
                    "address": [p.address for p in fresh],
                    "insurance_type": [p.insurance_type for p in fresh],
                    "insured_area": [p.insured_area for p in fresh],
                    "steady": [p.steady for p in fresh],
                },
                schema_overrides={
                    "swapped": pl.Date, "insurance_number": pl.String, "insurance_type": pl.String,
                },
            )  # fmt: skip
            self._register = pl.concat([self._register, more]) if done else more
        return self._register

    # what was sent ----------------------------------------------------------------------------

    def remember(self, feed: str, rows: pl.DataFrame) -> None:
        """Note the persons of sent rows (`person`, `local_id`) for the answer key."""
        fresh = rows.select("person", "local_id").drop_nulls("person").unique()
        self._sent.setdefault(feed, []).append(fresh)

    def sent(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Per feed, in a stable order, every person sent: `person` and the identity columns."""
        documents: dict[str, list[tuple[int, str]]] = {}
        for (feed, number), identity in self._seen.items():
            documents.setdefault(feed, []).append((number, identity.local_id))
        schema = {"person": pl.Int64, "local_id": pl.String}
        for feed in sorted({*documents, *self._sent}):
            parts = [pl.DataFrame(documents.get(feed, []), schema=schema, orient="row")]
            parts += [part.cast(schema) for part in self._sent.get(feed, [])]  # type: ignore[arg-type]
            together = pl.concat(parts).unique().sort("person", "local_id")
            yield feed, self.identify(feed, together).select("person", *_KEPT)


def _old(id_number: str) -> str:
    """The 15 digits of the number's first generation: no century, no check digit."""
    return id_number[:6] + id_number[8:17]


def _wrong_digit(id_number: str) -> str:
    return "0" if id_number[-1] != "0" else "1"


def _varied(
    true: pl.Series, draws: Uniforms, clean: npt.NDArray[np.bool_], rates: dict[str, float]
) -> tuple[pl.Series, pl.Series]:
    """Names as sent and the kind of variant of each; only drawn rows are looked at one by one."""
    likely = ~clean & (draws < names.highest_rate(rates))
    found = pl.DataFrame({"row": np.flatnonzero(likely)})
    kinds: list[str | None] = []
    texts: list[str] = []
    for name, draw in zip(true.filter(pl.Series(likely)), draws[likely].tolist(), strict=True):
        kind, other = names.variant(name, draw, rates)
        kinds.append(kind)
        texts.append(other)
    rows = found["row"]
    sent = true.clone()
    faults: pl.Series = pl.Series("fault", [None] * len(true), dtype=pl.String)
    if len(rows):
        sent = sent.scatter(rows, pl.Series(texts, dtype=pl.String))
        faults = faults.scatter(rows, pl.Series(kinds, dtype=pl.String))
    return sent, faults
