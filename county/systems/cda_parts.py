"""Building blocks of shared documents: header, sections, observations.

Belongs here: what all document types of WS/T 482-2016 share. Not here: which document has which
section (`cda.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeAlias

from lxml import etree

from county.identities import Identity
from county.people import Person

HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
ELEMENTS = ("2.16.156.10011.2.2.1", "卫生信息数据元目录")
FRONT_PAGE_SET = ("2.16.156.10011.2.2.4", "住院病案首页基本数据集")
LOINC = ("2.16.840.1.113883.6.1", "LOINC")
ICD10 = ("2.16.156.10011.2.3.3.11.3", "诊断代码表（ICD-10）")
ROOTS = {
    "document": "2.16.156.10011.1.1", "archive": "2.16.156.10011.1.2",
    "id_number": "2.16.156.10011.1.3", "staff": "2.16.156.10011.1.4",
    "organization": "2.16.156.10011.1.5", "author": "2.16.156.10011.1.7",
    "outpatient": "2.16.156.10011.1.11", "inpatient": "2.16.156.10011.1.12",
    "record": "2.16.156.10011.1.13", "card": "2.16.156.10011.1.19",
    "prescription": "2.16.156.10011.1.20", "bed": "2.16.156.10011.1.22",
    "department": "2.16.156.10011.1.26", "ward": "2.16.156.10011.1.27",
    "laboratory_report": "2.16.156.10011.1.33", "examination_report": "2.16.156.10011.1.32",
}  # fmt: skip
_TYPE = f"{{{XSI}}}type"
_MARKS = str.maketrans("", "", "-:T")
Node: TypeAlias = Any
"""An lxml element; lxml ships no type hints."""


def ts(moment: date | str | None) -> str:
    """TS value: day, or day and time; text as it is."""
    if moment is None or isinstance(moment, str):
        return moment or ""
    return moment.isoformat().translate(_MARKS)[: 14 if isinstance(moment, datetime) else 8]


def add(parent: Node, tag: str, text: str | None = None, **attributes: str) -> Node:
    """A child element in the HL7 namespace."""
    node = etree.SubElement(parent, _qualified(tag), attributes)
    if text is not None:
        node.text = text
    return node


@cache
def _qualified(tag: str) -> str:
    return f"{{{HL7}}}{tag}"


def coded(parent: Node, tag: str, code: str, system: tuple[str, str], display: str = "") -> Node:
    node = add(parent, tag, code=code, codeSystem=system[0], codeSystemName=system[1])
    if display:
        node.set("displayName", display)
    return node


def value(parent: Node, kind: str, content: str, **attributes: str) -> Node:
    """An observation value: text for ST, `code` for CD, `value` for the rest."""
    node = add(parent, "value", **attributes)
    node.set(_TYPE, kind)
    if kind == "ST":
        node.text = content
    else:
        node.set("code" if kind == "CD" else "value", content)
    return node


def observation(parent: Node, code: str, display: str, system: tuple[str, str] = ELEMENTS) -> Node:
    node = add(parent, "observation", classCode="OBS", moodCode="EVN")
    coded(node, "code", code, system, display)
    return node


def entry(section: Node, code: str, display: str, kind: str, content: str, **more: str) -> Node:
    """`entry/observation` with one value; returns the observation."""
    node = observation(add(section, "entry"), code, display)
    value(node, kind, content, **more)
    return node


def section(body: Node, code: str | None, display: str) -> Node:
    """`component/section` with its LOINC code, or with a Chinese name alone."""
    node = add(add(body, "component"), "section")
    if code:
        coded(node, "code", code, LOINC, display)
    else:
        add(node, "code", displayName=display)
    add(node, "text")
    return node


def diagnosis_cluster(target: Node, code: str, name: str, words: tuple[str, str]) -> None:
    """Organizer with the diagnosis name and its ICD-10 code, as front pages and records have it."""
    cluster = add(add(target, "entry"), "organizer", classCode="CLUSTER", moodCode="EVN")
    add(cluster, "statusCode")
    named = observation(add(cluster, "component"), "DE05.01.025.00", words[0])
    value(named, "ST", name)
    number = observation(add(cluster, "component"), "DE05.01.024.00", words[1])
    value(number, "CD", code, codeSystem=ICD10[0], codeSystemName=ICD10[1])


@dataclass(frozen=True, slots=True)
class Author:
    staff_id: str
    name: str
    moment: date | str
    role: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A document type: code of `shared_document`, template and title."""

    code: str
    template: str
    title: str


