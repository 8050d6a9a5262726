"""The one door to the compiled module, which need not be there.

`derive_event_ids` and `ilp_lines` are None where the package was installed without a C compiler
(`scripts/build_native.py`). Their callers then use their plain versions; the tests hold them equal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from utility_ts_analytics.records.reading import Reading

    _Digest = Callable[[bytes, int], bytes]

derive_event_ids: "Callable[[Sequence[Reading], int, _Digest], list[Reading]] | None"
ilp_lines: "Callable[[Sequence[Reading], bytes], bytes] | None"

try:
    from utility_ts_analytics.records._native import derive_event_ids, ilp_lines
except ImportError:
    derive_event_ids = ilp_lines = None
