"""The path language of shared documents.

Belongs here: reading one value from one document. Not here: rows and tables (`cda.py`).

A path is one of:
- a data-element code such as `DE04.10.174.00`: the value of the first entry with that code inside
  the row's element;
- an XPath 1.0 without namespaces: from the document with a leading `/`, else from the row's
  element; `$item` is the row's number in the document;
- `item()`: the row's number in the document.

An element's value is its `@value`, else its `@code`, else its text.

Source: HL7 CDA R2 (data types), WS/T 482-2016 (shared document specification).
"""

import re
from functools import cache

from lxml import etree

ELEMENT_CODE = re.compile(r"(?:DE\d\d|HDS[A-Z]\d\d)\.[\d.]+\d")
ITEM_NUMBER = "item()"


@cache
def compile_xpath(text: str) -> etree.XPath:
    """Compile once.

    Raises:
        ValueError: the text is no XPath.
    """
    try:
        return etree.XPath(text, smart_strings=False)
    except etree.XPathSyntaxError as error:
        raise ValueError(f"not a path: {text}") from error


class DocumentReader:
    """One parsed document whose namespaces have been taken off.

    Args:
        root: Document element; its tags are changed in place.
    """

    def __init__(self, root: etree._Element) -> None:
        for element in root.iter():
            tag = element.tag
            if isinstance(tag, str) and tag.startswith("{"):
                element.tag = tag.rpartition("}")[2]
        self.root = root
        self.name = str(root.tag)
        self._document_values: dict[str, str | None] = {}
        self._codes: dict[str, etree._Element] | None = None

    def nodes(self, path: str) -> list[etree._Element]:
        found = compile_xpath(path)(self.root)
        return [node for node in found if isinstance(node, etree._Element)]

    def value(self, path: str, node: etree._Element, item: int) -> str | None:
        """The value at `path` for one row, None when absent."""
        if path == ITEM_NUMBER:
            return str(item)
        if ELEMENT_CODE.fullmatch(path):
            return self._coded_value(path, node)
        if path.startswith("/"):
            return self.document_value(path)
        return _text_of(compile_xpath(path)(node, item=item))

    def document_value(self, path: str) -> str | None:
        """The value of a path that starts with `/`; read once a document."""
        if path not in self._document_values:
            self._document_values[path] = _text_of(compile_xpath(path)(self.root))
        return self._document_values[path]

    def _coded_value(self, code: str, node: etree._Element) -> str | None:
        if node is self.root:
            if self._codes is None:
                self._codes = {}
                for element in node.iter("code"):
                    name = element.get("code")
                    parent = element.getparent()
                    if name and parent is not None:
                        self._codes.setdefault(name, parent)
            holder = self._codes.get(code)
        else:
            found = (e for e in node.iter("code") if e.get("code") == code)
            first = next(found, None)
            holder = None if first is None else first.getparent()
        if holder is None:
            return None
        value = holder.find("value")
        return _element_text(value if value is not None else holder.find("text"))


def _text_of(result: object) -> str | None:
    """The first node of a result, or the result itself when it is text or a number."""
    if isinstance(result, list):
        for one in result:
            text = _element_text(one) if isinstance(one, etree._Element) else str(one).strip()
            if text:
                return text
        return None
    if isinstance(result, float):
        return None if result != result else format(result, ".12g")
    return str(result).strip() or None


def _element_text(node: etree._Element | None) -> str | None:
    if node is None:
        return None
    for name in ("value", "code"):
        text = (node.get(name) or "").strip()
        if text:
            return text
    for limit in ("low", "high", "width"):
        part = node.find(limit)
        if part is not None and part.get("value"):
            return str(part.get("value"))
    text = "".join("".join(part.split()) if "\n" in part else part for part in node.itertext())
    return text.strip() or None
