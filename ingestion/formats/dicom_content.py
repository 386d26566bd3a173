"""Text of one DICOM element, and what the content items of a structured report say.

Belongs here: values as text. Not here: which of them become columns (`dicom.py`).
Source: DICOM PS3.3 C.17.3.
"""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName


def text_of(value: object) -> str:
    """One value, several joined with a backslash; of a name the ideographic group comes first."""
    if value is None:
        return ""
    if isinstance(value, PersonName):
        name = value.ideographic or value.alphabetic or value.phonetic
        return " ".join(part for part in name.split("^") if part).strip()
    if isinstance(value, MultiValue):
        return "\\".join(text_of(one) for one in value)
    return str(value).strip("\0 ")


def said(items: Sequence[Dataset] | None, code: str, part: str) -> list[str]:
    """Texts of the content items whose concept has the code, in document order.

    Args:
        part: Which field of a coded value is its text.
    """
    found: list[str] = []
    for item in items or ():
        concept = item.get("ConceptNameCodeSequence")
        if concept and text_of(concept[0].get("CodeValue")) == code:
            coded = item.get("ConceptCodeSequence")
            found.append(text_of(coded[0].get(part) if coded else item.get("TextValue")))
        found += said(item.get("ContentSequence"), code, part)
    return [text for text in found if text]
