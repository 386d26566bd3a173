"""The pathology centre: specimens of operations, biopsies and smears, and their diagnosis.

Belongs here: requests, specimens, reports. Not here: blocks and slides, who may sign
(`work.py`), the tumour register (`public_health/chronic_registers/tumour_register.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.parts import (
    CENTRE,
    amendments,
    crew,
    roster,
    some_minutes_later,
    township_visits,
)
from county.domains.centres.pathology.work import privileges, signed, slides
from county.domains.draws import chance, codes, drawn, moments, serial
from county.domains.outbreak import planted_rows
from county.domains.waiting import Waiting
from county.scene import Export, Scene

REQUESTS = "county_hospital__pathology__requests"
SPECIMENS = "county_hospital__pathology__specimens"
SLIDES, REPORTS = "county_hospital__pathology__slides", "county_hospital__pathology__reports"
VERSIONS = "county_hospital__pathology__report_versions"
ROSTER = "county_hospital__pathology__duty_roster"
PRIVILEGES = "county_hospital__pathology__privileges"
_CARE = ("person", "encounter_id", "organization_id", "department_name", "staff_id",
         "diagnosis_code", "diagnosis_name", "start")  # fmt: skip
_SITE_OF_OPERATION = {
    "腹腔镜下胆囊切除术": "胆囊", "腹腔镜下阑尾切除术": "阑尾",
    "股骨骨折切开复位内固定术": "股骨骨组织", "单侧腹股沟疝修补术": "疝囊",
}  # fmt: skip
# Site, benign diagnosis with its code, malignant one (empty where there is none in this county).
_SITES = pl.DataFrame(
    [
        ("胆囊", "慢性胆囊炎，胆囊结石。", "K81.100", "慢性胆囊炎",
         "胆囊腺癌，侵及肌层。", "C23.x00", "胆囊恶性肿瘤"),
        ("阑尾", "急性化脓性阑尾炎伴阑尾周围炎。", "K35.800", "急性阑尾炎",
         "阑尾神经内分泌肿瘤，G1。", "C18.100", "阑尾恶性肿瘤"),
        ("股骨骨组织", "骨组织及骨髓组织，未见肿瘤。", "S72.000", "股骨颈骨折", None, None, None),
        ("疝囊", "纤维脂肪组织，符合疝囊改变。", "K40.900", "腹股沟疝", None, None, None),
        ("胃窦黏膜", "慢性萎缩性胃炎，轻度肠上皮化生。", "K29.400", "慢性萎缩性胃炎",
         "胃窦中分化腺癌。", "C16.300", "幽门窦恶性肿瘤"),
        ("宫颈", "未见上皮内病变或恶性细胞（NILM）。", "Z12.400", "宫颈肿瘤筛查",
         "见鳞状细胞癌细胞。", "C53.900", "宫颈恶性肿瘤"),
    ],
    schema=["specimen_site", "benign", "benign_code", "benign_name", "malign", "malign_code",
            "malign_name"],
    orient="row",
)  # fmt: skip


class Domain:
    """Feeds of the pathology centre; specimens travel and reports take days."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export]:
        rates, month = self._rates, scene.month
        random = scene.random("pathology")
        asked = self._waiting.due("asked", self._asked(scene, random), "requested_at", month)
        asked = self._fated(asked, random)
        unread = pl.col("status_code") == "IP"
        yield Export(
            REQUESTS, asked, planted_rows("pathology_without_report", asked, "request_id", unread)
        )
        came = self._came(scene, asked, random)
        yield Export(SPECIMENS, self._waiting.due("came", came, "laboratory_received_at", month))
        examined = came.filter(~pl.col("is_rejected"))
        made = slides(random, scene, examined, rates)
        yield Export(SLIDES, self._waiting.due("slides", made, "made_at", month))
        reports = self._reports(scene, examined, random)
        due = self._waiting.due("reports", reports, "reported_at", month)
        outside = planted_rows("signed_outside_rights", due, "report_id", pl.col("is_outside"))
        yield Export(REPORTS, due, outside)
        changed = amendments(random, scene, "pathology", due, rates)
        yield Export(VERSIONS, self._waiting.due("versions", changed, "changed_at", month))
        yield Export(ROSTER, roster(scene, "pathology", ("day", "standby")))
        if month.index == 0:
            yield Export(PRIVILEGES, privileges(scene))

    def _asked(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """One row per specimen taken: of operations, gastroscopies and cervical screening."""
        rates = self._rates
        site = pl.col("operation_name").replace_strict(
            _SITE_OF_OPERATION, default=None, return_dtype=pl.String
        )
        operated = scene.stays.filter(
            (pl.col("start").dt.date() >= scene.month.first)
            & pl.col("operation_name").is_in(list(_SITE_OF_OPERATION))
        )
        operated = drawn(random, operated, rates["surgical"], least=rates["least_surgical"])
        size = len(operated)
        kind = codes(random, rates["kinds"]["own"], size).zip_with(
            operated["organization_id"] == CENTRE, codes(random, rates["kinds"]["other"], size)
        )
        next_day = operated["start"].dt.date().dt.offset_by("1d")
        latest = pl.col("end").fill_null(pl.col("requested_at")) - timedelta(minutes=30)
        surgical = (
            operated.with_columns(
                kind.alias("kind_code"),
                site.alias("specimen_site"),
                moments(random, next_day, opens=9, closes=17).alias("requested_at"),
            )
            .with_columns(
                pl.max_horizontal("start", pl.min_horizontal("requested_at", latest)).alias(
                    "requested_at"
                )
            )
            .select(*_CARE, "kind_code", "specimen_site", "operation_name", "requested_at")
        )
        gastritis = scene.visits.filter(
            pl.col("township").is_null() & (pl.col("diagnosis_code") == "K29.500")
        )
        low, high = rates["screened_age"]
        women = township_visits(scene, first_age=low).filter(
            (pl.col("sex") == "2") & (pl.col("age") <= high)
        )
        parts = [
            surgical,
            _taken(random, gastritis, rates["biopsies"], rates["least_biopsies"], "histology",
                   "胃窦黏膜"),
            _taken(random, women, rates["screened"], rates["least_screened"], "cytology", "宫颈"),
        ]  # fmt: skip
        rows = pl.concat(parts).sort("requested_at", "encounter_id")
        return rows.with_columns(serial("BLSQ", scene.month, len(rows)).alias("request_id"))

    def _fated(self, asked: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """With what becomes of each request."""
        rates, size = self._rates, len(asked)
        rejected = chance(random, rates["rejected"], size)
        lost = ~rejected & chance(random, rates["unreported"], size)
        if size and not lost.any():
            lost[size // 2] = True
        share = asked["kind_code"].replace_strict(rates["malignant"], return_dtype=pl.Float64)
        malignant = chance(random, share.to_numpy(), size)
        return asked.join(_SITES, on="specimen_site", maintain_order="left").with_columns(
            pl.lit(CENTRE).alias("performing_organization_id"),
            rejected.alias("is_rejected"),
            pl.when(rejected).then(codes(random, rates["rejections"], size))
            .alias("rejection_reason_code"),
            pl.when(rejected).then(pl.lit("CA")).when(lost).then(pl.lit("IP"))
            .otherwise(pl.lit("CM")).alias("status_code"),
            (pl.col("malign").is_not_null() & malignant).alias("is_malignant"),
        )  # fmt: skip

    def _came(self, scene: Scene, asked: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """One row per specimen with its way to the centre: minutes in the hospital, else hours."""
        size = len(asked)
        collected = some_minutes_later(random, asked["requested_at"], 10, 60)
        sent = some_minutes_later(random, collected, 3, 20)
        near = asked["organization_id"] == CENTRE
        far = moments(random, sent.dt.date().dt.offset_by("1d"), opens=9, closes=17)
        received = some_minutes_later(random, sent, 3, 20).zip_with(near, far)
        kind = pl.col("kind_code")
        crowd = crew(scene, "pathology")
        receiver = pl.Series(crowd, dtype=pl.String).gather(
            pl.Series(random.integers(0, len(crowd), size))
        )
        return asked.with_columns(
            pl.col("request_id").str.replace("BLSQ", "BL").alias("specimen_id"),
            pl.when(kind == "cytology").then(pl.lit("CYT")).otherwise(pl.lit("TISS"))
            .alias("specimen_type_code"),
            collected.alias("collected_at"),
            sent.alias("sent_at"),
            received.alias("laboratory_received_at"),
            receiver.alias("receiver_staff_id"),
        )  # fmt: skip

    def _reports(
        self, scene: Scene, examined: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One row per report; a frozen section has a second one on paraffin sections."""
        rates = self._rates
        read = examined.filter(pl.col("status_code") == "CM").with_columns(
            pl.col("request_id").str.replace("BLSQ", "BLBG").alias("report_id"),
            pl.lit(None, pl.Boolean).alias("is_frozen_concordant"),
        )
        frozen = read.filter(pl.col("kind_code") == "frozen")
        agreed = chance(random, rates["concordant"], len(frozen))
        final = frozen.with_columns(
            (pl.col("report_id") + "-P").alias("report_id"),
            pl.lit("histology").alias("kind_code"),
            agreed.alias("is_frozen_concordant"),
            pl.when(agreed).then("is_malignant").otherwise(~pl.col("is_malignant"))
            .alias("is_malignant"),
        )  # fmt: skip
        rows = pl.concat([read, final]).with_columns(
            (pl.col("is_malignant") & pl.col("malign").is_not_null()).alias("is_malignant")
        )
        came, kind = rows["laboratory_received_at"], rows["kind_code"]
        limits = kind.replace_strict({**rates["report_days"], "frozen": [0, 0]})
        least, most = limits.list.get(0).to_numpy(), limits.list.get(1).to_numpy()
        days = random.integers(least, most, endpoint=True)
        late = rows["is_malignant"] & (kind == "histology")
        days = days + late.to_numpy() * rates["immunohistochemistry_days"]
        day = came.dt.date() + pl.Series(days * 86_400_000).cast(pl.Duration("ms"))
        usual = moments(random, day, opens=13, closes=18)
        urgent = some_minutes_later(random, came, *rates["frozen_minutes"])
        malignant = pl.col("is_malignant")
        rows = rows.with_columns(
            pl.col("organization_id").alias("requesting_organization_id"),
            pl.lit(CENTRE).alias("organization_id"),
            pl.col("laboratory_received_at").alias("specimen_received_at"),
            urgent.zip_with(kind == "frozen", usual).alias("reported_at"),
            *(
                pl.when(malignant).then(f"malign{part}").otherwise(f"benign{part}").alias(name)
                for part, name in (("", "conclusion"), ("_code", "diagnosis_code"),
                                   ("_name", "diagnosis_name"))
            ),
        )  # fmt: skip
        return signed(random, scene, rows, rates["outside_rights"])


def _taken(
    random: np.random.Generator, visits: pl.DataFrame, share: float, least: int, kind: str,
    site: str,
) -> pl.DataFrame:  # fmt: skip
    """Specimens taken at visits, without an operation."""
    chosen = drawn(random, visits, share, least=least)
    return chosen.select(
        *_CARE,
        pl.lit(kind).alias("kind_code"),
        pl.lit(site).alias("specimen_site"),
        pl.lit(None, pl.String).alias("operation_name"),
        some_minutes_later(random, chosen["start"], 10, 50).alias("requested_at"),
    )
