"""Formats this version recognises but does not map, named so that a county knows what it sent.

Belongs here: telling them apart. Each answer is (format, reason code, detail) or (format, detail).
"""

import re

from lxml import etree

from ingestion.formats.xml_document import parse_xml

HEAD_BYTES = 1 << 16
HL7_SEGMENT = re.compile(rb"\s*(?:PID|EVN|PV1|OBR|OBX|ORC|BHS|BTS|FTS|MSA|NK1|DG1)\|")
MESSAGE_SOMEWHERE = re.compile(rb"(?:\A|[\r\n\x0b])MSH[^A-Za-z0-9\s]")
DICOM_GROUPS = (b"\x08\x00", b"\x02\x00", b"\x00\x08", b"\x00\x02")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UNMAPPED = "not mapped in this version"

XML_KINDS = {
    "AnnotatedECG": ("aecg", ""),
    "restingecgdata": ("sierra-ecg", f"Philips ECG, {UNMAPPED}"),
    "HL7v2xConformanceProfile": ("hl7v2-profile", "HL7 v2 message profile, not a message"),
    "schema": ("xml-schema", "XML schema, not data"),
    "Envelope": ("hl7v3", "SOAP envelope"),
    "component": ("cda-section", "CDA section alone: no document header naming patient and author"),
    "section": ("cda-section", "CDA section alone: no document header naming patient and author"),
}
FHIR_NAMESPACE = "http://hl7.org/fhir"
V3_NAMESPACE = "urn:hl7-org:v3"
V3_NAME = re.compile(r"[A-Z]{4}_[A-Z]{2}\d{6}")


def looks_like(data: bytes) -> str | None:
    """A guess for bytes without a signature: `hl7v2`, `dicom`, `text`, or None."""
    head = data[:HEAD_BYTES]
    if HL7_SEGMENT.match(head) or MESSAGE_SOMEWHERE.search(head):
        return "hl7v2"
    if head[:2] in DICOM_GROUPS:
        return "dicom"
    if b"\0" in head[:4096] and head[:2] not in UTF16_MARKS:
        return None
    return "text"


def describe_xml(data: bytes) -> tuple[str, str]:
    """Format name of well-formed XML that is no CDA document, and why it is refused."""
    root, defect = parse_xml(data)
    if root is None:
        return "xml", defect[1] if defect else ""
    name, space = etree.QName(root).localname, etree.QName(root).namespace
    if any(etree.QName(child).localname == "MSH" for child in root.iterchildren("*")):
        return "hl7v2", ""
    if name in XML_KINDS:
        return XML_KINDS[name]
    if space == FHIR_NAMESPACE:
        return "fhir-xml", f"FHIR {name[:40]}, {UNMAPPED}"
    if space == V3_NAMESPACE or V3_NAME.match(name):
        return "hl7v3", f"HL7 V3 {name[:40]}"
    if name == "Document" and root.find("{*}Type") is not None:
        return "cda-vendor", ""
    if name == "Document":
        return "xml", "document without a type: fragments of records, no document header"
    return "xml", f"root {name[:40]}: not a document, no header naming patient, author and type"


def describe_unknown(data: bytes, kind: str | None) -> tuple[str, str, str]:
    """Format, reason code and detail of everything else."""
    if kind is not None:
        return kind, "unknown_format", f"{kind} file"
    if data[16:22] == b"SCPECG":
        return "scp-ecg", "unsupported_document", f"SCP-ECG, {UNMAPPED}"
    return "unknown", "unknown_format", "binary content"
