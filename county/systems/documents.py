"""Files of the two document feeds, one document a file, with the broken ones among them."""

from datetime import date
from random import Random

from county.identities import Identities, Identity
from county.illness import FollowUp
from county.laboratory import Diagnostics
from county.outbox import Outbox
from county.parameters import parameters
from county.roles import COUNTY_HOSPITAL
from county.scene import Planted
from county.services import CareMonth, Encounter, Staff
from county.systems import cda
from county.systems.cda_parts import Node, serialized
from county.systems.drugs import WESTERN, lines
from county.systems.meant import meant_follow_ups, meant_front_pages
from county.systems.true_rows import keep_meant

EMR, HYPERTENSION = "county_hospital__emr__documents", "township_a__public_health__hypertension"
_FOLDERS = {EMR: "county_hospital_cda", HYPERTENSION: "township_a_hypertension"}
_BROKEN_FILES = {
    EMR: ("malformed", "forbidden", "unsupported", "duplicate"),  # its empty one: `cda_batch.py`
    HYPERTENSION: ("malformed", "forbidden", "unsupported", "empty", "duplicate"),
}


class DocumentWriter:
    """Writes shared documents and counts how many of each feed have gone out."""

    def __init__(
        self, outbox: Outbox, identities: Identities, diagnostics: Diagnostics,
        staff: dict[str, list[Staff]], seed: int,
    ) -> None:  # fmt: skip
        self._outbox = outbox
        self._identities = identities
        self._diagnostics = diagnostics
        self._staff = {member.staff_id: member for own in staff.values() for member in own}
        self._random = Random(f"{seed}/documents")
        self._count = dict.fromkeys(_FOLDERS, 0)
        self._broken = dict.fromkeys(_FOLDERS, 0)
        self._files = {feed: list(kinds) for feed, kinds in _BROKEN_FILES.items()}

    def hospital(self, care: CareMonth) -> None:
        """Front page and summary of each stay; records and reports of a sample of visits."""
        rates = parameters()["services"]
        for stay in care.discharged:
            if stay.organization_id == COUNTY_HOSPITAL:
                self._stay(stay)
        for visit in care.visits:
            if visit.organization_id != COUNTY_HOSPITAL or visit.cancelled:
                continue
            doctor = visit.staff.person.name
            number = visit.encounter_id
            with_record = self._random.random() < rates["documents_outpatient"]
            with_report = self._random.random() < rates["documents_laboratory"]
            if not with_record and not with_report:
                continue
            identity, day = self._identities.of(visit.person, EMR), visit.start.date()
            if with_record:
                node = cda.outpatient_record(f"MZ{number}", visit, identity, doctor)
                diagnoses = len(visit.diagnoses)
                self._send(EMR, f"MZ{number}", node, identity, 1 + diagnoses, day)
                chosen = lines(self._random, WESTERN)
                node = cda.prescription(f"CFW{number}", visit, identity, doctor, chosen)
                self._send(EMR, f"CFW{number}", node, identity, 1 + diagnoses + len(chosen), day)
            if with_report:
                report = self._diagnostics.bedside(visit)
                node = cda.laboratory_report(f"JY{number}", report, identity, doctor)
                self._send(EMR, f"JY{number}", node, identity, 1 + len(report.results), day)
        self._broken_file(EMR, care.month.compact)
        ended = [s for s in care.discharged if s.organization_id == COUNTY_HOSPITAL]
        pages = meant_front_pages(EMR, [(f"SY{s.encounter_id}", s) for s in ended])
        keep_meant(self._outbox.root, pages, care.month.compact)

    def _stay(self, stay: Encounter) -> None:
        identity = self._identities.of(stay.person, EMR)
        doctor, number = stay.staff.person.name, stay.encounter_id
        assert stay.end is not None
        day = stay.end.date()
        node = cda.front_page(f"SY{number}", stay, identity, doctor)
        diagnoses = len(stay.diagnoses)
        rows = 3 + diagnoses  # document, front page, admission and discharge diagnoses
        self._send(EMR, f"SY{number}", node, identity, rows, day)
        if self._random.random() < parameters()["services"]["documents_summary"]:
            summary = cda.discharge_summary(f"XJ{number}", stay, identity, doctor)
            self._send(EMR, f"XJ{number}", summary, identity, 1 + 2 * diagnoses, day)
        if self._random.random() < parameters()["faults"]["row_fault"] * 2:
            text = serialized(cda.front_page(f"SY{number}X", stay, identity, doctor))
            text = text.replace(f'extension="{number}"'.encode(), f'extension="{number}X"'.encode())
            high = f'<high value="{stay.end:%Y%m%d%H%M%S}"'.encode()
            if self._broken[EMR] % 2:
                broken, kind, reason = b'<high value="20260230101500"', "impossible_date", None
            else:
                broken, kind, reason = (
                    b'<high value="20190501090000"', "discharge_before_admission", "rule_failed",
                )  # fmt: skip
            text = text.replace(high, broken)
            self._send_broken(EMR, f"SY{number}X", text, kind, reason or kind, rows - 1, day)

    def follow_ups(
        self, visits: list[FollowUp], archive_ids: list[str], planted: list[Planted], month: str
    ) -> None:
        """Township A's hypertension follow-ups of a month, with the archive number of each.

        Args:
            planted: Faults of meaning by number of the visit.
        """
        for visit, archive_id in zip(visits, archive_ids, strict=True):
            identity = self._identities.of(visit.person, HYPERTENSION, archive_id)
            doctor = self._staff[visit.staff_id]
            node = cda.hypertension_follow_up(visit, archive_id, identity, doctor)
            self._send(HYPERTENSION, visit.visit_id, node, identity, 2, visit.day)
            chance = parameters()["faults"]["row_fault"]
            if visit.systolic and self._random.random() < chance * 2:
                self._broken_follow_up(visit, node)
        for fault in planted:
            name = f"{_FOLDERS[HYPERTENSION]}/{fault.key}.xml"
            self._outbox.plant(HYPERTENSION, name, 1, "document", fault.kind, "accepted")
        self._broken_file(HYPERTENSION, month)
        keep_meant(self._outbox.root, meant_follow_ups(HYPERTENSION, visits), month)

    def _broken_follow_up(self, visit: FollowUp, node: Node) -> None:
        name = f"{visit.visit_id}X"
        text = serialized(node).replace(visit.visit_id.encode(), name.encode())
        day = f'ime value="{visit.day:%Y%m%d}"/>'.encode()  # of the event and of its author
        turn = self._broken[HYPERTENSION] % 3
        if turn == 0:
            good = f'unit="mmHg" xsi:type="PQ" value="{visit.systolic}"'.encode()
            text = text.replace(good, b'unit="mmHg" xsi:type="PQ" value="999"')
            kind, reason = "out_of_range", "out_of_range"
        elif turn == 1:
            text = text.replace(day, b'ime value="20260230"/>')
            kind, reason = "impossible_date", "impossible_date"
        else:
            text = text.replace(day, b"ime/>")
            kind, reason = "missing_required", "missing_required"
        self._send_broken(HYPERTENSION, name, text, kind, reason, 1, visit.day)

    # files ------------------------------------------------------------------------------------

    def _send(
        self, feed: str, stem: str, node: Node, identity: Identity, rows: int, day: date
    ) -> None:
        """Send one document that holds so many entity rows."""
        name = f"{_FOLDERS[feed]}/{stem}.xml"
        data = serialized(node)
        self._outbox.write(name, data, day)
        self._outbox.book(feed, name, accepted=rows)
        self._count[feed] += 1
        for kind in identity.faults:
            self._outbox.plant(feed, name, 1, "patientRole", kind, "accepted")
        if self._count[feed] > 40 and "duplicate" in self._files[feed]:
            self._files[feed].remove("duplicate")
            again = f"{_FOLDERS[feed]}/{stem}_resent.xml"
            self._outbox.write(again, data, day)
            self._outbox.book(feed, again, duplicate=rows)
            self._outbox.plant(feed, again, 0, "file", "duplicate_file", "duplicate")

    def _room(self, feed: str) -> bool:
        ceiling = float(parameters()["faults"]["quarantined_ceiling"])
        return self._broken[feed] + 1 <= ceiling * self._count[feed]

    def _send_broken(
        self, feed: str, stem: str, data: bytes, kind: str, reason: str, sound: int, day: date
    ) -> None:
        """Send a document of which one row is broken and `sound` rows are not."""
        if not self._room(feed):
            return
        self._broken[feed] += 1
        name = f"{_FOLDERS[feed]}/{stem}.xml"
        self._outbox.write(name, data, day)
        self._outbox.book(feed, name, accepted=sound, quarantined=1)
        self._outbox.plant(feed, name, 1, "document", kind, "quarantined", reason)

    def _broken_file(self, feed: str, month: str) -> None:
        """One unreadable file a month while the ceiling allows."""
        waiting = [kind for kind in self._files[feed] if kind != "duplicate"]
        if not waiting or not self._room(feed):
            return
        kind = waiting[0]
        self._files[feed].remove(kind)
        head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
        data, reason = {
            "malformed": (
                head + b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>', "malformed_xml",
            ),
            "forbidden": (
                head + b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///dev/null">]>\n'
                b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>&x;</title></ClinicalDocument>',
                "forbidden_xml",
            ),
            "unsupported": (
                head + "<通知><标题>停电通知</标题></通知>".encode(), "unsupported_document",
            ),
            "empty": (b"", "empty_file"),
        }[kind]  # fmt: skip
        self._broken[feed] += 1
        name = f"{_FOLDERS[feed]}/{kind}_{month}.xml"
        self._outbox.write(name, data)
        self._outbox.book(feed, name, quarantined=1)
        self._outbox.plant(feed, name, 0, "file", f"{kind}_file", "quarantined", reason)
