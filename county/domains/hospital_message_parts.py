"""What hospital messages are made of: channels, item lists, drug orders and fee lines of a month.

Belongs here: frames without HL7 shape, and each feed's own faults. Not here: messages
(`platform/hospital_messages/`). Item and service codes are invented.
"""

from typing import Any

import numpy as np
import polars as pl

from county.roles import COUNTY_HOSPITAL, TCM_HOSPITAL
from county.systems.drugs import WESTERN
from county.systems.hl7_batch import Break, Channel

CHARGES, TCM_CHARGES = "county_hospital__his__charges", "tcm_hospital__his__charges"

_NO_VISIT = Break("missing_segment", "missing_required", "PV1")


def _channel(
    feed: str, system: str, sender: str, encoding: str, each: str, key: int, keep: int,
    breaks: tuple[Break, ...], unmapped: Break | None = None,
) -> Channel:  # fmt: skip
    member, name, what = feed.split("__")
    return Channel(feed, system, sender, f"{member}_{what}", f"{name}_{what}", encoding, each, key,
                   keep, breaks, unmapped)  # fmt: skip


_FT1 = (
    _NO_VISIT,
    Break("impossible_date", "impossible_date", "FT1", 4, "20260230101500"),
    Break("not_a_number", "not_a_number", "FT1", 10, "一"),
    Break("amount_off", "rule_failed", "FT1", 11, "99999.00"),
    Break("missing_required", "missing_required", "FT1", 7, ""),
)
_REQUEST = (
    _NO_VISIT,
    Break("impossible_date", "impossible_date", "OBR", 6, "20260230101500"),
    Break("missing_required", "missing_required", "OBR", 6, ""),
)
_NEW_STATUS = Break("unmapped_local_code", "", "ORC", 5, "ZZ")
_NEW_TYPE = Break("unmapped_local_code", "", "FT1", 7, "F99999^新增项目^L^88")

CHANNELS: dict[str, Channel] = {
    channel.feed: channel
    for channel in (
        _channel(
            "county_hospital__his__orders", "HIS", COUNTY_HOSPITAL, "utf-8", "RXE", 15, 2,
            (
                _NO_VISIT,
                Break("impossible_date", "impossible_date", "ORC", 7, "^QD^INDEF^20260230101500"),
                Break("stopped_before_ordered", "rule_failed", "ORC", 7,
                      "^QD^X1^20260105101500^20190501090000"),
                Break("out_of_range", "out_of_range", "RXE", 3, "-1"),
            ),
            Break("unmapped_local_code", "", "ORC", 7, "^QD^PRN9^20260105101500^"),
        ),
        _channel(
            "county_hospital__his__requests", "HIS", COUNTY_HOSPITAL, "utf-8", "OBR", 2, 2,
            _REQUEST, _NEW_STATUS,
        ),
        _channel(
            "tcm_hospital__his__requests", "HIS", TCM_HOSPITAL, "gb18030", "OBR", 2, 2,
            _REQUEST, _NEW_STATUS,
        ),
        _channel(CHARGES, "HIS", COUNTY_HOSPITAL, "utf-8", "FT1", 2, 3, _FT1, _NEW_TYPE),
        _channel(TCM_CHARGES, "HIS", TCM_HOSPITAL, "gb18030", "FT1", 2, 3, _FT1, _NEW_TYPE),
        _channel(
            "county_hospital__his__schedule", "HIS", COUNTY_HOSPITAL, "utf-8", "SCH", 1, 2,
            (
                Break("impossible_date", "impossible_date", "SCH", 11, "^^30^20260230093000"),
                Break("missing_required", "missing_required", "SCH", 11, ""),
                Break("unknown_code", "unknown_code", "SCH", 8, "HOMEVISIT"),
            ),
            Break("unmapped_local_code", "", "SCH", 22, "KIOSK9"),
        ),
        _channel(
            "county_hospital__emr__messages", "EMR", COUNTY_HOSPITAL, "utf-8", "TXA", 12, 2,
            (
                Break("impossible_date", "impossible_date", "TXA", 6, "20260230101500"),
                Break("missing_segment", "missing_required", "TXA", 12, ""),
            ),
            Break("unmapped_local_code", "", "TXA", 2, "BC99"),
        ),
    )
}  # fmt: skip

DOCUMENTS = pl.DataFrame(
    [
        ("C0023", "入院评估", 90),
        ("C0038", "日常病程记录", 1500),
        ("C0020", "生命体征测量记录", 600),
        ("C0039", "上级医师查房记录", 2880),
    ],
    schema=["type_code", "title", "minutes"],
    orient="row",
)
"""Documents of the ward's system: type (WS/T 500), title, minutes after admission."""

_SERVICE = (
    "service_code",
    "service_name",
    "specimen_code",
    "specimen_name",
    "modality",
    "body_part",
)
LABORATORY = pl.DataFrame(
    [
        ("L001", "血常规", "BLD", "全血", "", ""),
        ("L002", "生化全套", "SER", "血清", "", ""),
        ("L003", "血脂四项", "SER", "血清", "", ""),
        ("L004", "尿常规", "UR", "尿液", "", ""),
        ("L005", "糖代谢", "PLAS", "血浆", "", ""),
    ],
    schema=_SERVICE,
    orient="row",
)
EXAMINATIONS = pl.DataFrame(
    [
        ("E001", "胸部正位片", "", "", "DX", "胸部"),
        ("E002", "头颅CT平扫", "", "", "CT", "头颅"),
        ("E003", "胸部CT平扫", "", "", "CT", "胸部"),
        ("E004", "腹部彩超", "", "", "US", "腹部"),
        ("E005", "甲状腺彩超", "", "", "US", "甲状腺"),
        ("E006", "腰椎正侧位片", "", "", "DX", "腰椎"),
        ("E007", "膝关节正侧位片", "", "", "DX", "膝关节"),
        ("E008", "颅脑MRI平扫", "", "", "MR", "颅脑"),
        ("E009", "腰椎MRI平扫", "", "", "MR", "腰椎"),
    ],
    schema=_SERVICE,
    orient="row",
)