def document(
    kind: Kind, document_id: str, created: datetime | str, root_oid: str = ROOTS["document"]
) -> Node:
    """The document element and its type block."""
    node = etree.Element(f"{{{HL7}}}ClinicalDocument", nsmap={None: HL7, "xsi": XSI})
    add(node, "realmCode", code="CN")
    add(node, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_MT000040")
    add(node, "templateId", root=kind.template)
    add(node, "id", root=root_oid, extension=document_id)
    coded(node, "code", kind.code, ("2.16.156.10011.2.4", "卫生信息共享文档编码体系"))
    add(node, "title", kind.title)
    add(node, "effectiveTime", value=ts(created))
    coded(node, "confidentialityCode", "N", ("2.16.840.1.113883.5.25", "Confidentiality"),
          "正常访问保密级别")  # fmt: skip
    add(node, "languageCode", code="zh-CN")
    add(node, "setId")
    add(node, "versionNumber")
    return node


def patient(
    node: Node, person: Person, identity: Identity, numbers: list[tuple[str, str]], *,
    full: bool, birth: bool, on: date,
) -> Node:  # fmt: skip
    """`recordTarget/patientRole`; `full` adds address, phone, marital status and ethnicity."""
    role = add(
        add(node, "recordTarget", typeCode="RCT", contextControlCode="OP"),
        "patientRole", classCode="PAT",
    )  # fmt: skip
    for kind, number in numbers:
        add(role, "id", root=ROOTS[kind], extension=number)
    if full:
        address = add(role, "addr", use="H")
        add(address, "houseNumber", person.house_number)
        add(address, "township", person.town)
        add(address, "county", "云泉县")
        add(address, "state", "新疆维吾尔自治区")
        add(role, "telecom", value=identity.phone)
    body = add(role, "patient", classCode="PSN", determinerCode="INSTANCE")
    if identity.id_number:
        add(body, "id", root=ROOTS["id_number"], extension=identity.id_number)
    add(body, "name", identity.name)
    coded(body, "administrativeGenderCode", person.sex,
          ("2.16.156.10011.2.3.3.4", "生理性别代码表（GB/T 2261.1）"))  # fmt: skip
    if birth:
        add(body, "birthTime", value=ts(identity.birth))
    if full:
        coded(body, "maritalStatusCode", person.marital,
              ("2.16.156.10011.2.3.3.5", "婚姻状况代码表（GB/T 2261.2）"))  # fmt: skip
        coded(body, "ethnicGroupCode", person.ethnicity,
              ("2.16.156.10011.2.3.3.3", "民族类别代码表（GB 3304）"))  # fmt: skip
    add(body, "age", unit="岁", value=str(person.age_on(on)))
    return role


def provider(role: Node, organization_id: str, name: str, department: str | None) -> None:
    """`providerOrganization`: a department within its hospital, or the hospital itself."""
    unit = add(role, "providerOrganization", classCode="ORG", determinerCode="INSTANCE")
    if department:
        add(unit, "id", root=ROOTS["department"])
        add(unit, "name", department)
        unit = add(add(unit, "asOrganizationPartOf"), "wholeOrganization")
    add(unit, "id", root=ROOTS["organization"], extension=organization_id)
    add(unit, "name", name)


def signatures(node: Node, author: Author, organization_id: str, name: str) -> None:
    """Author, custodian and legal authenticator."""
    outer = add(node, "author", typeCode="AUT", contextControlCode="OP")
    add(outer, "time", value=ts(author.moment))
    assigned = add(outer, "assignedAuthor", classCode="ASSIGNED")
    add(assigned, "id", root=ROOTS["author"], extension=author.staff_id)
    add(add(assigned, "assignedPerson"), "name", author.name)
    unit = add(assigned, "representedOrganization")
    add(unit, "id", root=ROOTS["organization"], extension=organization_id)
    add(unit, "name", name)
    keeper = add(add(node, "custodian", typeCode="CST"), "assignedCustodian", classCode="ASSIGNED")
    keeper = add(keeper, "representedCustodianOrganization", classCode="ORG",
                 determinerCode="INSTANCE")  # fmt: skip
    add(keeper, "id", root=ROOTS["organization"], extension=organization_id)
    add(keeper, "name", name)
    legal = add(node, "legalAuthenticator")
    add(legal, "time", value=ts(author.moment))
    add(legal, "signatureCode")
    entity = add(legal, "assignedEntity")
    add(entity, "id", root=ROOTS["staff"], extension=author.staff_id)
    add(entity, "code", displayName=author.role)
    add(add(entity, "assignedPerson"), "name", author.name)
    parent = add(add(node, "relatedDocument", typeCode="RPLC"), "parentDocument")
    for tag in ("id", "setId", "versionNumber"):
        add(parent, tag)


def encompassing(
    node: Node, start: datetime, end: datetime | None, places: list[tuple[str, str, str]]
) -> None:
    """`componentOf/encompassingEncounter`: times, then bed, department and ward inside out."""
    scene = add(add(node, "componentOf", typeCode="COMP"), "encompassingEncounter",
                classCode="ENC", moodCode="EVN")  # fmt: skip
    span = add(scene, "effectiveTime")
    add(span, "low", value=ts(start))
    if end:
        add(span, "high", value=ts(end))
    spot = add(add(scene, "location", typeCode="LOC"), "healthCareFacility", classCode="SDLOC")
    spot = add(spot, "serviceProviderOrganization", classCode="ORG", determinerCode="INSTANCE")
    for kind, number, name in places:
        part = add(spot, "asOrganizationPartOf", classCode="PART")
        spot = add(part, "wholeOrganization", classCode="ORG", determinerCode="INSTANCE")
        add(spot, "id", root=ROOTS[kind], extension=number)
        add(spot, "name", name)


def body_of(node: Node) -> Node:
    return add(add(node, "component"), "structuredBody")


def serialized(node: Node) -> bytes:
    data: bytes = etree.tostring(node, xml_declaration=True, encoding="UTF-8")
    return data
