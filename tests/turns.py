"""Which files of tests run one after the other, where several run at once (`--dist loadfile`)."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadFileScheduling

SHARED: Final = {
    "the broker": re.compile(r"\bkafka(?:_addr)?: (?:TestKafka|str)"),
    "the QuestDB with the samples": re.compile(r"\bsample_questdb\b"),
    "the default ports": re.compile(r'command\(\s*"dev"'),
}
"""Used by few files, which are known by these words in them. `dev` takes QuestDB's default ports
where it finds them free, and another one could take them in that moment.
"""


class TurnsByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """As `loadfile`; and files that share something go to one worker.

    So a server is started once, and no two tests want the same ports at once.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return self._shared_by(file) or file

    @cache  # noqa: B019  one of it lives as long as the run
    def _shared_by(self, file: str) -> str:
        text = (Path(self.config.rootpath) / file).read_text()
        return next((name for name, use in SHARED.items() if use.search(text)), "")