_ROUTES = (("PO", "口服"), ("IV", "静脉滴注"), ("IM", "肌内注射"))
_FREQUENCY = {1: "QD", 2: "BID", 3: "TID"}
_ITEMS = (
    ("F01001", "普通门诊诊察费", "02", 1000),
    ("F03012", "心电图检查", "03", 2500),
    ("F04008", "血常规检验", "04", 2200),
    ("F05003", "静脉输液", "05", 1200),
    ("F08020", "一次性输液器", "08", 350),
)
_WARD_ITEMS = (("F01101", "普通床位费", "01", 3500), ("F07002", "二级护理", "07", 1800))


def drug_orders(
    stays: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """Drug orders of the first hours of each stay, of different drugs."""
    each = int(rates["orders_per_stay"])
    if stays.is_empty():
        return stays
    drugs = pl.DataFrame(
        [(d.code, d.name, d.specification, d.dose, d.dose_unit, _FREQUENCY[d.per_day])
         for d in WESTERN],
        schema=["drug_code", "drug_name", "specification", "dose", "dose_unit", "frequency"],
        orient="row",
    )  # fmt: skip
    routes = pl.DataFrame(_ROUTES, schema=["route_code", "route_name"], orient="row")
    count = len(stays) * each
    first = np.repeat(random.integers(0, len(drugs), len(stays)), each)
    number = np.tile(np.arange(each), len(stays))
    once = random.random(count) < rates["short_orders"]
    frame = stays[np.repeat(np.arange(len(stays)), each)]
    minutes = random.integers(15, 180, count)
    frame = frame.hstack(drugs[(first + number) % len(drugs)])
    return (
        frame.hstack(routes[random.integers(0, len(routes), count)])
        .with_columns(
            order_id=pl.concat_str(
                pl.lit("YZ"), "encounter_id", pl.Series(number + 1).cast(pl.String)
            ),
            timing=pl.when(pl.Series(once)).then(pl.lit("X1")).otherwise(pl.lit("INDEF")),
            ordered=pl.col("start") + pl.duration(minutes=pl.lit(pl.Series(minutes))),
            quantity=pl.Series(random.integers(1, 6, count)),
            control_code=pl.lit("NW"),
        )
        .with_columns(
            moment=pl.col("ordered") + pl.duration(minutes=2),
            stopped=pl.when(pl.Series(once)).then(pl.col("ordered") + pl.duration(minutes=45)),
        )
    )


def fee_lines(
    visits: pl.DataFrame, stays: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """Fee lines: some services and the drugs of a visit, bed and nursing of an admission day.

    A line taken back comes again, negative, in a message of its own.
    """
    columns = ["encounter_id", "person", "patient_class", "department_code", "staff_id", "start"]
    parts = []
    if len(visits):
        each = 3
        take = np.repeat(np.arange(len(visits)), each)
        number = np.tile(np.arange(each), len(visits))
        first = np.repeat(random.integers(0, len(_ITEMS), len(visits)), each)
        parts.append(_lines(visits.select(columns)[take], _ITEMS, (first + number), number, random))
        drugs = visits.filter(pl.col("drug_fee_fen").fill_null(0) > 0)
        parts.append(
            drugs.select(
                *columns, line=pl.lit(each + 1, pl.Int64), item_code=pl.lit("Y00001"),
                item_name=pl.lit("西药费"), charge_type=pl.lit("09"),
                price_fen=pl.col("drug_fee_fen").cast(pl.Int64), quantity=pl.lit(1, pl.Int64),
            )
        )  # fmt: skip
    if len(stays):
        take = np.repeat(np.arange(len(stays)), 2)
        number = np.tile(np.arange(2), len(stays))
        parts.append(_lines(stays.select(columns)[take], _WARD_ITEMS, number, number, random))
    if not parts:
        return stays.head(0)
    lines = pl.concat(parts).with_columns(
        charge_id=pl.concat_str(pl.lit("FY"), "encounter_id", pl.col("line").cast(pl.String)),
        message_id=pl.col("encounter_id"),
        charged=pl.col("start") + pl.duration(minutes=12 + pl.col("line")),
        kind=pl.lit("CG"),
        amount_fen=pl.col("price_fen") * pl.col("quantity"),
    )
    back = lines.filter(pl.lit(random.random(len(lines))) < rates["refunded"]).with_columns(
        pl.col("charge_id") + "T",
        pl.col("charged") + pl.duration(minutes=50),
        -pl.col("quantity"),
        -pl.col("amount_fen"),
        message_id=pl.col("charge_id"),
        kind=pl.lit("CR"),
    )
    return pl.concat([lines, back]).sort("charged", "charge_id")


def _lines(
    frame: pl.DataFrame, items: tuple[tuple[str, str, str, int], ...], which: np.ndarray,
    number: np.ndarray, random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    table = pl.DataFrame(
        items, schema=["item_code", "item_name", "charge_type", "price_fen"], orient="row"
    )
    chosen = table[which % len(items)]
    return frame.with_columns(
        pl.Series("line", number + 1, dtype=pl.Int64),
        *chosen.get_columns(),
        pl.Series("quantity", random.integers(1, 3, len(frame)), dtype=pl.Int64),
    )
