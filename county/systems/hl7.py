"""HL7 v2.4 messages of the two hospitals: ADT and ORU^R01, one file a day and feed.

Belongs here: message text, files and HL7 faults. Not here: what happened (`services.py`). The
county's conventions for PID-3, PV1-3 and PV1-10 are those of the feed contracts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from county.identities import Identities
from county.laboratory import Report
from county.organizations import HOSPITALS
from county.outbox import Outbox
from county.parameters import parameters
from county.people import Person
from county.roles import CONSORTIUM, COUNTY_HOSPITAL, TCM_HOSPITAL
from county.services import CareMonth, Encounter
from county.systems.meant import Event, meant_results, meant_visits
from county.systems.rows import money
from county.systems.true_rows import keep_meant

FEEDS = {
    COUNTY_HOSPITAL: ("county_hospital__his__adt", "county_hospital__lis__results"),
    TCM_HOSPITAL: ("tcm_hospital__his__adt", "tcm_hospital__lis__results"),
}
_CHARSET = {
    COUNTY_HOSPITAL: ("UNICODE UTF-8", "utf-8"),
    TCM_HOSPITAL: ("GB 18030-2000", "gb18030"),
}
_CLASS = {"1": "O", "2": "E", "3": "I"}
_SEX = {"1": "M", "2": "F"}
_MARKS = str.maketrans("", "", "-:T")


def stamp(moment: datetime | None) -> str:
    """yyyymmddhhmmss, or empty."""
    return "" if moment is None else moment.isoformat().translate(_MARKS)[:14]


@dataclass(slots=True)
class Message:
    """One message; `rows` is how many entity rows it carries, `faults` the person's variants."""

    moment: datetime
    segments: list[list[str]]
    rows: int
    faults: tuple[str, ...] = ()
    outcome: str = "accepted"

    def text(self) -> str:
        return "".join("|".join(segment) + "\r" for segment in self.segments)


def _events(code: str, care: CareMonth) -> list[Event]:
    """What a hospital tells of the month's visits and stays."""
    found: list[Event] = []

    def tell(
        e: Encounter, trigger: str, moment: datetime, *, fee: bool = True, still_open: bool = False
    ) -> None:
        found.append(Event(e, trigger, moment, fee, still_open))

    for visit in care.visits:
        if visit.organization_id != code:
            continue
        tell(visit, "A04", visit.start, fee=not visit.late_fee)
        if visit.updated:
            tell(visit, "A08", visit.start + timedelta(minutes=47))
        if visit.cancelled:
            tell(visit, "A11", visit.cancelled)
    for stay in care.admitted:
        if stay.organization_id != code:
            continue
        tell(stay, "A01", stay.start, fee=False, still_open=True)
        if stay.cancelled:
            tell(stay, "A11", stay.cancelled, fee=False, still_open=True)
    for stay in care.discharged:
        if stay.organization_id == code and stay.end:
            tell(stay, "A03", stay.end + timedelta(minutes=9))
    return found


