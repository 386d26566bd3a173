"""Shared documents: the county hospital's (WS/T 500-2016) and township A's follow-ups (WS/T 483).

Belongs here: which section each document type has. Not here: XML building blocks (`cda_parts.py`),
files and faults (`documents.py`).
"""

from datetime import datetime, time, timedelta

from lxml import etree

from county.identities import Identity
from county.illness import FollowUp
from county.laboratory import Report
from county.organizations import BY_ID
from county.services import Encounter, Staff
from county.systems import cda_parts as parts
from county.systems.cda_parts import Author, Kind, Node, add, entry, observation, section, value
from county.systems.drugs import DrugLine
from county.systems.rows import money

OUTPATIENT_RECORD = Kind("C0002", "2.16.156.10011.2.1.1.22", "门（急）诊病历")
PRESCRIPTION = Kind("C0004", "2.16.156.10011.2.1.1.24", "西药处方")
LABORATORY = Kind("C0007", "2.16.156.10011.2.1.1.27", "检验记录")
FRONT_PAGE = Kind("C0032", "2.16.156.10011.2.1.1.52", "住院病案首页")
SUMMARY = Kind("C0053", "2.16.156.10011.2.1.1.73", "出院小结")
HYPERTENSION = Kind("HSDB04.01", "2.16.156.10011.2.1.1.12", "高血压患者随访服务")
FOLLOW_UP_ROOT = "2.16.156.10011.1.1.1.4"


def _name(organization_id: str) -> str:
    return BY_ID[organization_id].name


def _numbers(identity: Identity, *first: tuple[str, str]) -> list[tuple[str, str]]:
    """Ids of `patientRole`: what the document is about, then record number and health card."""
    numbers = [*first, ("record", identity.local_id)]
    if identity.health_card:
        numbers.append(("card", identity.health_card))
    return numbers


def _author(staff: Staff, name: str, moment: datetime, role: str) -> Author:
    return Author(staff.staff_id, name, moment, role)


def _frame(
    kind: Kind, document_id: str, encounter: Encounter, identity: Identity,
    numbers: list[tuple[str, str]], created: datetime, doctor: str, *,
    full: bool = False, birth: bool = True, department: bool = True,
) -> Node:  # fmt: skip
    """Header of a hospital document up to the signatures."""
    node = parts.document(kind, document_id, created)
    role = parts.patient(
        node, encounter.person, identity, numbers, full=full, birth=birth, on=created.date()
    )
    where = encounter.organization_id
    parts.provider(role, where, _name(where), encounter.department.name if department else None)
    moment = encounter.end or encounter.start
    author = _author(encounter.staff, doctor, moment, "责任医生")
    parts.signatures(node, author, where, _name(where))
    return node


def outpatient_record(document_id: str, e: Encounter, identity: Identity, doctor: str) -> Node:
    node = _frame(OUTPATIENT_RECORD, document_id, e, identity,
                  _numbers(identity, ("outpatient", e.encounter_id)),
                  e.start + timedelta(minutes=20), doctor)  # fmt: skip
    body = parts.body_of(node)
    allergy = section(body, "48765-2", "Allergies, adverse reactions, alerts")
    entry(allergy, "DE02.10.023.00", "过敏史标志", "BL", "false")
    complaint = section(body, "10154-3", "CHIEF COMPLAINT")
    entry(complaint, "DE04.01.119.00", "主诉", "ST", f"因{e.diagnoses[0].name}就诊")
    history = section(body, "10164-2", "HISTORY OF PRESENT ILLNESS")
    entry(history, "DE02.10.071.00", "现病史", "ST", "近日不适，来院就诊。")
    found = section(body, "29548-5", "Diagnosis")
    entry(found, "DE06.00.196.00", "初诊标志代码", "CD", "1",
          codeSystem="2.16.156.10011.2.3.2.39", codeSystemName="初诊标志代码表")  # fmt: skip
    for d in e.diagnoses:
        parts.diagnosis_cluster(found, d.code, d.name, ("诊断名称", "诊断代码"))
    return node


