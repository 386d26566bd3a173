"""What the hospitals send as HL7 v2 messages: orders, requests, charges, bookings, notices.

Belongs here: which messages a month of care gives and what they say. Not here: segments and files
(`county/systems/hl7_batch.py`), ADT and ORU (`county/systems/hl7.py`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.hospital_message_parts import (
    CHANNELS,
    CHARGES,
    DOCUMENTS,
    EXAMINATIONS,
    LABORATORY,
    TCM_CHARGES,
    drug_orders,
    fee_lines,
)
from county.domains.platform.hospital_messages.meant import (
    meant_charges,
    meant_notices,
    meant_orders,
    meant_requests,
)
from county.roles import COUNTY_HOSPITAL, TCM_HOSPITAL
from county.scene import Document, Meant, Scene
from county.systems.hl7_batch import (
    Channel,
    Hl7Files,
    header,
    patient,
    segment,
    stamp,
    text,
    yuan,
)

ORDERS = "county_hospital__his__orders"
REQUESTS, TCM_REQUESTS = "county_hospital__his__requests", "tcm_hospital__his__requests"
SCHEDULE = "county_hospital__his__schedule"
NOTICES = "county_hospital__emr__messages"
_CLASS = {"1": "O", "2": "E", "3": "I"}


class Domain:
    """The message feeds of the two hospitals."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._control = 0
        self._meant: list[Meant] = []
        self._files = {feed: Hl7Files(channel) for feed, channel in CHANNELS.items()}

    def month(self, scene: Scene) -> Iterator[Document | Meant]:
        random = scene.random("hospital_messages")
        visits = {code: _own(scene.visits, code) for code in (COUNTY_HOSPITAL, TCM_HOSPITAL)}
        stays = _admitted(scene)
        county, tcm = visits[COUNTY_HOSPITAL], visits[TCM_HOSPITAL]
        admitted = stays.filter(pl.col("organization_id") == COUNTY_HOSPITAL)
        made = {
            ORDERS: self._orders(scene, admitted, random),
            REQUESTS: self._requests(REQUESTS, scene, county, admitted, random),
            TCM_REQUESTS: self._requests(
                TCM_REQUESTS, scene, tcm, stays.filter(pl.col("organization_id") == TCM_HOSPITAL),
                random,
            ),
            CHARGES: self._charges(CHARGES, scene, county, admitted, random),
            TCM_CHARGES: self._charges(
                TCM_CHARGES, scene, tcm, stays.filter(pl.col("organization_id") == TCM_HOSPITAL),
                random,
            ),
            SCHEDULE: self._schedule(scene, county, random),
            NOTICES: self._notices(scene, admitted, random),
        }  # fmt: skip
        for feed, messages in made.items():
            yield from self._files[feed].month(messages, scene.month, random)
        yield from self._meant
        self._meant = []

    # what is sent -----------------------------------------------------------------------------

    def _orders(
        self, scene: Scene, stays: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Drug orders of each admission; some taken back half an hour later."""
        lines = drug_orders(stays, self._rates, random)
        if lines.is_empty():
            return _none()
        gone = lines.filter(pl.lit(random.random(len(lines))) < self._rates["cancelled_orders"])
        gone = gone.with_columns(
            pl.col("moment") + pl.duration(minutes=30), control_code=pl.lit("CA")
        )
        lines = pl.concat([lines, gone])
        channel = CHANNELS[ORDERS]
        self._meant.append(meant_orders(channel, lines))
        frame = self._known(channel, scene, lines)
        timing = pl.concat_str(
            pl.lit("^"), text("frequency"), pl.lit("^"), text("timing"), pl.lit("^"),
            stamp("ordered"), pl.lit("^"), stamp("stopped"),
        )  # fmt: skip
        order = segment(
            "ORC",
            {1: text("control_code"), 2: text("order_id"), 7: timing, 9: stamp("moment"),
             12: text("staff_id"), 13: text("department_code")},
        )  # fmt: skip
        drug = segment(
            "RXE",
            {1: timing, 2: pl.concat_str("drug_code", pl.lit("^"), "drug_name", pl.lit("^L")),
             3: text("dose"), 5: text("dose_unit"), 6: pl.lit("^") + text("specification"),
             10: text("quantity"), 15: text("order_id")},
        )  # fmt: skip
        route = segment("RXR", {1: pl.concat_str("route_code", pl.lit("^"), "route_name")})
        return _built(frame, header(channel, "RDE^O11"), patient(channel.sender), _visit(),
                      order, drug, route)  # fmt: skip

    def _requests(
        self, feed: str, scene: Scene, visits: pl.DataFrame, stays: pl.DataFrame,
        random: np.random.Generator,
    ) -> pl.DataFrame:  # fmt: skip
        """OML^O21 for the laboratory, ORM^O01 for imaging: one for each report of the hospital, and
        a few that are taken back or never carried out."""
        channel, rates = CHANNELS[feed], self._rates
        columns = ["encounter_id", "person", "patient_class", "start", "department_code",
                   "staff_id", "diagnosis_code", "diagnosis_name"]  # fmt: skip
        care = pl.concat([visits.select(columns), stays.select(columns)])
        made = []
        for letter, kind, services, reported in (
            ("L", "OML^O21", LABORATORY, scene.reports),
            ("E", "ORM^O01", EXAMINATIONS, scene.examinations),
        ):
            asked = reported.select("request_id", "encounter_id", "service_code").join(
                care, on="encounter_id", maintain_order="left"
            )
            idle = _some(care, rates["without_report"], rates["fewest_without_report"], random)
            idle = idle.with_columns(
                request_id=pl.lit(f"SQ{letter}") + pl.col("encounter_id"),
                service_code=services["service_code"].gather(
                    pl.Series(random.integers(0, len(services), len(idle)))
                ),
            )
            frame = pl.concat([asked, idle.select(asked.columns)])
            frame = frame.join(services, on="service_code", maintain_order="left")
            made.append(frame.with_columns(message_kind=pl.lit(kind)))
        frame = pl.concat(made)
        if frame.is_empty():
            return _none()
        minutes = pl.Series(random.integers(3, 9, len(frame)))
        frame = frame.with_columns(
            moment=pl.col("start") + pl.duration(minutes=pl.lit(minutes)),
            control_code=pl.lit("NW"),
        ).with_columns(requested=pl.col("moment"))
        idle = frame.filter(pl.col("request_id").str.slice(3) == pl.col("encounter_id"))
        gone = idle.filter(pl.lit(random.random(len(idle))) < rates["cancelled_requests"])
        gone = gone.with_columns(
            pl.col("moment") + pl.duration(minutes=12), control_code=pl.lit("CA")
        )
        frame = self._known(channel, scene, pl.concat([frame, gone]))
        self._meant += meant_requests(channel, frame)
        taken_back = pl.col("control_code") == "CA"
        status = pl.when(taken_back).then(pl.lit("CA")).otherwise(pl.lit("IP"))
        order = segment(
            "ORC",
            {1: text("control_code"), 2: text("request_id"), 5: status, 7: "^^^^^R",
             9: stamp("moment"),
             12: text("staff_id"), 13: text("department_code")},
        )  # fmt: skip
        part = pl.when(pl.col("body_part") == "").then(pl.lit("")).otherwise(
            pl.lit("^^^") + pl.col("body_part")
        )  # fmt: skip
        request = segment(
            "OBR",
            {1: "1", 2: text("request_id"),
             4: pl.concat_str("service_code", pl.lit("^"), "service_name", pl.lit("^L")),
             6: stamp("requested"), 7: stamp("requested"), 15: part, 16: text("staff_id"),
             24: text("modality"),
             31: pl.concat_str("diagnosis_code", pl.lit("^"), "diagnosis_name", pl.lit("^I10"))},
        )  # fmt: skip
        specimen = pl.when(pl.col("specimen_code") == "").then(pl.lit("")).otherwise(
            segment("SPM", {1: "1", 2: pl.lit("SP") + text("request_id"),
                            4: pl.concat_str("specimen_code", pl.lit("^"), "specimen_name"),
                            17: stamp("requested")})
        )  # fmt: skip
        return _built(frame, header(channel, text("message_kind")), patient(channel.sender),
                      _visit(), order, request, specimen)  # fmt: skip

    def _charges(
        self, feed: str, scene: Scene, visits: pl.DataFrame, stays: pl.DataFrame,
        random: np.random.Generator,
    ) -> pl.DataFrame:  # fmt: skip
        """One message an encounter with its fee lines, and one for each line taken back."""
        channel = CHANNELS[feed]
        chosen = _some(visits, self._rates["charged"], self._rates["fewest"], random)
        lines = fee_lines(chosen, stays, self._rates, random)
        if lines.is_empty():
            return _none()
        self._meant.append(meant_charges(channel, lines))
        item = segment(
            "FT1",
            {1: text("line"), 2: text("charge_id"), 4: stamp("charged"), 6: text("kind"),
             7: pl.concat_str("item_code", pl.lit("^"), "item_name", pl.lit("^L^"), "charge_type"),
             10: text("quantity"), 11: yuan("amount_fen"), 12: yuan("price_fen"),
             13: text("department_code"), 21: text("staff_id")},
        )  # fmt: skip
        messages = (
            lines.with_columns(item.alias("item"))
            .group_by("message_id", maintain_order=True)
            .agg(
                pl.col("encounter_id", "person", "patient_class", "department_code", "staff_id")
                .first(),
                pl.col("charged").max().alias("moment"),
                pl.col("item").str.join(""),
                rows=pl.len(),
            )
        )  # fmt: skip
        frame = self._known(channel, scene, messages)
        event = segment("EVN", {1: "P03", 2: stamp("moment")})
        return _built(frame, header(channel, "DFT^P03"), event, patient(channel.sender), _visit(),
                      pl.col("item"))  # fmt: skip

    def _schedule(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """S12 for visits booked before and for bookings never used; S15 for the latter."""
        channel = CHANNELS[SCHEDULE]
        rates = self._rates
        usable = visits.filter(pl.col("patient_class") == "1")
        kept = _some(usable, rates["booked"], rates["fewest"], random)
        if kept.is_empty():
            return _none()
        days = pl.lit(pl.Series(random.integers(1, rates["booked_days"] + 1, len(kept))))
        first = scene.month.first
        kept = kept.with_columns(
            booking_id=pl.lit("YY") + pl.col("encounter_id"),
            wanted=pl.col("start").dt.truncate("30m"),
            moment=pl.max_horizontal(
                pl.col("start") - pl.duration(days=days),
                pl.lit(first).cast(pl.Datetime("us")) + pl.duration(minutes=days * 61),
            ),
            trigger=pl.lit("S12"),
            status=pl.lit("Booked"),
        ).filter(pl.col("moment") < pl.col("wanted"))
        missed = kept.filter(pl.lit(random.random(len(kept))) < rates["missed"]).with_columns(
            pl.col("booking_id") + "C", pl.col("moment") + pl.duration(minutes=3)
        )
        gone = missed.with_columns(
            pl.col("moment") + pl.duration(minutes=40),
            trigger=pl.lit("S15"),
            status=pl.lit("Cancelled"),
        ).filter(pl.col("moment") < pl.col("wanted"))
        missed = missed.join(gone, on="booking_id", how="semi")
        made = pl.concat([kept, missed, gone])
        booked = pl.col("moment").min().over("booking_id").alias("booked")
        frame = self._known(channel, scene, made.with_columns(booked))
        timing = pl.concat_str(
            pl.lit("^^30^"), stamp("wanted"), pl.lit("^"),
            (pl.col("wanted") + pl.duration(minutes=30)).dt.strftime("%Y%m%d%H%M%S"),
        )  # fmt: skip
        head = segment(
            "SCH",
            {1: text("booking_id"), 2: text("booking_id"), 6: "BOOKING", 8: "NORMAL", 9: "30",
             10: "min", 11: timing, 16: text("staff_id"), 20: text("staff_id"),
             22: text("channel"), 25: text("status")},
        )  # fmt: skip
        note = segment("NTE", {1: "1", 3: stamp("booked")})
        general = segment("AIG", {1: "1", 3: text("staff_id"), 4: "MD", 8: stamp("wanted")})
        place = segment("AIL", {1: "1", 3: pl.concat_str(
            text("department_code"), pl.lit("^^^"), pl.lit(channel.sender), pl.lit("^^^^^"),
            text("department_name")), 4: "C"})  # fmt: skip
        return _built(
            frame.with_columns(channel=pl.Series(["APP", "WINDOW", "TERMINAL"])[
                frame["person"].to_numpy() % 3
            ]),
            header(channel, pl.lit("SIU^") + text("trigger")), head, note, patient(channel.sender),
            segment("RGS", {1: "1"}), general, place,
        )  # fmt: skip

    def _notices(
        self, scene: Scene, stays: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """MDM^T02 for the day-by-day documents of a stay that are kept in the ward's system."""
        channel = CHANNELS[NOTICES]
        frame = stays.join(DOCUMENTS, how="cross").with_columns(moment=_later("start", "minutes"))
        end = pl.col("end").fill_null(pl.lit(scene.month.last).cast(pl.Datetime("us")))
        frame = frame.filter(pl.col("moment") <= pl.max_horizontal(end, _later("start", "grace")))
        if frame.is_empty():
            return _none()
        frame = frame.with_columns(
            document_id=pl.concat_str(pl.lit("MD"), "type_code", "encounter_id")
        )
        self._meant.append(meant_notices(channel, frame))
        frame = self._known(channel, scene, frame)
        notice = segment(
            "TXA",
            {1: "1", 2: text("type_code"), 3: "TX", 4: stamp("start"), 6: stamp("moment"),
             9: text("staff_id"), 12: text("document_id"), 16: text("title"), 17: "AU"},
        )  # fmt: skip
        content = segment("OBX", {1: "1", 2: "TX", 3: pl.concat_str(
            "type_code", pl.lit("^"), "title", pl.lit("^L")), 5: "详见文书", 11: "F"})  # fmt: skip
        event = segment("EVN", {1: "T02", 2: stamp("moment")})
        return _built(frame, header(channel, "MDM^T02"), event, patient(channel.sender), _visit(),
                      notice, content)  # fmt: skip

    def _known(self, channel: Channel, scene: Scene, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows in the order of sending, with a control number and the person as known."""
        frame = frame.sort("moment", "encounter_id", maintain_order=True)
        first = self._control
        self._control += len(frame)
        numbers = pl.int_range(first + 1, first + len(frame) + 1, eager=True)
        control = pl.select(
            channel.sender[6:] + channel.system + numbers.cast(pl.String)
        ).to_series()
        return scene.identify(channel.feed, frame.with_columns(control=control))


def _own(visits: pl.DataFrame, code: str) -> pl.DataFrame:
    return visits.filter(pl.col("organization_id") == code)


def _admitted(scene: Scene) -> pl.DataFrame:
    """Stays that begin in the month."""
    return scene.stays.filter(pl.col("start").dt.date() >= scene.month.first).with_columns(
        grace=pl.lit(0)
    )


def _some(
    frame: pl.DataFrame, share: float, fewest: int, random: np.random.Generator
) -> pl.DataFrame:
    """A share of the rows, at least `fewest`."""
    draws = pl.Series(random.random(len(frame)))
    taken = (draws < share) | (pl.int_range(len(frame), eager=True) < fewest)
    return frame.filter(taken)


def _later(column: str, minutes: str) -> pl.Expr:
    return pl.col(column) + pl.duration(minutes=pl.col(minutes))


def _visit() -> pl.Expr:
    """PV1 of a frame with class, department, doctor and number of the encounter."""
    return segment(
        "PV1",
        {1: "1", 2: pl.col("patient_class").cast(pl.String).replace(_CLASS),
         3: text("department_code"), 7: text("staff_id"), 19: text("encounter_id")},
    )  # fmt: skip


def _built(frame: pl.DataFrame, *segments: pl.Expr) -> pl.DataFrame:
    rows = pl.col("rows") if "rows" in frame.columns else pl.lit(1)
    return frame.select("moment", text=pl.concat_str(segments), rows=rows.cast(pl.Int64))


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"moment": pl.Datetime("us"), "text": pl.String, "rows": pl.Int64})