class Hl7Writer:
    """Writes the four HL7 feeds."""

    def __init__(self, outbox: Outbox, identities: Identities, seed: int) -> None:
        self._outbox = outbox
        self._identities = identities
        self._control = 0
        self._randoms = {f: Random(f"{seed}/{f}") for pair in FEEDS.values() for f in pair}
        self._turn = dict.fromkeys(self._randoms, 0)
        self._files = {f: ["missing_header", "truncated", "wrong_encoding", "empty", "duplicate"]
                       for f in self._randoms}  # fmt: skip

    def write(self, care: CareMonth, reports: list[Report]) -> None:
        """All files of a month."""
        for code in HOSPITALS:
            adt, lis = FEEDS[code]
            events = _events(code, care)
            messages = [self._adt(event) for event in events]
            messages.sort(key=lambda m: m.moment)
            self._write_days(code, adt, messages, care, self._break_adt)
            keep_meant(self._outbox.root, meant_visits(adt, events), care.month.compact)
            own = [r for r in reports if r.encounter.organization_id == code]
            results = [self._oru(code, lis, report) for report in own]
            self._write_days(code, lis, results, care, self._break_oru)
            keep_meant(self._outbox.root, meant_results(lis, own), care.month.compact)

    # messages ---------------------------------------------------------------------------------

    def _header(self, code: str, kind: str, moment: datetime) -> list[str]:
        self._control += 1
        system = "HIS" if kind.startswith("ADT") else "LIS"
        return [
            "MSH", "^~\\&", system, code, "PLATFORM", CONSORTIUM, stamp(moment), "", kind,
            f"{code[6:]}{self._control:09d}", "P", "2.4", "", "", "", "", "CHN", _CHARSET[code][0],
        ]  # fmt: skip

    def _pid(self, person: Person, code: str, feed: str) -> tuple[list[str], tuple[str, ...]]:
        identity = self._identities.of(person, feed)
        numbers = [f"{identity.local_id}^^^{code[6:]}^MR"]
        if identity.id_number:
            numbers.append(f"{identity.id_number}^^^MPS^NNCHN")
        if identity.health_card:
            numbers.append(f"{identity.health_card}^^^WJW^HC")
        if identity.insurance_number:
            numbers.append(f"{identity.insurance_number}^^^YB^MB")
        pid = [""] * 20
        pid[0], pid[1], pid[3] = "PID", "1", "~".join(numbers)
        birth = identity.birth.isoformat().translate(_MARKS)
        pid[5], pid[7], pid[8] = identity.name, birth, _SEX[person.sex]
        pid[11], pid[13], pid[19] = identity.address, identity.phone, identity.id_number or ""
        return pid, identity.faults

    def _adt(self, event: Event) -> Message:
        e, moment = event.encounter, event.moment
        code = e.organization_id
        pid, faults = self._pid(e.person, code, FEEDS[code][0])
        pv1 = [""] * 48
        pv1[0], pv1[1], pv1[2] = "PV1", "1", _CLASS[e.patient_class]
        pv1[3] = f"{e.department.code}^^{e.bed or ''}^{code}^^^^^{e.department.name}"
        pv1[7] = f"{e.staff.staff_id}^{e.staff.person.name}"
        pv1[10] = "TCM" if e.is_tcm else "GEN"
        pv1[19] = e.encounter_id
        pv1[44] = stamp(e.start)
        if not event.is_open:
            pv1[36] = e.discharge_mode or ""
            pv1[45] = stamp(e.end)
        if event.has_fee:
            pv1[47] = money(e.fee) or ""
        kind = "A" if event.is_open else "F"
        diagnoses = [
            ["DG1", str(n), "", f"{d.code}^{d.name}^I10", "", stamp(moment), kind]
            for n, d in enumerate(e.diagnoses, 1)
        ]
        header = self._header(code, f"ADT^{event.trigger}", moment)
        trigger = ["EVN", event.trigger, stamp(moment)]
        segments = [header, trigger, pid, pv1, *diagnoses]
        return Message(moment, segments, 1 + len(diagnoses), faults)

    def _oru(self, code: str, feed: str, report: Report) -> Message:
        pid, faults = self._pid(report.encounter.person, code, feed)
        pv1 = [""] * 20
        pv1[0], pv1[1], pv1[2] = "PV1", "1", _CLASS[report.encounter.patient_class]
        pv1[19] = report.encounter.encounter_id
        obr = [""] * 26
        pv1[3] = f"{report.encounter.department.code}^^^{code}"
        obr[0], obr[1], obr[2], obr[3] = "OBR", "1", report.request_id, report.report_id
        obr[4] = f"{report.panel_code}^{report.panel}^L"
        obr[7], obr[22], obr[25] = stamp(report.collected), stamp(report.reported), "F"
        results = []
        for n, r in enumerate(report.results, 1):
            obx = [
                "OBX", str(n), "NM" if r.is_number else "ST", f"{r.test.code}^{r.test.name}^LN",
                "", r.value, r.test.unit, r.range, r.flag, "", "", "F",
            ]  # fmt: skip
            results.append(obx)
        header = self._header(code, "ORU^R01", report.reported)
        return Message(report.reported, [header, pid, pv1, obr, *results], len(results), faults)

    # files ------------------------------------------------------------------------------------

    def _write_days(
        self, code: str, feed: str, messages: list[Message], care: CareMonth,
        breaker: Callable[[Message, str], tuple[str, str]],
    ) -> None:  # fmt: skip
        by_day: dict[date, list[Message]] = {}
        for message in messages:
            day = min(message.moment.date(), care.month.last)
            by_day.setdefault(day, []).append(message)
        coming = sum(m.rows for m in messages)
        member, system, _ = feed.split("__")
        folder = f"{member}_{'adt' if system == 'his' else system}"
        for day in sorted(by_day):
            name = f"{folder}/{system}_{day:%Y%m%d}.hl7"
            texts: list[str] = []
            broken, rows = 0, 0
            for message in by_day[day]:
                texts.append(message.text())
                rows += message.rows
                for kind in message.faults:
                    self._outbox.plant(feed, name, len(texts), "PID", kind, "accepted")
                if self._repeated(feed, name, message, texts):
                    rows += message.rows
                broken += self._extra(feed, name, message, texts, coming, broken, breaker)
            data = "".join(texts).encode(_CHARSET[code][1])
            self._outbox.write(name, data, day)
            accepted = sum(m.rows for m in by_day[day])
            self._outbox.book(feed, name, accepted=accepted, quarantined=broken)
            coming -= accepted
            if not broken and day.day > 20 and "duplicate" in self._files[feed]:
                self._files[feed].remove("duplicate")
                again = name.replace(".hl7", "_resent.hl7")
                self._outbox.write(again, data, day)
                self._outbox.book(feed, again, duplicate=rows)
                self._outbox.plant(feed, again, 0, "file", "duplicate_file", "duplicate")
        last = by_day[max(by_day)][-1] if by_day else None
        self._broken_files(code, feed, f"{folder}/{system}_{care.month.compact}", last)

    def _repeated(self, feed: str, name: str, message: Message, texts: list[str]) -> bool:
        """Maybe send the last message twice."""
        if self._randoms[feed].random() >= parameters()["faults"]["duplicate"]:
            return False
        texts.append(texts[-1])
        self._outbox.book(feed, name, duplicate=message.rows)
        self._outbox.plant(feed, name, len(texts), "message", "duplicate_message", "duplicate")
        return True

    def _extra(
        self, feed: str, name: str, message: Message, texts: list[str], coming: int, broken: int,
        breaker: Callable[[Message, str], tuple[str, str]],
    ) -> int:  # fmt: skip
        """Maybe add a broken copy; returns broken rows added."""
        random, rates = self._randoms[feed], parameters()["faults"]
        if random.random() < rates["row_fault"] and self._outbox.room_for_faults(
            feed, coming, broken + 5
        ):
            self._turn[feed] += 1
            text, kind = breaker(message, feed)
            texts.append(text)
            reason = {"discharge_before_admission": "rule_failed",
                      "reported_before_collected": "rule_failed"}.get(kind, kind)  # fmt: skip
            self._outbox.plant(feed, name, len(texts), "message", kind, "quarantined", reason)
            return 1
        return 0

    def _copy(self, message: Message) -> list[list[str]]:
        segments = [list(s) for s in message.segments]
        self._control += 1
        segments[0][9] = f"{segments[0][9][:3]}{self._control:09d}"
        return segments

    def _break_adt(self, message: Message, feed: str) -> tuple[str, str]:
        """A copy with one thing wrong, under an encounter number of its own, without diagnoses."""
        segments = [s for s in self._copy(message) if s[0] != "DG1"]
        pv1 = segments[3]
        turn = self._turn[feed]
        pv1[19] += f"X{turn}"
        kind = ("impossible_date", "unknown_code", "missing_required",
                "discharge_before_admission")[turn % 4]  # fmt: skip
        if kind == "impossible_date":
            pv1[44] = "20260230101500"
        elif kind == "unknown_code":
            pv1[2] = "Q"
        elif kind == "missing_required":
            pv1[19] = ""
        else:
            pv1[45] = "20190501090000"
        return "".join("|".join(s) + "\r" for s in segments), kind

    def _break_oru(self, message: Message, feed: str) -> tuple[str, str]:
        """A copy with one OBX only, under a report number of its own, with one thing wrong."""
        segments = self._copy(message)[:5]
        obr, obx = segments[3], segments[4]
        turn = self._turn[feed]
        obr[3] += f"X{turn}"
        kind = ("missing_required", "reported_before_collected")[turn % 2]
        if kind == "missing_required":
            obx[3] = ""
        else:
            obr[22] = "20190501090000"
        return "".join("|".join(s) + "\r" for s in segments), kind

    def _broken_files(self, code: str, feed: str, stem: str, sample: Message | None) -> None:
        """Whole files that hold nothing readable, one a month while the ceiling allows."""
        waiting = [k for k in self._files[feed] if k != "duplicate"]
        if not waiting or sample is None or not self._outbox.room_for_faults(feed):
            return
        kind = waiting[0]
        self._files[feed].remove(kind)
        text = sample.text()
        data, reason = {
            "missing_header": (text[text.index("\r") + 1 :].encode(_CHARSET[code][1]),
                               "missing_header"),
            "truncated": (b"MSH|^~\\&|HIS|" + code.encode() + b"|PLAT", "malformed_message"),
            "wrong_encoding": (self._unreadable(text), "wrong_encoding"),
            "empty": (b"", "empty_file"),
        }[kind]  # fmt: skip
        name = f"{stem}_{kind}.hl7"
        self._outbox.write(name, data)
        self._outbox.book(feed, name, quarantined=1)
        record = int(kind in ("truncated", "wrong_encoding"))  # these begin as a message
        self._outbox.plant(feed, name, record, "file", f"{kind}_file", "quarantined", reason)

    @staticmethod
    def _unreadable(text: str) -> bytes:
        """The first four segments with bytes that no Chinese character set knows."""
        head = "\r".join(text.split("\r")[:4])
        return head.encode("ascii", errors="replace").replace(b"?", b"\xff\xfe") + b"\r"
