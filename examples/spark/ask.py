"""Ask the archive with Spark, from the root of a checkout.

.venv/bin/python -m examples.spark.ask ARCHIVE --from 2024-06-03 --to 2024-06-10 \
    --zone Europe/Berlin --out answers segment_load
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from examples.spark.archive import Period, session
from examples.spark.completeness import completeness
from examples.spark.feeder_demand import feeder_demand
from examples.spark.packaged_java import java_for_spark
from examples.spark.segment_load import segment_load
from pyspark.sql import DataFrame, SparkSession

Question = Callable[[SparkSession, str, Period], DataFrame]

QUESTIONS: Mapping[str, Question] = {
    "segment_load": segment_load,
    "completeness": completeness,
    "feeder_demand": feeder_demand,
}
_ROWS_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer questions, and return the exit code: 0, or 2 for a period that makes no sense."""
    parser = argparse.ArgumentParser(description="Ask the archive with Spark.")
    parser.add_argument("archive", help="folder or URL of the archive")
    parser.add_argument(
        "questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)} (default: all)"
    )
    text = "day (its midnight in --zone) or time with its offset"
    parser.add_argument("--from", dest="from_", required=True, metavar="T", help=f"start: {text}")
    parser.add_argument("--to", required=True, metavar="T", help=f"end, exclusive: {text}")
    parser.add_argument("--zone", default="UTC", help="IANA time zone (default: UTC)")
    parser.add_argument(
        "--out", metavar="DIR", help="write DIR/<question>/*.parquet (default: show 20 rows each)"
    )
    options = parser.parse_intermixed_args(arguments)
    try:
        period = Period.of(options.from_, options.to, options.zone)
        asked = _asked(options.questions)
    except ValueError as error:
        print(f"ask: {error}", file=sys.stderr)
        return 2
    with java_for_spark():
        spark = session("utility readings")
        try:
            for name, question in asked.items():
                answer = question(spark, options.archive, period)
                if options.out is None:
                    print(name)
                    answer.show(_ROWS_SHOWN, truncate=False)
                else:
                    answer.write.mode("overwrite").parquet(f"{options.out}/{name}")
        finally:
            spark.stop()
    return 0


def _asked(names: Sequence[str]) -> Mapping[str, Question]:
    if unknown := [name for name in names if name not in QUESTIONS]:
        raise ValueError(f"cannot ask {unknown[0]!r}: give one of {', '.join(QUESTIONS)}")
    return {name: QUESTIONS[name] for name in names or QUESTIONS}


if __name__ == "__main__":
    sys.exit(main())
