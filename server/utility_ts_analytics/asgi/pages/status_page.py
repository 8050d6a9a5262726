"""The status page: HTML, style and script put together into one document, and what it may do.

The document loads nothing but `status.json` from where it came from: its style and script are
allowed by their digests, and nothing else is. No figure is in it, so it is the same for everyone.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """One document and the headers that go with it.

    Attributes:
        body: HTML, UTF-8.
        headers: Lower-case names; the media type is not among them.
    """

    body: bytes
    headers: Mapping[str, str]

    media_type = "text/html; charset=utf-8"


def read_status_page() -> Page:
    """Put the page together from its sources, which lie beside this module."""
    html, style, script = (
        (_FOLDER / f"status.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return put_together(html, style, script)


def put_together(html: str, style: str, script: str) -> Page:
    """Return one document with its policy.

    Args:
        html: Has one place for each of the others: `/*status.css*/` and `/*status.js*/`.
        style: Must not hold "</style".
        script: Must not hold "</script" nor "<!--".
    """
    body = html.replace("/*status.css*/", style).replace("/*status.js*/", script)
    policy = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "connect-src 'self'",
        "img-src data:",  # the icon of the tab
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
    headers = {"content-security-policy": "; ".join(policy), "referrer-policy": "no-referrer"}
    return Page(body.encode(), headers)


def _digest(text: str) -> str:
    """Return what a policy calls an inline element with this content (CSP level 3, 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
