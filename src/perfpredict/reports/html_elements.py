"""HTML and SVG as trees of elements: what comes from a database can only ever become text."""

import base64
import hashlib
from collections.abc import Mapping
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

from perfpredict.reports.text import visible

Attributes: TypeAlias = Mapping[str, str | float]
Child: TypeAlias = Element | str | None


def element(tag: str, attributes: Attributes | None = None, *children: Child) -> Element:
    """Return an element; strings among the children are its text, None is nothing.

    Hidden characters are made visible, and everything is escaped when the page is written.
    """
    made = Element(tag, {name: _value(value) for name, value in (attributes or {}).items()})
    made.extend(child for child in children if isinstance(child, Element))
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            last = child
        elif child is not None and last is None:
            made.text = (made.text or "") + _lines(child)
        elif child is not None and last is not None:
            last.tail = (last.tail or "") + _lines(child)
    return made


def write_page(title: str, style: str, *body: Element) -> str:
    """Return a whole page that loads nothing and runs nothing, wherever it is opened."""
    sheet = Element("style")
    sheet.text = style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = element(
        "html",
        {"lang": "en"},
        element(
            "head",
            None,
            element("meta", {"charset": "utf-8"}),
            element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
            element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            element("meta", {"name": "color-scheme", "content": "light dark"}),
            element("title", None, title),
            sheet,
        ),
        element("body", None, *body),
    )
    return f"<!doctype html>\n{tostring(page, encoding='unicode', method='html')}\n"


def _lines(text: str) -> str:
    """Return text with its line breaks and nothing else hidden."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _value(value: str | float) -> str:
    """Return an attribute's value; coordinates to a tenth of a pixel."""
    if isinstance(value, str):
        return visible(value)
    return f"{value:.1f}".removesuffix(".0")