def prescription(
    document_id: str, e: Encounter, identity: Identity, doctor: str, lines: list[DrugLine],
) -> Node:  # fmt: skip
    number = f"RX{e.encounter_id}"
    numbers = _numbers(identity, ("outpatient", e.encounter_id), ("prescription", number))
    node = _frame(PRESCRIPTION, document_id, e, identity, numbers,
                  e.start + timedelta(minutes=22), doctor, birth=False)  # fmt: skip
    body = parts.body_of(node)
    found = section(body, "29548-5", "Diagnosis")
    for d in e.diagnoses:
        entry(found, "DE05.01.024.00", "诊断代码", "CD", d.code,
              codeSystem=parts.ICD10[0], codeSystemName=parts.ICD10[1])  # fmt: skip
    drugs = section(body, "10160-0", "HISTORY OF MEDICATION USE")
    for line in lines:
        given = add(add(drugs, "entry"), "substanceAdministration", classCode="SBADM",
                    moodCode="EVN")  # fmt: skip
        add(given, "text")
        parts.coded(given, "routeCode", "1", ("2.16.156.10011.2.3.1.158", "用药途径代码表"), "口服")
        add(given, "doseQuantity", value=line.drug.dose, unit=line.drug.dose_unit)
        add(given, "rateQuantity", value=str(line.drug.per_day), unit="次/日")
        product = add(add(given, "consumable"), "manufacturedProduct")
        label = add(product, "manufacturedLabeledDrug")
        add(label, "code", code=line.drug.code)
        add(label, "name", line.drug.name)
        quantity = str(line.quantity)
        details: tuple[tuple[str, str, str, str, dict[str, str]], ...] = (
            ("DE08.50.043.00", "药物规格", "ST", line.drug.specification, {}),
            ("DE06.00.135.00", "药物使用总剂量", "PQ", quantity, {"unit": "盒"}),
        )
        for code, display, kind, content, more in details:
            inner = observation(add(given, "entryRelationship", typeCode="COMP"), code, display)
            value(inner, kind, content, **more)
    entry(drugs, "DE06.00.294.00", "处方有效天数", "PQ", "3", unit="天")
    paid = section(body, "48768-6", "PAYMENT SOURCES")
    total = money(sum(line.amount for line in lines)) or "0.00"
    entry(paid, "DE07.00.004.00", "处方药品金额", "MO", total, currency="元")
    return node


def laboratory_report(document_id: str, report: Report, identity: Identity, doctor: str) -> Node:
    """One section of studies per item, each with code, numeric result and unit."""
    e = report.encounter
    numbers = _numbers(identity, ("outpatient", e.encounter_id),
                       ("laboratory_report", report.report_id))  # fmt: skip
    node = _frame(LABORATORY, document_id, e, identity, numbers,
                  report.reported, doctor, birth=False, department=False)  # fmt: skip
    body = parts.body_of(node)
    for result in report.results:
        part = section(body, "30954-2", "STUDIES SUMMARY")
        entry(part, "DE04.30.018.00", "检验类别", "ST", report.panel)
        item = entry(part, "DE04.30.019.00", "检验项目代码", "ST", result.test.code)
        item.insert(1, _time(report.reported))
        specimen = observation(add(item, "entryRelationship", typeCode="COMP"),
                               "DE04.50.134.00", "标本类别")  # fmt: skip
        span = add(specimen, "effectiveTime")
        add(span, "low", value=parts.ts(report.collected))
        add(span, "high", value=parts.ts(report.collected + timedelta(minutes=5)))
        value(specimen, "ST", "静脉血")
        entry(part, "DE04.30.020.00", "检验项目名称", "ST", result.test.name)
        number = entry(part, "DE04.30.015.00", "检验定量结果", "REAL", result.value)
        unit = observation(add(number, "entryRelationship", typeCode="COMP"),
                           "DE04.30.016.00", "检查定量结果计量单位")  # fmt: skip
        value(unit, "ST", result.test.unit)
    told = section(body, None, "检验报告")
    entry(told, "DE04.50.130.00", "检验报告结果", "ST", f"{report.panel}结果见各项目")
    entry(told, "DE08.10.026.00", "检验报告科室", "ST", "检验科")
    entry(told, "DE08.10.013.00", "检验报告机构名称", "ST", _name(e.organization_id))
    return node


