"""Origins and host names are read in lower case, whatever else is refused."""

import pytest

from utility_ts_analytics.config.web_names import AllowedHost, Origin


@pytest.mark.parametrize(
    "text",
    ["https://portal.example.com", "http://localhost:8080", "https://[::1]", "https://A.b:8"],
)
def test_origin_is_read_in_lower_case(text: str) -> None:
    assert str(Origin.parse(text)) == text.lower()
    assert Origin.parse(text) == Origin.parse(text.lower())


@pytest.mark.parametrize(
    "text", ["", "*", "null", "portal.example.com", "https://a/", "https://a b", "ftp://a", "a:1"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an origin such as"):
        Origin.parse(text)


def test_allowed_host_is_a_name_without_a_port_or_every_name() -> None:
    assert [AllowedHost.parse(text).name for text in ("Ingestion", "a.b-c.d", "*")] == [
        *("ingestion", "a.b-c.d", "*")
    ]
    for text in ("", "a:1", "*.a", "http://a", "a b"):
        with pytest.raises(ValueError, match="a host name without a port"):
            AllowedHost.parse(text)
