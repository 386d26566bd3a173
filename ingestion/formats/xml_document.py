"""Safe XML: the only place where XML bytes are parsed.

Belongs here: limits and what is forbidden. Not here: what the document means.
"""

import re

from lxml import etree

Defect = tuple[str, str]
"""Reason code and where."""

MAX_XML_BYTES = 64 << 20
DECLARATION = re.compile(rb"<!\s*(?:ENTITY|DOCTYPE[^>\[]*\[)")
DOCTYPE = re.compile(rb"<!DOCTYPE")
COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
PROLOGUE_BYTES = 1 << 16


def parse_xml(
    data: bytes, encoding: str | None = None
) -> tuple[etree._Element | None, Defect | None]:
    """Parse one document without entities, external references or network.

    Args:
        data: The whole file.
        encoding: Overrides what the document says of itself.

    Returns:
        The root and no defect, or no root and `forbidden_xml`, `wrong_encoding`, `malformed_xml`,
        `file_too_large` or `empty_file` with the line where it broke.
    """
    if not data.strip():
        return None, ("empty_file", "")
    if len(data) > MAX_XML_BYTES:
        return None, ("file_too_large", f"{len(data)} bytes of XML")
    plain = _ascii_view(data[:PROLOGUE_BYTES])
    if b"<!" in plain:
        outside = COMMENT.sub(b"", plain)
        if DECLARATION.search(outside):
            return None, ("forbidden_xml", "document type with declarations")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        encoding=encoding,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        return None, (_reason(error), f"line {error.lineno or 0}")
    except LookupError:
        return None, ("wrong_encoding", "unknown encoding declared")
    document = root.getroottree().docinfo
    if document.internalDTD is not None and list(document.internalDTD.iterentities()):
        return None, ("forbidden_xml", "document type with declarations")
    return root, None


def _ascii_view(head: bytes) -> bytes:
    """Drops the zero bytes of UTF-16 so that declarations are seen in it too."""
    return head.replace(b"\0", b"") if b"\0" in head else head


def _reason(error: etree.XMLSyntaxError) -> str:
    text = error.msg or ""
    if error.code in (etree.ErrorTypes.ERR_INVALID_ENCODING, etree.ErrorTypes.ERR_INVALID_CHAR):
        return "wrong_encoding" if "encoding" in text or "UTF-8" in text else "malformed_xml"
    if "ncoding" in text or "input conversion failed" in text:
        return "wrong_encoding"
    if "ntity" in text and "not defined" in text:
        return "forbidden_xml"
    return "malformed_xml"
