"""The page is one document, and its policy allows exactly what is in it."""

import base64
import hashlib
import re

import pytest

from utility_ts_analytics.asgi.pages.status_page import put_together, read_status_page

PAGE = read_status_page()
TEXT = PAGE.body.decode()


def inline(tag: str) -> list[str]:
    return re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", TEXT, re.DOTALL)


def allowed(directive: str) -> list[str]:
    found = re.search(rf"(?:^|; ){directive} ([^;]*)", PAGE.headers["content-security-policy"])
    assert found
    return found[1].split()


@pytest.mark.parametrize("tag", ["style", "script"])
def test_one_style_and_one_script_are_allowed_by_their_digests(tag: str) -> None:
    [content] = inline(tag)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert allowed(f"{tag}-src") == [f"'sha256-{digest}'"]
    assert "/*status." not in content


def test_nothing_else_is_allowed_and_no_text_becomes_markup() -> None:
    assert allowed("default-src") == ["'none'"]
    assert allowed("connect-src") == ["'self'"]
    assert allowed("img-src") == ["data:"]
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert allowed(directive) == ["'none'"]
    assert allowed("require-trusted-types-for") == ["'script'"]
    assert "unsafe" not in PAGE.headers["content-security-policy"]


def test_nothing_comes_from_outside_and_nothing_is_written_as_markup() -> None:
    places = re.findall(r"""\b(?:src|href)="([^"]*)""", TEXT)
    assert places
    assert "url(" not in TEXT
    assert "@import" not in TEXT
    own = {"status.json", "metrics", "readyz", "openapi.json"}
    assert {p for p in places if not p.startswith(("#", "data:"))} <= own
    assert set(re.findall(r"https?://[\w./]+", TEXT)) == {"http://www.w3.org/2000/svg"}
    for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert door not in TEXT
    assert not re.search(r"<[^>]*\s(?:style|on\w+)=", TEXT)


def test_another_script_has_another_policy() -> None:
    html = "<style>/*status.css*/</style><script>/*status.js*/</script>"
    first, second = (put_together(html, "a{}", script) for script in ("1", "2"))
    assert first.body == b"<style>a{}</style><script>1</script>"
    assert first.headers != second.headers
