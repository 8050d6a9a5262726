"""Every day of a utility in Dagster: load, archive, balance the feeders, draw the report.

    readings -> archived -> feeder_balance -> daily_report        one partition per local day

Each asset calls `ingestion-service` and keeps its figures as metadata. To materialize a partition
again is safe, and is what to do when readings of that day came late.
"""

import os
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
from examples.dagster.service_command import Facts, IngestionService, metadata_of

ZONE = os.environ.get("UTILITY_ZONE", "Europe/Berlin")
DAYS = dg.DailyPartitionsDefinition(
    start_date=os.environ.get("UTILITY_FIRST_DAY", "2024-06-03"), timezone=ZONE
)
RETRIES = dg.RetryPolicy(
    max_retries=3,
    delay=float(os.environ.get("UTILITY_RETRY_DELAY_S", "60")),
    backoff=dg.Backoff.EXPONENTIAL,
)
STREAMS = ("meter_usage", "generation_output")


class Places(dg.ConfigurableResource):
    """Folders.

    Attributes:
        inbox: Files of a day as they came: `<inbox>/<stream>/<day>/`.
        archive: Parquet files by day.
        reports: One page per day.
    """

    inbox: str
    archive: str
    reports: str


@dg.asset(partitions_def=DAYS, retry_policy=RETRIES, kinds={"questdb"})
def readings(
    context: dg.AssetExecutionContext, service: IngestionService, places: Places
) -> dg.MaterializeResult:
    """Readings of the day, in QuestDB. Fails without a retry if records were refused."""
    metadata: dict[str, object] = {}
    for stream in STREAMS:
        folder = Path(places.inbox, stream, context.partition_key)
        if not folder.is_dir():
            raise dg.Failure(
                f"nothing was delivered: {folder} is missing; materialize the day again when it is"
                " there",
                allow_retries=False,
            )
        arguments = ("load", str(folder), "--into", stream)
        facts = service.facts(context, *arguments, settled=_load_is_settled)
        metadata |= {f"{stream}/{name}": fact for name, fact in metadata_of(facts).items()}
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(partitions_def=DAYS, retry_policy=RETRIES, deps=[readings], pool="archive")
def archived(
    context: dg.AssetExecutionContext, service: IngestionService, places: Places
) -> dg.MaterializeResult:
    """Parquet files of all days that changed, this one among them.

    One run at a time holds the archive; another one fails, and is retried.
    """
    facts = service.facts(context, "archive", "--dir", places.archive)
    return dg.MaterializeResult(metadata=metadata_of(facts))


@dg.asset(partitions_def=DAYS, retry_policy=RETRIES, deps=[archived])
def feeder_balance(
    context: dg.AssetExecutionContext, service: IngestionService
) -> dg.MaterializeResult:
    """Rows of the day in `feeder_energy_balance`; its alerts are in the metadata of each feeder."""
    facts = service.facts(context, "feeder-balance", *_period(context.partition_key))
    return dg.MaterializeResult(metadata=metadata_of(facts))


@dg.asset(partitions_def=DAYS, retry_policy=RETRIES, deps=[feeder_balance])
def daily_report(
    context: dg.AssetExecutionContext, service: IngestionService, places: Places
) -> dg.MaterializeResult:
    """The figures of the day as one HTML page."""
    page = Path(places.reports, f"{context.partition_key}.html")
    page.parent.mkdir(parents=True, exist_ok=True)
    service.run(context, "report", *_period(context.partition_key), "--out", str(page))
    return dg.MaterializeResult(
        metadata={"page": dg.MetadataValue.path(str(page)), "bytes": page.stat().st_size}
    )


def _period(day: str) -> tuple[str, ...]:
    """Return the options for one local day."""
    next_day = date.fromisoformat(day) + timedelta(days=1)
    return ("--from", day, "--to", next_day.isoformat(), "--zone", ZONE)


def _load_is_settled(facts: Facts) -> bool:
    """Tell whether a load came to its end, so that what was refused will be refused again."""
    files = facts.get("files")
    if not isinstance(files, list) or facts.get("stopped") is not None:
        return False
    return all(file["state"] in ("complete", "complete-before") for file in files)


ASSETS = (readings, archived, feeder_balance, daily_report)
DAILY = dg.define_asset_job("daily", selection=dg.AssetSelection.assets(*ASSETS))

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[DAILY],
    # When the meters of yesterday have come in.
    schedules=[dg.build_schedule_from_partitioned_job(DAILY, hour_of_day=4, minute_of_hour=15)],
    resources={
        "service": IngestionService(config=dg.EnvVar("INGESTION_CONFIG")),
        "places": Places(
            inbox=dg.EnvVar("UTILITY_INBOX"),
            archive=dg.EnvVar("UTILITY_ARCHIVE"),
            reports=dg.EnvVar("UTILITY_REPORTS"),
        ),
    },
)
