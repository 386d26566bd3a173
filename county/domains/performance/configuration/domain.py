"""The lead hospital's configuration system: registers, prices, messages between systems, logs.

Belongs here: what all systems of the consortium should agree on, and who changed it. Not here: the
commission's own registers (`administration/licences/`, `county/systems/exports.py`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, drawn, hours_later, moments, serial
from county.domains.picks import in_service, of_level, picked
from county.roles import COUNTY, COUNTY_HOSPITAL
from county.scene import Export, Planted, Scene

MASTER = "county_hospital__configuration__master_data"
PRICES = "county_hospital__configuration__prices"
MESSAGES = "county_hospital__configuration__messages"
LOGS = "county_hospital__configuration__operations"
_LEAD = COUNTY_HOSPITAL
_LEVELS = ["hospital", "township", "village"]
_ENTRY = {
    "register_code": pl.String, "entry_id": pl.String, "entry_name": pl.String,
    "parent_entry_id": pl.String, "subject_organization_id": pl.String,
    "standard_code": pl.String, "vendor_id": pl.String, "staff_id": pl.String,
    "description": pl.String,
}  # fmt: skip


class Domain:
    """Four feeds; remembers which users it has announced."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._known = pl.DataFrame(schema=_ENTRY)
        names = ["item_code", "local_item_code", "insurance_item_code", "item_name",
                 "charge_type_code", "unit_name", "price", "levels"]  # fmt: skip
        self._items = pl.DataFrame(rates["items"], schema=names, orient="row")

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("configuration")
        yield self._master(scene, random)
        yield self._prices(scene, random)
        yield Export(MESSAGES, self._messages(scene, random))
        yield self._operations(scene, random)

    # registers --------------------------------------------------------------------------------

    def _master(self, scene: Scene, random: np.random.Generator) -> Export:
        """Every entry in the first month; later new users, a few entries in a new version, and the
        accounts of those who left, switched off."""
        month, own = scene.month, ["register_code", "entry_id"]
        entries = pl.concat([self._catalogues(), self._places(scene), self._users(scene)])
        fresh = entries.join(self._known, on=own, how="anti", maintain_order="left")
        gone = self._known.join(entries, on=own, how="anti", maintain_order="left")
        kept = self._known.filter(pl.col("register_code") != "user")
        changed = drawn(random, kept, self._rates["changed_entries"], least=8)
        self._known = pl.concat([self._known.join(gone, on=own, how="anti"), fresh])
        parts = [(fresh, 1, "1"), (changed, 1 + month.index, "1"), (gone, 1 + month.index, "2")]
        rows = pl.concat(
            part.with_columns(
                pl.lit(version, pl.Int64).alias("version_number"), pl.lit(state).alias("state_code")
            )
            for part, version, state in parts
        )
        day = days(random, month.first, month.last, len(rows))
        rows = rows.with_columns(
            pl.lit(month.first).alias("valid_from"),
            pl.Series("changed_at", moments(random, day)),
            pl.lit("admin01").alias("changed_by_user_id"),
        )
        listed_twice = rows.filter(pl.col("entry_id") == "F310700009")["entry_id"].to_list()
        return Export(MASTER, rows, [Planted("item_listed_twice", key) for key in listed_twice])

    def _catalogues(self) -> pl.DataFrame:
        """Lists that the settings hold; one service item stands there under a second code."""
        given = self._rates
        rows: list[dict[str, str]] = []

        def add(register: str, entry_id: str, name: str, **more: str) -> None:
            rows.append(
                {"register_code": register, "entry_id": entry_id, "entry_name": name} | more
            )

        for code, name, about in given["vendors"]:
            add("vendor", code, name, description=about)
        for code, name, about in given["roles"]:
            add("role", code, name, description=about)
        for code, name, place in given["centres"]:
            add("diagnostic_centre", code, name, subject_organization_id=place, vendor_id="KF02")
        for code, name, about in given["groups"]:
            add("hospital_group", code, name, description=about)
        for code, name, standard, about in given["diseases"]:
            add("disease", code, name, standard_code=standard, description=about)
        for code, name, disease, about in given["indications"]:
            add("referral_indication", code, name, parent_entry_id=disease, description=about)
        for code, _, insurance, name, _, unit, *_ in given["items"]:
            add(
                "service_item", code, name, standard_code=insurance, description=f"计价单位：{unit}"
            )
        add("service_item", "F310700009", "常规心电图检查", description="计价单位：人次")
        return pl.DataFrame(rows, schema=_ENTRY)

    def _places(self, scene: Scene) -> pl.DataFrame:
        known = pl.col("level").is_in(["county", "consortium", *_LEVELS, "professional"])
        towns = pl.col("level").is_in(["county", "township"])
        institutions = scene.organizations.filter(known & (pl.col("level") != "county"))
        areas = scene.organizations.filter(towns)
        code = pl.col("organization_id")
        return pl.concat([
            _entries(
                areas, "area", (pl.lit("QH") + code),
                pl.col("name").str.replace("中心卫生院|卫生院", ""),
                pl.when(pl.col("level") == "township").then(pl.lit(f"QH{COUNTY}")), None,
            ),
            _entries(institutions, "institution", code, pl.col("name"), pl.col("parent"), code),
        ])  # fmt: skip

    @staticmethod
    def _users(scene: Scene) -> pl.DataFrame:
        """An account for everyone who treats; the name of an account is its department's."""
        staff = of_level(scene, in_service(scene, ["11", "12", "21", "60"]), _LEVELS)
        role = pl.when(pl.col("category") == "21").then(pl.lit("R02")).when(
            pl.col("category") == "60"
        ).then(pl.lit("R03")).otherwise(pl.lit("R01"))  # fmt: skip
        return _entries(
            staff, "user", pl.lit("u") + pl.col("staff_id").str.to_lowercase(),
            pl.col("department_name") + pl.lit("账号"), role, pl.col("organization_id"),
        ).with_columns(staff["staff_id"].alias("staff_id"))  # fmt: skip

    def _prices(self, scene: Scene, random: np.random.Generator) -> Export:
        """Every price in the first month; later one item's at one institution, set too high."""
        month = scene.month
        places = scene.organizations.filter(pl.col("level").is_in(_LEVELS))
        offered = self._items.explode("levels").rename({"levels": "level"})
        prices = places.select("organization_id", "level").join(
            offered, on="level", maintain_order="left_right"
        )
        wrong = int(random.integers(0, len(prices)))
        if month.index:
            prices = prices.slice(wrong, 1)
            wrong = 0
        over = pl.int_range(pl.len()) == wrong
        raised = (pl.col("price") * self._rates["overpriced"]).cast(pl.Int64)
        rows = prices.with_columns(
            serial("JG", month, len(prices)).alias("price_id"),
            pl.col("price").alias("standard_price_fen"),
            pl.when(over).then(raised).otherwise("price").alias("price_fen"),
            pl.lit(self._rates["documents"]).alias("document_number"),
            pl.lit(month.first).alias("valid_from"),
            pl.lit(None, pl.Date).alias("valid_to"),
        )
        return Export(PRICES, rows, [Planted("price_above_standard", rows["price_id"][wrong])])

    # what happens -----------------------------------------------------------------------------

    def _messages(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        given = self._rates
        care = of_level(scene, scene.visits, ["hospital", "township"])
        causes = drawn(random, care, given["message_share"], least=8)
        size = len(causes)
        centres = scene.organizations.filter(pl.col("level") == "township")["organization_id"]
        other = pl.Series(random.choice(centres.to_numpy(), size))
        sent = hours_later(random, causes["start"], 0.1, 3)
        delivered = hours_later(random, sent, 0.0003, 0.02)
        failed = pl.Series(random.random(size) < given["failed"])
        failed = failed | (pl.Series(np.arange(size)) == 0)
        open_yet = chance(random, given["unacknowledged"], size)
        attempts = 1 + random.binomial(2, given["retried"], size)
        reasons = pl.Series(random.choice(np.array(given["failures"], dtype=object), size).tolist())
        from_lead = pl.col("level") == "hospital"
        return causes.with_columns(
            serial("XX", scene.month, size).alias("message_id"),
            codes(random, given["kinds"], size).alias("message_kind_code"),
            pl.col("organization_id").alias("sending_organization_id"),
            pl.when(from_lead).then(pl.lit(other)).otherwise(pl.lit(_LEAD))
            .alias("receiving_organization_id"),
            codes(random, {"KF01": 0.4, "KF02": 0.3, "KF03": 0.3}, size).alias("vendor_id"),
            sent.alias("sent_at"),
            pl.when(~failed).then(delivered).alias("delivered_at"),
            pl.when(~failed & ~open_yet).then(hours_later(random, delivered, 0.02, 5))
            .alias("acknowledged_at"),
            pl.when(failed).then(pl.lit("4")).when(open_yet).then(pl.lit("2"))
            .otherwise(pl.lit("3")).alias("state_code"),
            pl.when(failed).then(5).otherwise(pl.Series(attempts)).alias("attempt_count"),
            pl.Series("byte_count", random.integers(900, 60_000, size)),
            pl.when(failed).then(reasons).alias("error_text"),
        ).drop("person", "organization_id")  # fmt: skip

    def _operations(self, scene: Scene, random: np.random.Generator) -> Export:
        """Operations by day, and one user who takes the whole user list out at night."""
        given, month = self._rates, scene.month
        users = self._known.filter(pl.col("register_code") == "user")
        size = max(12, len(users) * given["operations_per_user"])
        done = picked(random, users.select("entry_id", "subject_organization_id"), size)
        at = moments(random, days(random, month.first, month.last, size)).to_list()
        action = codes(random, given["actions"], size)
        thief = size - 1
        night = datetime(month.year, month.number, int(random.integers(2, 27)), 2, 37)
        at[thief], action[thief] = night + timedelta(seconds=month.index), "6"
        stolen = pl.int_range(pl.len()) == thief
        several = action.is_in(["2", "6"])
        rows = done.with_columns(
            serial("RZ", month, size).alias("log_id"),
            pl.col("entry_id").alias("user_id"),
            pl.col("subject_organization_id").alias("organization_id"),
            pl.Series("occurred_at", at, dtype=pl.Datetime("us")),
            codes(random, given["modules"], size).alias("module_name"),
            action.alias("action_code"),
            pl.when(stolen).then(len(users) + 4000)
            .when(several).then(pl.Series(random.integers(1, 80, size))).otherwise(1)
            .alias("record_count"),
            (~chance(random, given["unsuccessful"], size) | stolen).alias("is_successful"),
            pl.Series("duration_milliseconds", random.integers(20, 3000, size)),
            ("10.65." + pl.Series(random.integers(1, 20, size)).cast(pl.String) + "."
             + pl.Series(random.integers(2, 250, size)).cast(pl.String)).alias("client_address"),
        )  # fmt: skip
        return Export(LOGS, rows, [Planted("bulk_export_at_night", rows["log_id"][thief])])


def _entries(
    frame: pl.DataFrame, register: str, entry_id: pl.Expr, name: pl.Expr,
    parent: pl.Expr, place: pl.Expr | None,
) -> pl.DataFrame:  # fmt: skip
    """Rows of a register with the columns of every other."""
    given = {
        "register_code": pl.lit(register), "entry_id": entry_id, "entry_name": name,
        "parent_entry_id": parent, "subject_organization_id": place,
    }  # fmt: skip
    known = {column: value for column, value in given.items() if value is not None}
    empty = pl.lit(None, pl.String)
    return frame.select(
        known.get(column, empty).cast(kind).alias(column) for column, kind in _ENTRY.items()
    )
