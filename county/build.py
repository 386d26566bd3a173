"""Builds the county: lets a period happen month by month and writes what every system sends.

Belongs here: the order of things, and going on from a saved state. Not here: what happens
(`services.py` and its neighbours), how it is written (`systems/`) or how a state is kept
(`state.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

from county import answer_key, insurance
from county.answer_key import AnswerKey
from county.archives import Archives, archive_number
from county.chronic_register import ChronicRegister, Registration
from county.domains import DOMAINS, folder_of, rates_of
from county.false_service import FalseService
from county.identities import Identities
from county.illness import Chronic, FollowUp
from county.insurance import Fund
from county.laboratory import Diagnostics
from county.managed import Managed
from county.months import Month, months_of
from county.movement import Movement
from county.organizations import HOSPITALS, TOWNSHIPS, make_beds, open_bed_days, uses_cloud
from county.outbox import Outbox
from county.parameters import Rates, changed
from county.people import Person
from county.population import Population
from county.profiles import DEFAULT, Profile, apply_profile
from county.roles import TOWNSHIP_A, TOWNSHIP_B
from county.scene import Document, Domain, Examined, Export, Meant, Planted, Scene, Truth
from county.services import Services, doctors_of, make_staff
from county.stage import Stage
from county.state import load_state, save_state
from county.systems.dicom import DicomWriter
from county.systems.documents import HYPERTENSION as HYPERTENSION_DOCUMENTS
from county.systems.documents import DocumentWriter
from county.systems.exports import Exports
from county.systems.hl7 import Hl7Writer
from county.systems.tables import TableWriter
from county.systems.true_rows import keep_meant

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class CountySummary:
    """What has been sent. `until` is the last day sent, `digest` covers all inbox names and bytes,
    `feeds` counts the accepted rows the answer key expects."""

    residents: int
    until: date
    seed: int
    files: int
    size: int
    digest: str
    faults: int
    feeds: dict[str, int] = field(default_factory=dict)


def build_county(
    residents: int, months: int, seed: int, out: Path, progress: Progress | None = None,
    profile: str = DEFAULT, domains: list[Domain] | None = None,
) -> CountySummary:  # fmt: skip
    """Write a county to `out/inbox`, its truth to `out/answer_key`, what goes on to `out/state`.

    Args:
        residents: People living there at the start, at least 100.
        months: Whole months from the first month of `parameters.yml` on.
        seed: Same seed, same bytes.
        out: A new or empty folder.
        progress: Called with the step's Chinese name and the share done, 0 to 1.
        profile: Which members send what: a name in `county/profiles/`.
        domains: Those that speak, in place of all.

    Raises:
        FileExistsError: `out` holds something.
        ValueError: too few residents or months, or no such profile.
    """
    if residents < 100 or months < 1:
        raise ValueError("a county needs at least 100 residents and 1 month")
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; name a new folder")
    chosen = apply_profile(profile)
    (out / "answer_key").mkdir(parents=True, exist_ok=True)
    tell = progress or (lambda step, share: None)
    tell("人口", 0.0)
    run = _Run(
        residents, months, seed, out, make_domains(seed, chosen) if domains is None else domains
    )
    for month in run.months:
        tell(f"{month.label} 就诊与上报", (month.index + 0.5) / (months + 1))
        run.month(month)
    tell("登记与答案", months / (months + 1))
    run.until = run.months[-1].last
    run.outbox.holds = True
    summary = run.finish()
    save_state(out, profile, run)
    tell("完成", 1.0)
    return summary


def advance_county(out: Path, days: int, progress: Progress | None = None) -> CountySummary:
    """Let days go by in an existing county: what they bring is added to inbox and answer key.

    A month happens as a whole when its first day comes; its files are sent on their days. The
    answer key's ledger and faults are those of the files sent, its measures and indicators those of
    the months that are over, its persons everyone of the months that have happened.

    Args:
        out: The folder `build_county` wrote.
        days: How many, at least one.
        progress: As for `build_county`.

    Raises:
        FileNotFoundError: no county stands there.
        county.state.OtherVersion: another version of the simulator made it.
        ValueError: less than one day.
    """
    if days < 1:
        raise ValueError("a county advances by at least 1 day")
    tell = progress or (lambda step, share: None)
    tell("读取状态", 0.0)
    profile, run = load_state(out, _Run)
    run.outbox.resume(out)
    run.until += timedelta(days=days)
    while run.months[-1].last < run.until:
        month = months_of(len(run.months) + 1)[-1]
        tell(f"{month.label} 就诊与上报", 0.5)
        run.months.append(month)
        run.month(month)
    run.outbox.release(run.until)
    tell("答案", 0.9)
    summary = run.finish()
    save_state(out, profile, run)
    run.outbox.keep_released()
    tell("完成", 1.0)
    return summary


class _Run:
    """One run's state."""

    def __init__(
        self, residents: int, months: int, seed: int, out: Path, domains: list[Domain]
    ) -> None:
        self.months = months_of(months)
        self.until = self.months[0].first
        self.outbox = Outbox(out)
        self._facts = (residents, seed)
        self._population = Population(residents, seed, self.months[0].first)
        people = self._population.people
        self._beds = make_beds(residents, self.months)
        self._staff = make_staff(people, residents, seed)
        rooted = [s.person.number for members in self._staff.values() for s in members]
        self._movement = Movement(self._population, rooted, seed)
        self._chronic = Chronic(people, doctors_of(self._staff, TOWNSHIPS), seed)
        self._false_service = FalseService(self._chronic, seed)
        self._services = Services(people, self._beds, self._staff, seed)
        self._diagnostics = Diagnostics(seed)
        self._fund = Fund(people, seed)
        self._managed = Managed()
        self._register = ChronicRegister(self._chronic, seed)
        self._key = AnswerKey()
        self._identities = Identities(seed, people)
        self._exports = Exports(seed)
        self._tables = TableWriter(self.outbox, self._identities, seed, months)
        self._stage = Stage(seed, people, self._staff, self._identities)
        self._domains = domains
        self._hl7 = Hl7Writer(self.outbox, self._identities, seed)
        self._documents = DocumentWriter(
            self.outbox, self._identities, self._diagnostics, self._staff, seed
        )
        self._dicom = DicomWriter(self.outbox, self._identities)
        self._births: list[tuple[str, Person]] = []
        self._archives = Archives(people, self._chronic, seed)

    def month(self, month: Month) -> None:
        self.outbox.day = month.last
        born = self._population.births(month)
        dead = self._population.deaths(month)
        changes = self._movement.month(month)
        people = self._stage.people(month, dead + changes.people)
        care = self._services.month(month, people)
        follow_ups, planted = self._false_service.month(
            month, self._chronic.month(month), care.present
        )
        settlements = self._fund.month(care)
        hospital = [v for v in care.visits if v.organization_id in HOSPITALS]
        stays = [s for s in care.admitted if s.organization_id in HOSPITALS]
        reports = self._diagnostics.reports(hospital + stays)
        examinations = self._diagnostics.examinations(care.visits)
        self._key.add(
            [
                *care.truths(), open_bed_days(self._beds, month), *insurance.truths(settlements),
            ],
            month,
        )  # fmt: skip

        self._hl7.write(care, reports)
        self._documents.hospital(care)
        self._dicom.write(examinations)
        exports = self._exports
        certificates = exports.births(born)
        scene = self._stage.scene(
            month,
            people,
            care,
            reports,
            examinations,
            settlements,
            born,
            certificates.rows,
            changes,
        )
        for export in (
            *exports.primary_care(scene), *exports.diagnoses(scene), *exports.prescriptions(scene)
        ):  # fmt: skip
            self._send(export, month)
        self._send(exports.examinations(examinations), month)
        self._send(exports.front_pages(scene), month)
        self._send(exports.settlements(settlements), month)
        self._public_health(month, follow_ups, planted, self._register.month(month))
        self._births += [(f"CS{child.number:09d}", child) for child, _, _ in born]
        self._send(certificates, month)
        self._send(exports.deaths(dead), month)
        if month is self.months[-1]:
            self._registers(scene)
        examined: list[int] = []
        for domain in self._domains:
            for piece in domain.month(scene):
                if isinstance(piece, Examined):
                    examined += piece.people
                else:
                    self._send(piece, month)
        members = self._register.members(month.last)
        self._key.add(self._managed.truths(members, follow_ups, examined, month), month)
        self._tables.end_month(month)

    def _send(self, piece: Export | Document | Meant | Truth, month: Month) -> None:
        if isinstance(piece, Truth):
            self._key.add([piece], month)
            return
        if isinstance(piece, Meant):
            keep_meant(self.outbox.root, piece, month.compact)
            return
        if isinstance(piece, Export):
            self._tables.write(piece, month)
            return
        self.outbox.write(piece.file, piece.data, piece.day)
        self.outbox.book(
            piece.feed, piece.file, accepted=piece.accepted, quarantined=piece.quarantined,
            duplicate=piece.duplicate,
        )  # fmt: skip
        for fault in piece.faults:
            self.outbox.add_fault(fault)

    def _public_health(
        self, month: Month, follow_ups: list[FollowUp], planted: list[Planted],
        registrations: list[Registration],
    ) -> None:  # fmt: skip
        """Registers, archives and follow-ups, each centre's in the system it works in."""
        places = {
            "township_a": [TOWNSHIP_A],
            "township_b": [TOWNSHIP_B],
            "consortium": [code for code in TOWNSHIPS if uses_cloud(code)],
        }
        for member, codes in places.items():
            system = "primary_cloud" if member == "consortium" else "public_health"
            for disease in ("hypertension", "diabetes"):
                visits = [
                    v for v in follow_ups if v.disease == disease and v.organization_id in codes
                ]
                numbers = [archive_number(v.organization_id, v.person) for v in visits]
                sent = {v.visit_id for v in visits}
                faults = [fault for fault in planted if fault.key in sent]
                feed = f"{member}__{system}__{disease}"
                if feed == HYPERTENSION_DOCUMENTS:
                    self._documents.follow_ups(visits, numbers, faults, month.compact)
                else:
                    self._send(self._exports.follow_ups(feed, visits, numbers, faults), month)
            said = [r for r in registrations if r.organization_id in codes]
            self._send(
                self._exports.registrations(f"{member}__{system}__chronic_register", said), month
            )
            opened = [a for code in codes for a in self._archives.month(code, month)]
            self._send(self._exports.archives(f"{member}__{system}__archives", opened), month)

    def _registers(self, scene: Scene) -> None:
        """Registers sent once, at the end; later months tell who has come or changed."""
        exports, month = self._exports, scene.month
        if self.outbox.holds:
            self._send(exports.residents(self._population.people, month.first, month.last), month)
            return
        self._send(exports.organizations(scene), month)
        self._send(exports.staff(scene), month)
        self._send(exports.beds(self._beds), month)
        self._send(exports.residents(self._population.people, date.min, month.last), month)

    def finish(self) -> CountySummary:
        """Write the answer key."""
        people, box = self._population.people, self.outbox
        folder = box.root / "answer_key"
        answer_key.write_people(folder, people, self._identities, self._births)
        feeds = answer_key.write(folder, self._key, box, self.until)
        residents, seed = self._facts
        return CountySummary(
            residents, self.until, seed, box.files, box.size, box.digest, box.fault_count, feeds
        )


def make_domains(seed: int, profile: Profile) -> list[Domain]:
    """One domain of each name in `DOMAINS`, with its rates as the profile changes them."""
    return [make_domain(name, seed, profile.domains.get(name, {})) for name in DOMAINS]


def make_domain(name: str, seed: int, changes: Rates) -> Domain:
    """One domain with its rates, some of them changed."""
    folder = folder_of(name)
    module = import_module(f"county.domains.{folder.parent.name}.{name}.domain")
    domain: Domain = module.Domain(seed, changed(rates_of(name), changes))
    return domain