def _time(moment: datetime) -> Node:
    return etree.Element(f"{{{parts.HL7}}}effectiveTime", value=parts.ts(moment))


def front_page(document_id: str, e: Encounter, identity: Identity, doctor: str) -> Node:
    assert e.end is not None
    node = _frame(FRONT_PAGE, document_id, e, identity,
                  _numbers(identity, ("inpatient", e.encounter_id)),
                  e.end + timedelta(hours=20), doctor, full=True, department=False)  # fmt: skip
    parts.encompassing(node, e.start, e.end, _places(e))
    body = parts.body_of(node)
    found = section(body, "29548-5", "Diagnosis")
    parts.diagnosis_cluster(found, e.diagnoses[0].code, e.diagnoses[0].name,
                            ("门（急）诊诊断名称", "门（急）诊诊断疾病编码"))  # fmt: skip
    discharge = section(body, "11535-2", "HOSPITAL DISCHARGE DX")
    for n, d in enumerate(e.diagnoses):
        word = "主要诊断" if n == 0 else "其他诊断"
        parts.diagnosis_cluster(discharge, d.code, d.name,
                                (f"出院诊断-{word}名称", f"出院诊断-{word}疾病编码"))  # fmt: skip
    entry(discharge, "DE06.00.223.00", "离院方式", "CD", e.discharge_mode or "9",
          codeSystem="2.16.156.10011.2.3.1.265", codeSystemName="离院方式代码表")  # fmt: skip
    _operations(body, e)
    course = section(body, "8648-8", "Hospital Course")
    days = (e.end.date() - e.start.date()).days
    entry(course, "DE06.00.310.00", "实际住院天数", "PQ", str(days), unit="天")
    act = add(add(course, "entry"), "act", classCode="ACT", moodCode="EVN")
    add(act, "code")
    author = add(act, "author")
    add(author, "time")
    who = add(author, "assignedAuthor")
    add(who, "id")
    ward = add(who, "representedOrganization")
    add(ward, "id", root="2.16.156.10011.1.21", extension=e.bed or "")
    add(ward, "name", e.ward or "")
    whole = add(add(ward, "asOrganizationPartOf", classCode="PART"), "wholeOrganization",
                classCode="ORG", determinerCode="INSTANCE")  # fmt: skip
    add(whole, "id", root=parts.ROOTS["department"], extension=e.department.code)
    add(whole, "name", e.department.name)
    paid = section(body, "48768-6", "PAYMENT SOURCES")
    for code, display, fee in (("HDSD00.11.142", "住院总费用", e.fee),
                               ("HDSD00.11.098", "西药费", e.drug_fee)):  # fmt: skip
        node_fee = observation(add(paid, "entry"), code, display, parts.FRONT_PAGE_SET)
        value(node_fee, "MO", money(fee) or "0.00", currency="元")
    return node


def _places(e: Encounter) -> list[tuple[str, str, str]]:
    return [("bed", e.bed or "", f"{e.bed}床"),
            ("department", e.department.code, e.department.name),
            ("ward", e.department.code, e.ward or "")]  # fmt: skip


def _operations(body: Node, e: Encounter) -> None:
    if e.operation is None:
        return
    part = section(body, "47519-4", "HISTORY OF PROCEDURES")
    procedure = add(add(part, "entry"), "procedure", classCode="PROC", moodCode="EVN")
    parts.coded(procedure, "code", e.operation[0],
                ("2.16.156.10011.2.3.3.12", "手术(操作)代码表（ICD-9-CM）"))  # fmt: skip
    add(procedure, "statusCode")
    add(procedure, "effectiveTime", value=parts.ts(e.start + timedelta(hours=18)))
    name = observation(add(procedure, "entryRelationship", typeCode="COMP"),
                       "DE06.00.094.00", "手术（操作）名称")  # fmt: skip
    value(name, "ST", e.operation[1])


