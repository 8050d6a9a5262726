"""Runs one command of `ingestion-service` for an asset: exit codes become what Dagster does next.

Every command may be killed at any moment and run again: a load resumes and leaves equal rows once,
an archive replaces a day's file at once or not at all, a balance replaces its own rows, a report
its own page. So a retry is safe whatever went wrong before it.
"""

import json
import subprocess
from collections.abc import Callable, Mapping

import dagster as dg

Facts = Mapping[str, object]
"""What a command prints with `--json`."""

WRONG_USAGE = 2
"""Exit code for a bad configuration or options: no retry makes them better."""

FAILED = 1
"""Exit code for a command that failed at run time, by its own word."""

_TEXT_MAX = 4_000


class IngestionService(dg.ConfigurableResource):
    """The command line of the service.

    Attributes:
        command: Program and leading arguments.
        config: File for `--config`.
        timeout_s: A command that takes longer is killed, and the step retried.
    """

    command: list[str] = ["ingestion-service"]  # noqa: RUF012 - Dagster knows no tuples
    config: str
    timeout_s: float = 3 * 3600.0

    def facts(
        self,
        context: dg.AssetExecutionContext,
        *arguments: str,
        settled: Callable[[Facts], bool] = lambda _: False,
    ) -> Facts:
        """Run a command with `--json` to its end.

        Args:
            context: Its log gets what the command writes to standard error.
            arguments: Without `--config` and `--json`.
            settled: Tells by its facts whether a command that ended with 1 would do so again.

        Returns:
            Its facts.

        Raises:
            dagster.Failure: It ended with another code than 0, or printed no facts.
        """
        output = self.run(context, *arguments, "--json", settled=settled)
        facts = _facts_in(output)
        if facts is None:
            raise dg.Failure(f"{arguments[0]} printed no JSON: {output[:_TEXT_MAX]}")
        return facts

    def run(
        self,
        context: dg.AssetExecutionContext,
        *arguments: str,
        settled: Callable[[Facts], bool] = lambda _: False,
    ) -> str:
        """Run a command to its end; return what it prints. Arguments and errors as `facts`."""
        command = [*self.command, arguments[0], "--config", self.config, *arguments[1:]]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=self.timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            text = f"{arguments[0]} took more than {self.timeout_s:g} s and was killed"
            raise dg.Failure(text) from error
        except OSError as error:
            text = f"cannot run {self.command[0]}: {error.strerror}"
            raise dg.Failure(text, allow_retries=False) from error
        if done.stderr:
            context.log.info(done.stderr[-_TEXT_MAX:])
        if done.returncode:
            facts = _facts_in(done.stdout) or {}
            # A command that was killed may have told all its facts before.
            final = done.returncode == FAILED and settled(facts)
            raise dg.Failure(
                f"{arguments[0]} ended with {done.returncode}: {done.stderr[-_TEXT_MAX:]}",
                metadata=metadata_of(facts),
                allow_retries=done.returncode != WRONG_USAGE and not final,
            )
        return done.stdout


def metadata_of(facts: Facts) -> dict[str, object]:
    """Return facts as the metadata of an asset: numbers and texts as they are, the rest as JSON."""
    return {
        name: fact if isinstance(fact, bool | int | float | str) else dg.MetadataValue.json(fact)
        for name, fact in facts.items()
        if fact is not None
    }


def _facts_in(output: str) -> Facts | None:
    try:
        facts = json.loads(output)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None
