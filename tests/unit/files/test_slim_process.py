"""A load does not import pandas; an explicit import still works."""

import subprocess
import sys

_SCRIPT = """
import sys
from utility_ts_analytics.files.slim_process import slim_process
slim_process()
import numpy as np, pyarrow as pa
pa.array(np.arange(3)).to_numpy(), pa.array([1.5]), pa.array(["a"]).to_pylist()
assert "pandas" not in sys.modules
import pandas
assert pandas.Series([1, 2]).sum() == 3
print("done")
"""


def test_arrays_are_made_without_pandas_which_can_still_be_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
