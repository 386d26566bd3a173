"""What the hospitals' messages mean, by the columns of the entities.

Belongs here: true rows of orders, requests, fee lines and notices. Not here: the messages
(`domain.py`).
"""

from collections.abc import Iterator

import polars as pl

from county.scene import Meant
from county.systems.hl7_batch import Channel

_LONG, _SHORT = "1", "2"  # CV06.00.229: kept on until stopped, given once
_ROUTINE, _CANCELLED, _IN_PROGRESS = "R", "CA", "IP"


def meant_orders(channel: Channel, lines: pl.DataFrame) -> Meant:
    """Drug orders, those taken back as versions of their own."""
    rows = lines.select(
        "order_id", pl.lit(channel.sender).alias("organization_id"), "encounter_id",
        pl.when(pl.col("timing") == "X1").then(pl.lit(_SHORT)).otherwise(pl.lit(_LONG))
        .alias("duration_code"),
        "drug_code", "drug_name", "specification", "dose", "dose_unit",
        pl.col("frequency").alias("frequency_text"), "route_name", "quantity",
        pl.col("ordered").alias("ordered_at"), pl.col("stopped").alias("stopped_at"),
        pl.col("moment").alias("recorded_at"),
        (pl.col("control_code") == _CANCELLED).alias("is_cancelled"),
        "department_code", "staff_id",
    )  # fmt: skip
    return Meant(channel.feed, "medication_order", rows)


def meant_requests(channel: Channel, requests: pl.DataFrame) -> Iterator[Meant]:
    """Requests for the laboratory and for imaging, those taken back as versions of their own."""
    taken_back = pl.col("control_code") == _CANCELLED
    laboratory = pl.col("message_kind") == "OML^O21"
    common = [
        pl.col("request_id"), pl.lit(channel.sender).alias("organization_id"),
        pl.col("encounter_id"), pl.lit(_ROUTINE).alias("priority_code"),
        pl.when(taken_back).then(pl.lit(_CANCELLED)).otherwise(pl.lit(_IN_PROGRESS))
        .alias("status_code"),
        pl.col("requested").alias("requested_at"), pl.col("moment").alias("recorded_at"),
        pl.col("staff_id", "diagnosis_code", "diagnosis_name"),
    ]  # fmt: skip
    code, name = pl.col("service_code"), pl.col("service_name")
    yield Meant(
        channel.feed, "laboratory_request",
        requests.filter(laboratory).select(
            *common, code.alias("panel_code"), name.alias("panel_name"),
            pl.col("specimen_code").alias("specimen_type_code"),
        ),
    )  # fmt: skip
    yield Meant(
        channel.feed, "examination_request",
        requests.filter(~laboratory).select(
            *common, code.alias("item_code"), name.alias("item_name"), "modality", "body_part",
        ),
    )  # fmt: skip


def meant_charges(channel: Channel, lines: pl.DataFrame) -> Meant:
    """Fee lines, each under a number of its own, those taken back negative."""
    rows = lines.select(
        "charge_id", pl.lit(channel.sender).alias("organization_id"), "encounter_id",
        pl.col("charged").alias("charged_at"), "item_code", "item_name",
        pl.col("charge_type").alias("charge_type_code"), "quantity",
        pl.col("price_fen").alias("unit_price_fen"), "amount_fen",
        (pl.col("kind") == "CR").alias("is_refund"), "department_code", "staff_id",
    )  # fmt: skip
    return Meant(channel.feed, "charge_item", rows)


def meant_notices(channel: Channel, documents: pl.DataFrame) -> Meant:
    """Documents of a stay that the ward's system announces."""
    rows = documents.select(
        "document_id", pl.lit(channel.sender).alias("organization_id"),
        pl.col("type_code").alias("document_type_code"), "title", "encounter_id",
        pl.col("moment").alias("authored_at"), "staff_id",
    )  # fmt: skip
    return Meant(channel.feed, "clinical_document", rows)
