"""Mistakes that people make with curl: each answer names the route, option or header that helps."""

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

NDJSON, ARRAY = "/ingest/meter_usage/ndjson", "/ingest/meter_usage"
JSON_TYPE, NDJSON_TYPE = "content-type: application/json", "content-type: application/x-ndjson"

Curl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def curl(service: RunningService, tmp_path: Path) -> Curl:
    """Post as people do: curl's own options, files in its working folder.

    Returns status, `detail` of the problem, and the details of the listed errors.
    """

    def posted(route: str, *options: str) -> tuple[int, str, str]:
        url = f"http://127.0.0.1:{service.ports.meter_usage}{route}"
        run = subprocess.run(
            ["curl", "-sS", "--max-time", "20", "-w", "%{http_code}", *options, url],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        answer, status = json.loads(run.stdout[:-3]), int(run.stdout[-3:])
        listed = "\n".join(error["detail"] for error in answer.get("errors", ()))
        return status, answer.get("detail", ""), listed

    return posted


def pretty(lines: bytes) -> str:
    return json.dumps([json.loads(line) for line in lines.splitlines()], indent=2)


@pytest.fixture
def meter_id(make_id: MakeId, tmp_path: Path) -> str:
    """Files as people have them, all with two readings of this meter."""
    meter_id = make_id("m")
    lines = reading_lines(meter_id, 2)
    array = "[" + ",".join(lines.decode().splitlines()) + "]"
    ts, _, kwh = (json.loads(lines.splitlines()[0])[name] for name in ("ts", "meter_id", "kwh"))
    row = f"{ts},{meter_id},{kwh}"
    files: dict[str, str | bytes] = {
        "readings.ndjson": lines,
        "readings.json": array,
        "pretty.json": pretty(lines),
        "one.json": json.dumps(json.loads(lines.splitlines()[0]), indent=2),
        "readings.ndjson.gz": gzip.compress(lines),
        "readings.ndjson.zst": zstandard.compress(lines),
        "results.json": f'{{"count":2,"results":{array}}}',
        "readings-in.json": f'{{"readings":{array}}}',
        "data.json": json.dumps({"data": json.loads(array)}),
        "utf16.ndjson": lines.decode().encode("utf-16"),
        "joined.ndjson": lines + b"\xef\xbb\xbf" + lines,
        "readings.csv": f"ts,meter_id,kwh\n{row}\n",
        "python.ndjson": "".join(f"{json.loads(line)}\n" for line in lines.splitlines()),
        "nan.ndjson": f'{{"ts":"{ts}","meter_id":"{meter_id}","kwh":NaN}}\n',
        "green-button.xml": f"<feed><entry>{meter_id}</entry></feed>\n",
        "twice-written.ndjson": json.dumps(lines.decode().splitlines()[0]) + "\n",
        "commas.ndjson": "".join(f"{line},\n" for line in lines.decode().splitlines()),
        "minus.ndjson": f'{{"ts":"{ts}","meter_id":"{meter_id}","kwh":-1}}\n',
        "big.json": "[" + ",".join(lines.decode().splitlines() * 8_000) + "]",
        "big.ndjson": lines * 8_000,
    }
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
    return meter_id


MISTAKES = {
    "an array at the NDJSON route": (
        NDJSON,
        ["--data-binary", "@readings.json"],
        "POST /ingest/meter_usage takes a JSON array",
    ),
    "a large array at the NDJSON route": (
        NDJSON,
        ["--data-binary", "@big.json"],
        "POST /ingest/meter_usage takes a JSON array",
    ),
    "a pretty array at the NDJSON route": (
        NDJSON,
        ["--data-binary", "@pretty.json"],
        "POST /ingest/meter_usage takes a JSON array",
    ),
    "an array's type at the NDJSON route": (
        NDJSON,
        ["-H", JSON_TYPE, "--data-binary", "@readings.json"],
        "POST /ingest/meter_usage takes application/json",
    ),
    "newlines taken out by --data": (
        NDJSON,
        ["--data", "@readings.ndjson"],
        "--data-binary keeps them",
    ),
    "newlines taken out of a large file": (
        NDJSON,
        ["-d", "@big.ndjson"],
        "--data-binary keeps them",
    ),
    "NDJSON at the array route": (
        ARRAY,
        ["--data-binary", "@readings.ndjson"],
        "NDJSON goes to POST /ingest/meter_usage/ndjson",
    ),
    "NDJSON without newlines at the array route": (
        ARRAY,
        ["-H", JSON_TYPE, "--data", "@readings.ndjson"],
        "NDJSON goes to POST /ingest/meter_usage/ndjson (curl: --data-binary",
    ),
    "NDJSON's type at the array route": (
        ARRAY,
        ["-H", NDJSON_TYPE, "--data-binary", "@readings.ndjson"],
        "POST /ingest/meter_usage/ndjson takes application/x-ndjson",
    ),
    "a pretty object at the NDJSON route": (
        NDJSON,
        ["--data-binary", "@one.json"],
        "write one object per line (`jq -c` does), or post it to /ingest/meter_usage,",
    ),
    "gzip without its header": (
        NDJSON,
        ["--data-binary", "@readings.ndjson.gz"],
        "`Content-Encoding: gzip`",
    ),
    "gzip without its header at the array route": (
        ARRAY,
        ["--data-binary", "@readings.ndjson.gz"],
        "`Content-Encoding: gzip`",
    ),
    "zstd without its header": (
        NDJSON,
        ["--data-binary", "@readings.ndjson.zst"],
        "`Content-Encoding: zstd`",
    ),
    "an envelope at the NDJSON route": (
        NDJSON,
        ["--data-binary", "@results.json"],
        "post that list itself to /ingest/meter_usage",
    ),
    "an envelope at the array route": (
        ARRAY,
        ["--data-binary", "@data.json"],
        "post that list itself",
    ),
    "CSV": (
        NDJSON,
        ["--data-binary", "@readings.csv"],
        "`ingestion-service load FILE --into meter_usage` takes",
    ),
    "CSV at the array route": (
        ARRAY,
        ["-d", "@readings.csv"],
        "`ingestion-service load FILE --into meter_usage` takes",
    ),
    "form fields": (NDJSON, ["-d", "ts=2024", "-d", "meter_id=m-1"], "post JSON"),
    "a form with a file": (NDJSON, ["-F", "file=@readings.ndjson"], "--data-binary @FILE"),
    "URL-encoded JSON": (
        NDJSON,
        ["--data-urlencode", '{"ts":1}'],
        "--data-binary instead of --data-urlencode",
    ),
    "a file's name": (NDJSON, ["-d", "readings.ndjson"], "--data-binary @FILE"),
    "a file's name behind an @": (ARRAY, ["--data-raw", "@readings.json"], "--data-binary @FILE"),
    "XML": (NDJSON, ["--data-binary", "@green-button.xml"], "takes Green Button files"),
    "commas behind the records": (
        NDJSON,
        ["--data-binary", "@commas.ndjson"],
        "without commas; POST /ingest/meter_usage takes a JSON array",
    ),
}
ROW_MISTAKES = {
    "an envelope's member": (NDJSON, "results.json", "its member `results` is a list"),
    "another one's": (ARRAY, "readings-in.json", "its member `readings` is a list of objects"),
    "UTF-16": (NDJSON, "utf16.ndjson", "iconv -f UTF-16 -t UTF-8"),
    "single quotes": (NDJSON, "python.ndjson", "must stand in double quotes"),
    "NaN": (NDJSON, "nan.ndjson", "NaN and Infinity are not JSON"),
    "JSON in a text": (NDJSON, "twice-written.ndjson", "not a text that holds one"),
    "a negative value": (NDJSON, "minus.ndjson", "unless source.allow_negative = true"),
}


@pytest.mark.parametrize(("route", "options", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_problem_says_what_takes_the_body(
    route: str, options: list[str], advice: str, curl: Curl, meter_id: str, tables: StoredTables
) -> None:
    status, detail, listed = curl(route, *options)
    assert status in (400, 415, 422)
    assert advice in detail
    if status == 422:
        assert advice in listed
    assert meter_id not in detail + listed, "a payload must not come back"
    assert tables.count_meter(meter_id) == 0


@pytest.mark.parametrize(("route", "name", "sentence"), ROW_MISTAKES.values(), ids=ROW_MISTAKES)
def test_first_error_says_what_the_record_is(
    route: str, name: str, sentence: str, curl: Curl, meter_id: str
) -> None:
    status, _, listed = curl(route, "--data-binary", f"@{name}")
    assert status == 422
    assert sentence in listed.splitlines()[0]
    assert meter_id not in listed


def test_byte_order_mark_amid_good_lines_is_named(
    curl: Curl, meter_id: str, tables: StoredTables
) -> None:
    """As `cat` makes of two files of Windows."""
    status, _, listed = curl(NDJSON, "--data-binary", "@joined.ndjson")
    assert (status, listed) == (200, "a byte order mark may stand only at the start of the whole")
    assert tables.count_meter(meter_id) == 2


def test_what_the_answers_advise_works(curl: Curl, meter_id: str, tables: StoredTables) -> None:
    gzipped = ("-H", "Content-Encoding: gzip", "--data-binary", "@readings.ndjson.gz")
    for route, *options in (
        (NDJSON, "--data-binary", "@readings.ndjson"),
        (NDJSON, *gzipped),
        (ARRAY, "--data-binary", "@readings.json"),
        (ARRAY, "-d", "@pretty.json"),
        (ARRAY, "-d", "@one.json"),
    ):
        assert curl(route, *options)[0] == 200
    assert tables.count_meter(meter_id) == 2
