"""HL7 V3 messages of the platform services: patients, encounters, orders, documents, master index.

Belongs here: which messages a month of care gives and what they say. Not here: elements and files
(`county/systems/hl7v3_batch.py`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.roles import COUNTY_HOSPITAL, HEALTH_COMMISSION
from county.scene import Document, Scene
from county.systems.drugs import WESTERN
from county.systems.hl7v3_batch import (
    BED,
    DEPARTMENT,
    DOCUMENT,
    INDEX,
    INPATIENT,
    ORDER,
    ORGANIZATION,
    PATIENT,
    ROOT,
    VISIT,
    Edit,
    Hl7V3Files,
    act,
    interaction,
    item,
    moment,
    named,
    person,
    staff,
    text,
)

HOSPITAL, COMMISSION = COUNTY_HOSPITAL, HEALTH_COMMISSION
SERVICES = "county_hospital__platform__services"
INDEX_FEED = "health_commission__population_platform__index"
_BAD_TIME = r'<creationTime value="\d+"/>', '<creationTime value="20260230101500"/>'
_EDITS = (
    Edit("impossible_date", "impossible_date", "<registrationRequest", *_BAD_TIME, 0, 2),
    Edit("unknown_code", "unknown_code", "<encounterEvent",
         r'</id><code code="\d"', '</id><code code="7"', 1, 1),
    Edit("unknown_code", "unknown_code", "<placerGroup",
         r'<statusCode code="\w+"', '<statusCode code="gone"', 1, 1),
    Edit("missing_required", "missing_required", "<clinicalDocument",
         rf'(<item root="{DOCUMENT}" extension=")[^"]+', r"\g<1>", 1, 1),
)  # fmt: skip
_INDEX_EDITS = (
    _EDITS[3],
    Edit("impossible_date", "impossible_date", "<queryMatchObservation", *_BAD_TIME, 0, 2),
    Edit("impossible_date", "impossible_date", "<replacementOf", *_BAD_TIME, 0, 3),
)
_CONSENT = ("C0031", "其他知情告知同意书")
_SUMMARY = ("HSDC00.02", "门诊摘要")


class Domain:
    """The two feeds of service messages."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._number = 0
        self._files = {
            SERVICES: Hl7V3Files(SERVICES, "county_hospital_services", _EDITS),
            INDEX_FEED: Hl7V3Files(INDEX_FEED, "population_platform_index", _INDEX_EDITS),
        }

    def month(self, scene: Scene) -> Iterator[Document]:
        random = scene.random("service_messages")
        visits = scene.visits.filter(pl.col("organization_id") == HOSPITAL)
        begun = pl.col("start").dt.date() >= scene.month.first
        stays = scene.stays.filter(begun & (pl.col("organization_id") == HOSPITAL))
        services = [
            *self._patients(scene, visits, random),
            self._encounters(scene, visits, stays, random),
            *self._orders(scene, stays, random),
            self._consents(scene, stays, random),
        ]
        index = [*self._queries(scene, random), self._summaries(scene, random)]
        for feed, made in ((SERVICES, services), (INDEX_FEED, index)):
            messages = pl.concat([m for m in made if len(m)]) if any(map(len, made)) else made[0]
            yield from self._files[feed].month(messages, scene.month, random)

    # the hospital's platform ------------------------------------------------------------------

    def _patients(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> list[pl.DataFrame]:
        """Patients registered or updated at their visit, each with the platform's answer."""
        chosen = self._some(visits, "registered", random)
        changed = pl.Series(random.random(len(chosen))) < self._rates["updated"]
        made = []
        for name, frame in (
            ("PRPA_IN201311UV02", chosen.filter(~changed)),
            ("PRPA_IN201314UV02", chosen.filter(changed)),
        ):
            frame = self._numbered(SERVICES, scene, frame, pl.col("start") - pl.duration(minutes=4))
            request = text(
                '<registrationRequest classCode="REG" moodCode="RQO"><statusCode code="active"/>'
                '<subject1 typeCode="SBJ">', _patient(HOSPITAL), "</subject1>", staff("author"),
                "</registrationRequest>",
            )  # fmt: skip
            made.append(_messages(frame, name, "HIS", "ESB", act(request), 2))
            made.append(self._answers(scene, frame))
        return made

    def _answers(self, scene: Scene, frame: pl.DataFrame) -> pl.DataFrame:
        """The platform's acknowledgement a second later, one message each."""
        answers = frame.select("person", target_id=pl.col("message_id"), start=pl.col("moment"))
        answers = self._numbered(SERVICES, scene, answers, pl.col("start") + pl.duration(seconds=1))
        return answers.select(
            "moment",
            text=interaction("MCCI_IN000002UV01", "ESB", "HIS", pl.lit(""), "AA"),
            rows=pl.lit(1, pl.Int64),
        )

    def _encounters(
        self, scene: Scene, visits: pl.DataFrame, stays: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Visits and admissions, announced a minute before the hospital's own message."""
        columns = [*visits.columns, "bed_id"]
        chosen = self._some(visits, "encounters", random).with_columns(
            bed_id=pl.lit(None, pl.String)
        )
        frame = pl.concat([chosen.select(columns), stays.select(columns)])
        frame = self._numbered(SERVICES, scene, frame, pl.col("start") - pl.duration(minutes=1))
        place = text(
            "<location><serviceDeliveryLocation><location><id>", item(BED, "bed_id"),
            "</id></location><serviceProviderOrganization><id>",
            item(DEPARTMENT, "department_code"), "</id>", named(pl.col("department_name")),
            "</serviceProviderOrganization></serviceDeliveryLocation></location>",
        )  # fmt: skip
        event = text(
            '<encounterEvent classCode="ENC" moodCode="EVN"><id>', item(VISIT, "encounter_id"),
            '</id><code code="', pl.col("patient_class"), f'" codeSystem="{ROOT}.2.3.1.271"/>',
            '<statusCode code="active"/><effectiveTime><low value="', moment("start"),
            '"/></effectiveTime><subject>', _patient(HOSPITAL), "</subject>", staff("attender"),
            place, "</encounterEvent>",
        )  # fmt: skip
        return _messages(frame, "PRPA_IN400001UV", "HIS", "ESB", act(event), 2)

    def _orders(
        self, scene: Scene, stays: pl.DataFrame, random: np.random.Generator
    ) -> list[pl.DataFrame]:
        """The first order of an admission: placed, then carried out."""
        chosen = self._some(stays, "orders", random)
        drugs = pl.Series([drug.name for drug in WESTERN])
        chosen = chosen.with_columns(
            drug_name=drugs.gather(random.integers(0, len(drugs), len(chosen)))
        )
        made = []
        for name, status, minutes in (
            ("POOR_IN200901UV", "active", 20), ("POOR_IN200902UV", "completed", 75),
        ):  # fmt: skip
            later = pl.col("start") + pl.duration(minutes=minutes)
            frame = self._numbered(SERVICES, scene, chosen, later)
            order = text(
                '<component2><substanceAdministrationRequest classCode="SBADM" moodCode="RQO">'
                f'<id root="{ORDER}" extension="YZ', pl.col("encounter_id"), '1"/><code code="1" '
                f'codeSystem="{ROOT}.2.3.1.268"/><statusCode code="{status}"/><consumable2>'
                "<manufacturedProduct1><manufacturedProduct>", named(pl.col("drug_name")),
                "</manufacturedProduct></manufacturedProduct1></consumable2>"
                "</substanceAdministrationRequest></component2>",
            )  # fmt: skip
            author = text(
                "<author><assignedEntity><id>", item(f"{ROOT}.1.4", "staff_id"),
                "</id><representedOrganization>", named(pl.col("department_name")),
                "</representedOrganization></assignedEntity></author>",
            )  # fmt: skip
            visit = text(
                "<componentOf1><encounter><id>", item(VISIT, "encounter_id"), "</id><subject>",
                _patient(HOSPITAL), "</subject></encounter></componentOf1>",
            )  # fmt: skip
            group = text(
                '<placerGroup classCode="GROUPER">', author, order, visit, "</placerGroup>"
            )
            made.append(_messages(frame, name, "CPOE", "ESB", act(group), 2))
        return made

    def _consents(
        self, scene: Scene, stays: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        chosen = self._some(stays, "documents", random).with_columns(
            document_id=pl.lit("ZQ") + pl.col("encounter_id"),
            authored=pl.col("start") + pl.duration(minutes=25),
        )
        later = pl.col("start") + pl.duration(minutes=30)
        frame = self._numbered(SERVICES, scene, chosen, later)
        return _messages(frame, "RCMR_IN000002UV02", "EMR", "ESB", act(_document(*_CONSENT)), 2)

    # the master index of the county -----------------------------------------------------------

    def _queries(self, scene: Scene, random: np.random.Generator) -> list[pl.DataFrame]:
        """Answers of the master index to a member, and merges of two of its numbers."""
        chosen = self._some(scene.visits, "queries", random)
        lost = pl.Series(random.random(len(chosen))) < self._rates["not_found"]
        made = []
        for code, part in (("OK", chosen.filter(~lost)), ("NF", chosen.filter(lost))):
            part = part.with_columns(target_id=pl.lit("CX") + pl.col("encounter_id"))
            later = pl.col("start") + pl.duration(seconds=2)
            frame = self._numbered(INDEX_FEED, scene, part, later)
            said = text(f'<queryAck><queryResponseCode code="{code}"/></queryAck>')
            if code == "OK":
                match = (
                    '<subjectOf1><queryMatchObservation><code code="PDQ"/><value value="',
                    pl.when(pl.col("id_number").is_null()).then(90).otherwise(100),
                    '"/></queryMatchObservation></subjectOf1>',
                )
                found = text(
                    '<registrationEvent classCode="REG" moodCode="EVN"><statusCode code="active"/>'
                    "<subject1>", _known_patient(*match), "</subject1></registrationEvent>",
                )  # fmt: skip
                body, rows = act(found, after=said), 2
            else:
                body, rows = text("<controlActProcess>", said, "</controlActProcess>"), 1
            made.append(
                frame.select(
                    "moment",
                    text=interaction("PRPA_IN201306UV02", "EMPI", "MEMBER", body, "AA"),
                    rows=pl.lit(rows, pl.Int64),
                )
            )
        merged = self._some(chosen, "merged", random)
        frame = self._numbered(INDEX_FEED, scene, merged, pl.col("start") + pl.duration(hours=3))
        void = text(
            '<replacementOf typeCode="RPLC"><priorRegistration><statusCode code="obsolete"/>'
            f'<subject1><priorRegisteredRole><id><item root="{INDEX}" extension="V',
            _index_number(), '"/></id></priorRegisteredRole></subject1></priorRegistration>'
            "</replacementOf>",
        )  # fmt: skip
        kept = text(
            '<registrationEvent classCode="REG" moodCode="EVN"><statusCode code="active"/>'
            "<subject1>", _known_patient(), "</subject1>", void, "</registrationEvent>",
        )  # fmt: skip
        made.append(_messages(frame, "PRPA_IN201304UV02", "EMPI", "MEMBER", act(kept), 3))
        return made

    def _summaries(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Shared outpatient summaries of primary care that the platform announces."""
        primary = scene.visits.filter(pl.col("township").is_not_null())
        chosen = self._some(primary, "notified", random).with_columns(
            document_id=pl.lit("GX") + pl.col("encounter_id"),
            authored=pl.col("start") + pl.duration(minutes=30),
            target_id=pl.lit("JS") + pl.col("encounter_id"),
        )
        frame = self._numbered(INDEX_FEED, scene, chosen, pl.col("start") + pl.duration(hours=2))
        return frame.select(
            "moment",
            text=interaction("RCMR_IN000030UV01", "XDS", "MEMBER", act(_document(*_SUMMARY)), "AA"),
            rows=pl.lit(2, pl.Int64),
        )

    # shared -----------------------------------------------------------------------------------

    def _some(self, frame: pl.DataFrame, rate: str, random: np.random.Generator) -> pl.DataFrame:
        """A share of the rows, at least the fewest."""
        draws = pl.Series(random.random(len(frame)))
        first = pl.int_range(len(frame), eager=True) < self._rates["fewest"]
        return frame.filter((draws < self._rates[rate]) | first)

    def _numbered(
        self, feed: str, scene: Scene, frame: pl.DataFrame, sent: pl.Expr
    ) -> pl.DataFrame:
        """The rows with time and number of their message and the person as the sender knows it."""
        first = self._number + 1
        self._number += len(frame)
        numbers = pl.int_range(first, first + len(frame), eager=True)
        stem = "HIP" if feed == SERVICES else "MPI"
        ids = pl.select(pl.lit(stem) + numbers.cast(pl.String).str.zfill(9)).to_series()
        return scene.identify(feed, frame.with_columns(moment=sent, message_id=ids))


def _messages(
    frame: pl.DataFrame, name: str, sender: str, receiver: str, body: pl.Expr, rows: int
) -> pl.DataFrame:
    return frame.select(
        "moment", text=interaction(name, sender, receiver, body), rows=pl.lit(rows, pl.Int64)
    )


def _patient(organization: str) -> pl.Expr:
    """A patient under the sender's own number."""
    return text(
        '<patient classCode="PAT"><id>', item(PATIENT, "local_id"),
        '</id><statusCode code="active"/><effectiveTime><any value="', pl.col("moment")
        .dt.strftime("%Y%m%d"), '"/></effectiveTime>', person(),
        f'<providerOrganization><id><item root="{ORGANIZATION}" extension="{organization}"/></id>'
        "</providerOrganization></patient>",
    )  # fmt: skip


def _index_number() -> pl.Expr:
    """The master index's number of a person; invented, tells nothing."""
    return (
        ((pl.col("person").cast(pl.Int64) * 7919 + 104729) % 99_999_989)
        .cast(pl.String)
        .str.zfill(8)
    )


def _known_patient(*more: pl.Expr | str) -> pl.Expr:
    """A patient under the master index's number, of the member that asked."""
    return text(
        f'<patient classCode="PAT"><id><item root="{INDEX}" extension="', _index_number(),
        '"/>', item(PATIENT, "local_id"), '</id><statusCode code="active"/>', person(),
        "<providerOrganization><id>", item(ORGANIZATION, "organization_id"),
        "</id></providerOrganization>", *more, "</patient>",
    )  # fmt: skip


def _document(code: str, title: str) -> pl.Expr:
    """`clinicalDocument` of a frame with `document_id` and `authored`."""
    return text(
        '<clinicalDocument classCode="DOCCLIN" moodCode="EVN"><id>', item(DOCUMENT, "document_id"),
        f'</id><code code="{code}" codeSystem="2.16.156.10011.2.4"><displayName value="{title}"/>'
        '</code><effectiveTime value="', moment("authored"), '"/><recordTarget><patient><id>',
        item(PATIENT, "local_id"), item(INPATIENT, "encounter_id"), "</id>", person(),
        "</patient></recordTarget><author><assignedAuthor><id>", item(f"{ROOT}.1.4", "staff_id"),
        "</id></assignedAuthor></author><custodian><assignedCustodian><representedOrganization>"
        "<id>", item(ORGANIZATION, "organization_id"),
        "</id></representedOrganization></assignedCustodian></custodian></clinicalDocument>",
    )  # fmt: skip
