"""The status page: HTML, style and script as one document, with its content security policy.

The policy allows the document's own style and script by their digests, and `status.json` of the
same port; nothing else. The document holds no figures, so it is the same for everyone.
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
        headers: Lower-case names, without the media type.
    """

    body: bytes
    headers: Mapping[str, str]

    media_type = "text/html; charset=utf-8"


def read_status_page() -> Page:
    """Return the page, made from the files beside this module."""
    html, style, script = (
        (_FOLDER / f"status.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return put_together(html, style, script)


def put_together(html: str, style: str, script: str) -> Page:
    """Return one document with its policy.

    Args:
        html: Has the places for the others: `/*status.css*/` and `/*status.js*/`.
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
    """Return the hash source of an inline element with this content (CSP level 3, 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
