"""A dry run: everything read, mapped and checked, nothing stored; needs no database."""

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.ingest.pieces import START
from utility_ts_analytics.service.load_plan import LoadPlan
from utility_ts_analytics.service.load_progress import Progress
from utility_ts_analytics.service.load_result import FileResult, LoadResult, State
from utility_ts_analytics.service.load_tally import Tally


def dry_run(plan: LoadPlan, clock: Clock) -> LoadResult:
    """Read every input of a plan to its end."""
    tally = Tally(len(plan.inputs), plan.bytes_total)
    progress = Progress(tally, clock)
    results = []
    try:
        for entry in plan.inputs:
            tally.begin()
            results.append(_read(plan, entry, tally, progress))
            tally.end(entry.size_bytes)
    finally:
        progress.clear()
    return LoadResult(results)


def _read(plan: LoadPlan, entry: Input, tally: Tally, progress: Progress) -> FileResult:
    account = tally.account
    state: State = "complete"
    problem = None
    try:
        with plan.open_input(entry, START) as source:
            tally.source = source
            for piece in source:
                account.lines += piece.line_count
                account.stored_rows += piece.row_count
                account.refuse(line.error for line in piece.refused)
                extent = piece.extent()
                if extent is not None:
                    account.span(extent)
                progress.show()
            account.notes = dict(source.notes)
    except OperatorError as error:
        state, problem = "failed", str(error)
    return FileResult(entry, account, state, problem)
