"""HL7 annotated ECG (aECG) documents.

Belongs here: where each field stands. Not here: safe XML (`xml_document.py`), rows (`ecg.py`).
Source: HL7 V3 annotated ECG, R1 (PORT_MT020001), ISO/IEEE 11073-10101 (MDC) codes of leads and
measurements.
"""

from lxml import etree

from ingestion.formats.cda_paths import DocumentReader
from ingestion.formats.ecg_trace import JOIN_STATEMENTS, Measurement, Trace, measured
from ingestion.formats.xml_document import Defect, parse_xml

ROOT = "AnnotatedECG"
LEAD, BEAT, INTERPRETATION = "MDC_ECG_LEAD_", "MDC_ECG_BEAT", "MDC_ECG_INTERPRETATION"
TIME_CODES = ("TIME_ABSOLUTE", "TIME_RELATIVE")
ID_NUMBER, HEALTH_CARD = "2.16.156.10011.1.3", "2.16.156.10011.1.19"
ENCOUNTERS = ("2.16.156.10011.1.11", "2.16.156.10011.1.12")
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
PER_SECOND = {"s": 1.0, "ms": 1000.0, "us": 1_000_000.0}


def read_aecg(data: bytes) -> tuple[Trace | None, Defect | None]:
    """One trace, or why there is none."""
    root, defect = parse_xml(data)
    if root is None:
        return None, defect
    reader = DocumentReader(root)
    if reader.name != ROOT:
        return None, ("unsupported_document", f"XML root {reader.name[:60]}, not {ROOT}")
    values = _identity(root) | _device(root)
    series = _main_series(root)
    if series is None:
        return None, ("malformed_xml", "no series")
    values |= _sampling(series)
    annotations = _annotations(root)
    statements = [text for text in (_statement(one) for one, _ in annotations) if text]
    if statements:
        values["interpretation"] = JOIN_STATEMENTS.join(dict.fromkeys(statements))
    numbers = [_number(one, beat) for one, beat in annotations]
    return Trace(values, [one for one in numbers if one is not None]), None


def _identity(root: etree._Element) -> dict[str, str]:
    own = root.find("id")
    name, extension = _attribute(own, "root"), _attribute(own, "extension")
    subject = root.find(".//trialSubject")
    person = None if subject is None else subject.find("subjectDemographicPerson")
    ids = [] if subject is None else subject.findall("id")
    site = root.find(".//testingSite/id")
    if site is None:
        site = root.find(".//trialSite/id")
    when = root.find("effectiveTime")
    found = {
        "trace_id": ".".join(part for part in (name, extension) if part),
        "request_id": extension,
        "encounter_id": _extension(root.findall("componentOf/timepointEvent/id"), *ENCOUNTERS),
        "recorded_at": _time(when) or _time(root.find(".//series/effectiveTime")),
        "site_id": _attribute(site, "extension"),
        "local_id": _extension([i for i in ids if i.get("root") not in (ID_NUMBER, HEALTH_CARD)]),
        "id_number": _extension(ids, ID_NUMBER),
        "health_card": _extension(ids, HEALTH_CARD),
        "person_name": _text(person, "name"),
        "sex": _attribute(None if person is None else person.find("administrativeGenderCode"),
                          "code"),
        "birth_date": _attribute(None if person is None else person.find("birthTime"), "value"),
    }  # fmt: skip
    return {key: value for key, value in found.items() if value}


def _device(root: etree._Element) -> dict[str, str]:
    author = root.find(".//seriesAuthor")
    found = {
        "device_model": _text(author, "manufacturedSeriesDevice/manufacturerModelName"),
        "manufacturer": _text(author, "manufacturerOrganization/name"),
    }
    return {key: value for key, value in found.items() if value}


def _main_series(root: etree._Element) -> etree._Element | None:
    """The rhythm strip; a derived series such as a representative beat comes last."""
    series = root.findall("component/series")
    rhythm = [one for one in series if _attribute(one.find("code"), "code") == "RHYTHM"]
    return next(iter([*rhythm, *series]), None)


def _sampling(series: etree._Element) -> dict[str, str]:
    """Leads, rate and length; samples are only counted."""
    leads: list[str] = []
    samples, step = 0, 0.0
    for sequence in series.findall("component/sequenceSet/component/sequence"):
        code, value = _attribute(sequence.find("code"), "code"), sequence.find("value")
        if code in TIME_CODES:
            step = _seconds(None if value is None else value.find("increment"))
        elif code.startswith(LEAD):
            leads.append(lead_name(code))
            digits = None if value is None else value.find("digits")
            if digits is not None and digits.text:
                samples = max(samples, len(digits.text.split()))
    found = {"leads": " ".join(leads), "lead_count": str(len(leads)) if leads else ""}
    if samples:
        found["sample_count"] = str(samples)
    if step > 0:
        found["sampling_frequency"] = format(1 / step, ".6g")
        if samples:
            found["duration"] = format(samples * step, ".6g")
    return {key: value for key, value in found.items() if value}


def lead_name(code: str) -> str:
    """`MDC_ECG_LEAD_AVR` as `aVR`."""
    name = code.removeprefix(LEAD)
    return f"a{name[1:]}" if name.startswith("AV") else name


def _annotations(root: etree._Element) -> list[tuple[etree._Element, int | None]]:
    """All annotations with the beat they stand in."""
    found: list[tuple[etree._Element, int | None]] = []
    beats: dict[etree._Element, int] = {}
    for one in root.iter("annotation"):
        if _attribute(one.find("code"), "code") == BEAT:
            beats[one] = len(beats) + 1
        above = (beats[parent] for parent in one.iterancestors("annotation") if parent in beats)
        found.append((one, next(above, None)))
    return found


def _number(annotation: etree._Element, beat: int | None) -> Measurement | None:
    code, value = _attribute(annotation.find("code"), "code"), annotation.find("value")
    if not code or value is None or value.get(TYPE) != "PQ" or not value.get("value"):
        return None
    return measured(code, str(value.get("value")), value.get("unit"), beat)


def _statement(annotation: etree._Element) -> str:
    if not _attribute(annotation.find("code"), "code").startswith(INTERPRETATION):
        return ""
    return _text(annotation, "value") or _text(annotation, "text")


def _seconds(quantity: etree._Element | None) -> float:
    try:
        value = float(_attribute(quantity, "value"))
    except ValueError:
        return 0.0
    return value / PER_SECOND.get(_attribute(quantity, "unit") or "s", 1.0)


def _time(when: etree._Element | None) -> str:
    if when is None:
        return ""
    own = [when, *(when.find(name) for name in ("center", "low"))]
    return next((text for one in own if (text := _attribute(one, "value"))), "")


def _extension(ids: list[etree._Element], *roots: str) -> str:
    wanted = (one for one in ids if not roots or one.get("root") in roots)
    return next((text for one in wanted if (text := _attribute(one, "extension"))), "")


def _attribute(node: etree._Element | None, name: str) -> str:
    return "" if node is None else str(node.get(name) or "").strip()


def _text(node: etree._Element | None, path: str) -> str:
    found = None if node is None else node.find(path)
    return "" if found is None else "".join(found.itertext()).strip()