def discharge_summary(document_id: str, e: Encounter, identity: Identity, doctor: str) -> Node:
    assert e.end is not None
    node = _frame(SUMMARY, document_id, e, identity,
                  _numbers(identity, ("inpatient", e.encounter_id)),
                  e.end + timedelta(hours=2), doctor, full=True, department=False)  # fmt: skip
    parts.encompassing(node, e.start, e.end, _places(e))
    body = parts.body_of(node)
    problem = section(body, "11450-4", "PROBLEM LIST")
    entry(problem, "DE05.10.148.00", "入院情况", "ST", f"以{e.diagnoses[0].name}收入院。")
    for code, display, words in (("46241-6", "HOSPITAL ADMISSION DX", "入院诊断"),
                                 ("11535-2", "Discharge Diagnosis", "出院诊断")):  # fmt: skip
        part = section(body, code, display)
        for d in e.diagnoses:
            entry(part, "DE05.01.024.00", f"{words}-西医诊断编码", "CD", d.code,
                  codeSystem="2.16.156.10011.2.3.3.11.5",
                  codeSystemName="疾病代码表（ICD-10）")  # fmt: skip
    _operations(body, e)
    course = section(body, "8648-8", "Hospital Course")
    entry(course, "DE06.00.296.00", "诊疗过程描述", "ST", "入院后完善检查，予对症治疗，病情平稳。")
    days = (e.end.date() - e.start.date()).days
    entry(course, "DE06.00.310.00", "实际住院天数", "PQ", str(days), unit="天")
    return node


def hypertension_follow_up(
    visit: FollowUp, archive_id: str, identity: Identity, doctor: Staff
) -> Node:
    """HSDB04.01; a visit without pressure has no pressure organizer."""
    moment = datetime.combine(visit.day, time(16, 30))
    node = parts.document(HYPERTENSION, visit.visit_id, moment, FOLLOW_UP_ROOT)
    numbers = [("archive", archive_id)]
    if identity.health_card:
        numbers.append(("card", identity.health_card))
    parts.patient(node, visit.person, identity, numbers, full=True, birth=True, on=visit.day)
    where = visit.organization_id
    author = Author(doctor.staff_id, doctor.person.name, visit.day, "随访医生")
    parts.signatures(node, author, where, _name(where))
    body = parts.body_of(node)
    event = section(body, None, "随访事件")
    case = add(add(event, "entry"), "observation", classCode="CASE", moodCode="EVN")
    parts.coded(case, "code", "DE06.00.108.00", parts.ELEMENTS, "随访方式")
    add(case, "effectiveTime", value=parts.ts(visit.day))
    value(case, "CD", visit.mode, codeSystem="2.16.156.10011.2.3.1.183",
          codeSystemName="随访方式代码表")  # fmt: skip
    vital = section(body, "8716-3", "VITAL SIGNS")
    if visit.systolic is not None and visit.diastolic is not None:
        pair = add(add(vital, "entry"), "organizer", classCode="BATTERY", moodCode="EVN")
        add(pair, "statusCode")
        for code, display, number in (("DE04.10.174.00", "收缩压", visit.systolic),
                                      ("DE04.10.176.00", "舒张压", visit.diastolic)):  # fmt: skip
            part = observation(add(pair, "component"), code, display)
            value(part, "PQ", str(number), unit="mmHg")
    entry(vital, "DE04.10.188.00", "体重", "PQ", str(visit.weight), unit="kg")
    entry(vital, "DE04.10.167.00", "身高", "PQ", str(visit.height), unit="cm")
    if visit.heart_rate is not None:
        entry(vital, "DE04.10.206.00", "心率", "PQ", str(visit.heart_rate), unit="次/min")
    life = section(body, None, "生活方式")
    entry(life, "DE03.00.094.00", "摄盐情况", "CD", "1", codeSystem="2.16.156.10011.2.3.2.25",
          codeSystemName="摄盐量分级代码表")  # fmt: skip
    plan = section(body, "18776-5", "TREATMENT PLAN")
    entry(plan, "DE04.10.188.00", "目标体重", "PQ", str(round(visit.weight - 2, 1)), unit="kg")
    result = section(body, "51848-0", "Assessment note")
    entry(result, "DE05.10.066.00", "随访评价结果", "CD", visit.result,
          codeSystem="2.16.156.10011.2.3.1.150", codeSystemName="随访评价结果代码")  # fmt: skip
    following = section(body, None, "下次随访日期")
    entry(following, "DE06.00.109.00", "下次随访日期", "TS", parts.ts(visit.next_day))
    return node
