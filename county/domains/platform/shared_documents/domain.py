"""Shared documents of the county hospital and of a township centre: which are made, what they hold.

Belongs here: sections by document type (WS/T 500-2016) and who gets which document. Not here:
header, files and faults (`county/systems/cda_batch.py`), the documents of the core (`cda.py`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.roles import COUNTY_HOSPITAL, TOWNSHIP_A
from county.scene import Document, Scene
from county.systems import cda_parts as parts
from county.systems.cda_batch import EXAMINATION, OPERATION, DocumentFiles, template
from county.systems.cda_parts import Kind, Node, add, coded, entry, observation, section, value

HOSPITAL, TOWNSHIP = COUNTY_HOSPITAL, TOWNSHIP_A
EMR, TOWNSHIP_EMR = "county_hospital__emr__documents", "township_a__emr__documents"
ADMISSION = Kind("C0034", "2.16.156.10011.2.1.1.54", "入院记录")
PROGRESS = Kind("C0037", "2.16.156.10011.2.1.1.57", "首次病程记录")
CONSENT = Kind("C0031", "2.16.156.10011.2.1.1.51", "其他知情告知同意书")
DELIVERY = Kind("C0015", "2.16.156.10011.2.1.1.35", "阴道分娩记录")
VISIT = Kind("C0002", "2.16.156.10011.2.1.1.22", "门（急）诊病历")
_LEVEL = ("2.16.156.10011.2.3.1.258", "手术级别代码表")
_PROCEDURES = ("2.16.156.10011.2.3.3.12", "手术(操作)代码表（ICD-9-CM）")
_ANESTHESIA = ("2.16.156.10011.2.3.1.159", "麻醉方式代码表")
_FINDINGS = ("慢性非萎缩性胃炎", "慢性萎缩性胃炎", "食管、胃、十二指肠未见明显异常")


class Domain:
    """Documents of the two record systems."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._files = {
            EMR: DocumentFiles(EMR, "county_hospital_cda"),
            TOWNSHIP_EMR: DocumentFiles(TOWNSHIP_EMR, "township_a_cda"),
        }

    def month(self, scene: Scene) -> Iterator[Document]:
        random = scene.random("shared_documents")
        begun = scene.stays.filter(pl.col("start").dt.date() >= scene.month.first)
        made: dict[str, list[pl.DataFrame]] = {EMR: [], TOWNSHIP_EMR: []}
        stays = begun.filter(pl.col("organization_id") == HOSPITAL)
        visits = scene.visits.filter(pl.col("organization_id") == HOSPITAL)
        admitted = self._some(stays, "admissions", random)
        made[EMR] += [
            self._made(scene, EMR, ADMISSION, "RY", "inpatient", _admission, admitted, 480, 2),
            self._made(scene, EMR, PROGRESS, "SC", "inpatient", _progress, admitted, 420, 2),
            self._made(scene, EMR, CONSENT, "TY", "inpatient", _consent,
                       self._some(stays, "consents", random), 60, 2),
            self._operations(scene, begun, random),
            self._endoscopies(scene, visits, random),
            self._deliveries(scene, random),
        ]  # fmt: skip
        own = scene.visits.filter(pl.col("organization_id") == TOWNSHIP)
        inpatients = begun.filter(pl.col("organization_id") == TOWNSHIP)
        made[TOWNSHIP_EMR] += [
            self._made(scene, TOWNSHIP_EMR, VISIT, "MZ", "outpatient", _visit,
                       self._some(own, "township_visits", random), 20, 2),
            self._made(scene, TOWNSHIP_EMR, ADMISSION, "RY", "inpatient", _admission,
                       self._some(inpatients, "township_stays", random), 480, 2),
        ]  # fmt: skip
        for feed, frames in made.items():
            yield from self._files[feed].month(pl.concat(frames), scene.month, random)

    def _some(self, frame: pl.DataFrame, rate: str, random: np.random.Generator) -> pl.DataFrame:
        """A share of the rows, at least the fewest."""
        draws = pl.Series(random.random(len(frame)))
        first = pl.int_range(len(frame), eager=True) < self._rates["fewest"]
        return frame.filter((draws < self._rates[rate]) | first)

    def _made(
        self, scene: Scene, feed: str, kind: Kind, stem: str, number: str, sections: Any,
        frame: pl.DataFrame, minutes: int, rows: int,
    ) -> pl.DataFrame:  # fmt: skip
        """Documents of one type, some minutes after the encounter began, of `rows` rows each."""
        created = pl.col("start") + pl.duration(minutes=minutes)
        frame = scene.identify(feed, frame.with_columns(moment=created))
        names = scene.organizations.select("organization_id", organization_name="name")
        staff = scene.staff.select("staff_id", doctor_person="person").unique("staff_id")
        frame = frame.join(names, on="organization_id", how="left")
        frame = frame.join(staff, on="staff_id", how="left")
        frame = frame.with_columns(
            document_id=pl.lit(stem) + pl.col("encounter_id"),
            created=pl.col("moment").dt.strftime("%Y%m%d%H%M%S"),
            birth_day=pl.col("birth").dt.strftime("%Y%m%d"),
            doctor=pl.lit("责任医师"),
        )
        return frame.select(
            "moment",
            name=pl.col("document_id"),
            text=template(kind, number, sections),
            rows=pl.lit(rows, pl.Int64),
        )

    def _operations(
        self, scene: Scene, stays: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Operation records of the county hospital, on the day after admission."""
        began = pl.col("start").dt.truncate("1d") + pl.duration(hours=33)
        operated = stays.with_columns(began.alias("moment")).filter(
            (pl.col("organization_id") == HOSPITAL)
            & pl.col("operation_code").is_not_null()
            & (pl.col("end") > pl.col("moment") + pl.duration(hours=8)).fill_null(True)
        )
        chosen = self._some(operated, "operations", random)
        count = len(chosen)
        waited = pl.lit(pl.Series(random.integers(0, 18, count) * 15))
        lasted = pl.lit(pl.Series(random.integers(35, 210, count)))
        chosen = chosen.with_columns(pl.col("moment") + pl.duration(minutes=waited))
        chosen = chosen.with_columns(
            level=pl.Series(random.integers(1, 4, count)),
            anesthesia=pl.Series(random.integers(1, 4, count)),
            blood=pl.Series(random.integers(1, 30, count) * 10),
            room=pl.Series(random.integers(1, 6, count)),
            began=pl.col("moment").dt.strftime("%Y%m%d%H%M%S"),
            ended=(pl.col("moment") + pl.duration(minutes=lasted)).dt.strftime("%Y%m%d%H%M%S"),
        )
        return self._made(scene, EMR, OPERATION, "SS", "inpatient", _operation, chosen, 48 * 60, 3)

    def _endoscopies(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        chosen = self._some(visits, "endoscopies", random)
        findings = pl.Series(_FINDINGS).gather(random.integers(0, len(_FINDINGS), len(chosen)))
        chosen = chosen.with_columns(
            report_id=pl.lit("NJ") + pl.col("encounter_id"),
            examined=(pl.col("start") + pl.duration(minutes=50)).dt.strftime("%Y%m%d%H%M%S"),
            finding=findings,
        )
        return self._made(scene, EMR, EXAMINATION, "JC", "outpatient", _endoscopy, chosen, 90, 2)

    def _deliveries(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Delivery records of the mothers who gave birth at the county hospital."""
        here = scene.births.filter(pl.col("organization_id") == HOSPITAL).unique(
            "mother", maintain_order=True
        )
        doctors = scene.staff.filter(
            (pl.col("organization_id") == HOSPITAL) & (pl.col("category") == "11")
        )["staff_id"]
        chosen = self._some(here, "deliveries", random)
        frame = chosen.select(
            "organization_id",
            person=pl.col("mother"),
            start=pl.col("born"),
            encounter_id=pl.lit("FM") + pl.col("child").cast(pl.String).str.zfill(8),
            department_name=pl.lit("妇产科"),
            staff_id=doctors.gather(random.integers(0, len(doctors), len(chosen))),
            born=pl.col("born").dt.strftime("%Y%m%d%H%M%S"),
        )
        return self._made(scene, EMR, DELIVERY, "", "inpatient", _delivery, frame, 150, 1)


# sections by document type; `{column}` is filled from the frame ---------------------------------


def _diagnosis(target: Node, words: str) -> None:
    code = entry(target, "DE05.01.024.00", words, "CD", "{diagnosis_code}",
                 codeSystem=parts.ICD10[0], codeSystemName=parts.ICD10[1])  # fmt: skip
    code.find(f"{{{parts.HL7}}}value").set("displayName", "{diagnosis_name}")


def _complaint(body: Node) -> None:
    complaint = section(body, "10154-3", "CHIEF COMPLAINT")
    entry(complaint, "DE04.01.119.00", "主诉", "ST", "因{diagnosis_name}就诊")


def _visit(body: Node) -> None:
    _complaint(body)
    history = section(body, "10164-2", "HISTORY OF PRESENT ILLNESS")
    entry(history, "DE02.10.071.00", "现病史", "ST", "近日不适，来院就诊。")
    _diagnosis(section(body, "29548-5", "Diagnosis"), "诊断代码")


def _admission(body: Node) -> None:
    _complaint(body)
    history = section(body, "10164-2", "HISTORY OF PRESENT ILLNESS")
    entry(history, "DE02.10.071.00", "现病史", "ST", "病情如主诉，门诊收入院。")
    past = section(body, "11348-0", "HISTORY OF PAST ILLNESS")
    entry(past, "DE02.10.026.00", "疾病史（含外伤）", "ST", "既往体健。")
    vital = section(body, "8716-3", "VITAL SIGNS")
    entry(vital, "DE04.10.186.00", "体温（℃）", "PQ", "36.6", unit="℃")
    _diagnosis(section(body, "11450-4", "PROBLEM LIST"), "初步诊断-西医诊断编码")


def _progress(body: Node) -> None:
    _complaint(body)
    found = section(body, "29548-5", "Diagnosis")
    entry(found, "DE05.01.070.00", "诊断依据", "ST", "症状、体征及检查结果。")
    _diagnosis(found, "初步诊断-西医诊断编码")
    plan = section(body, "18776-5", "TREATMENT PLAN")
    entry(plan, "DE05.01.025.00", "诊疗计划", "ST", "完善检查，对症治疗。")


def _consent(body: Node) -> None:
    _diagnosis(section(body, "29548-5", "Diagnosis"), "疾病诊断编码")
    note = section(body, "34895-3", "EDUCATION NOTE")
    entry(note, "DE09.00.117.00", "知情同意书名称", "ST", "住院患者知情同意书")


def _operation(body: Node) -> None:
    before = section(body, "10219-4", "Surgical operation note preoperative Dx")
    _diagnosis(before, "术前诊断编码")
    part = section(body, "47519-4", "HISTORY OF PROCEDURES")
    procedure = add(add(part, "entry"), "procedure", classCode="PROC", moodCode="EVN")
    coded(procedure, "code", "{operation_code}", _PROCEDURES)
    span = add(procedure, "effectiveTime")
    add(span, "low", value="{began}")
    add(span, "high", value="{ended}")
    who = add(add(procedure, "performer", typeCode="PRF"), "assignedEntity")
    add(who, "id", root=parts.ROOTS["staff"], extension="{staff_id}")
    for code, display, kind, content, system in (
        ("DE06.00.094.00", "手术（操作）名称", "ST", "{operation_name}", None),
        ("DE06.00.256.00", "手术间编号", "ST", "{room}", None),
        ("DE06.00.255.00", "手术级别", "CD", "{level}", _LEVEL),
    ):
        inner = observation(add(procedure, "entryRelationship", typeCode="COMP"), code, display)
        more = {"codeSystem": system[0], "codeSystemName": system[1]} if system else {}
        value(inner, kind, content, **more)
    loss = section(body, "55103-6", "Surgical operation note estimated blood loss")
    entry(loss, "DE06.00.097.00", "出血量（mL）", "PQ", "{blood}", unit="mL")
    blood = section(body, "56836-0", "History of blood transfusion")
    entry(blood, "DE06.00.267.00", "输血量（mL）", "PQ", "0", unit="mL")
    sleep = section(body, "10213-7", "Surgical operation note anesthesia")
    entry(sleep, "DE06.00.073.00", "麻醉方式代码", "CD", "{anesthesia}",
          codeSystem=_ANESTHESIA[0], codeSystemName=_ANESTHESIA[1])  # fmt: skip


def _endoscopy(body: Node) -> None:
    seen = section(body, "29545-1", "PHYSICAL EXAMINATION")
    entry(seen, "DE04.30.018.00", "检查类别", "ST", "ES")
    done = entry(seen, "DE04.30.019.00", "检查项目代码", "ST", "E101")
    moment = add(done, "effectiveTime", value="{examined}")
    done.remove(moment)
    done.insert(1, moment)
    report = section(body, None, "检查报告")
    entry(report, "DE04.50.131.00", "检查报告结果-客观所见", "ST", "所见黏膜如结论所述。")
    entry(report, "DE04.50.132.00", "检查报告结果-主观提示", "ST", "{finding}")
    entry(report, "DE08.10.026.00", "检查报告科室", "ST", "内镜中心")


def _delivery(body: Node) -> None:
    labor = section(body, "57074-7", "labor and delivery process")
    entry(labor, "DE02.01.014.00", "胎儿娩出日期时间", "TS", "{born}")
    after = section(body, "57076-2", "postpartum hospitalization treatment")
    entry(after, "DE05.10.007.00", "产后诊断", "ST", "单胎顺产")
