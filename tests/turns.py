"""Which files of tests run one after the other, where several run at once (`--dist loadfile`)."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadFileScheduling

SHARED_SERVERS: Final = {
    "the broker": re.compile(r"\bkafka(?:_addr)?: (?:TestKafka|str)"),
    "the QuestDB with the samples": re.compile(r"\bsample_questdb\b"),
}
"""Used by few files, which are known by the parameters of their fixtures and tests."""


class TurnsByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """As `loadfile`; and files that share a server go to one worker, so that it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return self._server_of(file) or file

    @cache  # noqa: B019  one of it lives as long as the run
    def _server_of(self, file: str) -> str:
        text = (Path(self.config.rootpath) / file).read_text()
        return next((name for name, use in SHARED_SERVERS.items() if use.search(text)), "")
