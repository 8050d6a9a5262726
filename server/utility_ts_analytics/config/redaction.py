"""The configuration as logs and the status page may show it."""

import msgspec

from utility_ts_analytics.config.section import Section
from utility_ts_analytics.config.values import Address, AllowedHost, Origin, Secret


def redacted(section: Section) -> dict[str, object]:
    """Return `section` under its TOML keys, ready for JSON, with every secret masked.

    Keys that are not set are left out. A new dictionary each time; the caller owns it.
    """
    shown: dict[str, object] = {}
    for info in msgspec.structs.fields(section):
        value = getattr(section, info.name)
        if value is not None:
            shown[info.encode_name] = _shown(value)
    return shown


def _shown(value: object) -> object:
    match value:
        case Section():
            return redacted(value)
        case tuple():
            return [_shown(item) for item in value]
        case Secret() | Address() | Origin() | AllowedHost():
            return str(value)
        case _:
            return value
