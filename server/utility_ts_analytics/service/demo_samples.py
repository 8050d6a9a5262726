"""What `data-samples/` holds, as its `expected.json` says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Samples:
    """The facts of `data-samples/expected.json`.

    Attributes:
        folder: Where the files are.
        rows: Rows of each table.
        start: First interval, as SQL reads it.
        end: End of the last one.
    """

    folder: Path
    rows: Mapping[str, int]
    start: str
    end: str

    @classmethod
    def read(cls, folder: Path) -> "Samples":
        """Read the folder's `expected.json`.

        Raises:
            OperatorError: It is not there.
        """
        path = folder / "expected.json"
        try:
            document = json.loads(path.read_text())
        except OSError as error:
            raise OperatorError(
                f"cannot read {path}: {error.strerror}; run this in a checkout of the project"
            ) from error
        period = document["period"]
        return cls(folder, document["rows"], period["start"], period["end"])
