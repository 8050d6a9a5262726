"""Bodies made to cost much: each ends in its answer, in bounded memory, and delays nobody."""

import gzip
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from tests.process.attack_watch import watched
from tests.process.conftest import DECOMPRESSED_BYTES_MAX
from tests.process.raw_http import NDJSON, Answer, post_chunks
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

MIB = 1024 * 1024
AT_ONCE = 4
"""Attackers at a time."""

ADDED_MIB_MAX = 48
"""Of a worker, for four bodies at once: by docs/ARCHITECTURE.md 1.3 MiB each and 8 MiB of window,
one line of 1 MiB and its parts; the rest is what Python keeps after peaks."""

GOOD = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"%b","kwh":1%b}\n'


def zstd_frame(block: bytes) -> bytes:
    """Return a frame with a window of 128 KiB and these blocks, the last one empty."""
    return b"\x28\xb5\x2f\xfd\x00\x38" + block + b"\x01\x00\x00"


def run_length(size: int, byte: bytes) -> bytes:
    """Return a block of four bytes that is `size` bytes long."""
    return (size << 3 | 1 << 1).to_bytes(3, "little") + byte


def zeros(size_bytes: int) -> bytes:
    return gzip.compress(bytes(size_bytes), mtime=0)


EMPTY_ZSTD = zstandard.ZstdCompressor().compress(b"")
BIG_WINDOW = zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
).compressobj()

BOMBS: list[tuple[str, str, Callable[[], bytes], int, str]] = [
    # One frame that grows a thousand and thirty times, and one that does so thirty thousand times.
    ("gzip", "one", lambda: zeros(200 * MIB), 413, "decompressed-too-large"),
    (
        "zstd",
        "dense",
        lambda: zstd_frame(run_length(131_072, b"x") * 8_000),
        413,
        "decompressed-too-large",
    ),
    ("gzip", "members", lambda: zeros(MIB) * 200, 413, "decompressed-too-large"),
    (
        "zstd",
        "frames",
        lambda: zstd_frame(run_length(131_072, b"x") * 8) * 200,
        413,
        "decompressed-too-large",
    ),
    # Blank lines are never rows, and would be the dearest to look at one by one.
    (
        "zstd",
        "blank lines",
        lambda: zstd_frame(run_length(131_072, b"\n") * 16),
        200,
        "committed",
    ),
    # A bomb inside of a bomb: one layer is taken off, and what is left is no reading.
    ("gzip", "nested", lambda: gzip.compress(zeros(8 * MIB)), 422, "nothing-accepted"),
    (
        "zstd",
        "nested",
        lambda: zstandard.ZstdCompressor().compress(zstd_frame(run_length(131_072, b"x") * 100)),
        422,
        "nothing-accepted",
    ),
    # Members and frames without content: cheap to send, and each costs a decompressor.
    ("gzip", "empty members", lambda: gzip.compress(b"", mtime=0) * 50_000, 200, "committed"),
    ("zstd", "empty frames", lambda: EMPTY_ZSTD * 50_000, 200, "committed"),
    (
        "zstd",
        "frames to skip",
        lambda: b"\x50\x2a\x4d\x18\x00\x00\x00\x00" * 100_000,
        200,
        "committed",
    ),
    (
        "zstd",
        "endless frame to skip",
        lambda: b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + bytes(MIB),
        400,
        "truncated-body",
    ),
    (
        "zstd",
        "window of 128 MiB",
        lambda: BIG_WINDOW.compress(bytes(MIB)) + BIG_WINDOW.flush(),
        400,
        "invalid-encoding",
    ),
    (
        "gzip",
        "long name",
        lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 20 * MIB,
        400,
        "truncated-body",
    ),
]


def all_at_once(service: RunningService, send: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [sent.result() for sent in [threads.submit(send) for _ in range(AT_ONCE)]]


@pytest.mark.parametrize(
    ("encoding", "make", "status", "code"),
    [pytest.param(e, m, s, c, id=f"{e}-{n}".replace(" ", "-")) for e, n, m, s, c in BOMBS],
)
def test_compressed_attack_ends_in_its_answer(
    encoding: str,
    make: Callable[[], bytes],
    status: int,
    code: str,
    attacked: RunningService,
    make_id: MakeId,
) -> None:
    body = make()
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX):
        answers = all_at_once(
            attacked, lambda: attacked.post_lines(body, headers={"content-encoding": encoding})
        )
    for answer in answers:
        if status == 200:
            assert answer.accepted_all().ack == code
            continue
        problem = answer.problem(status, code)
        assert problem.accepted == 0
        if status == 413:
            assert str(DECOMPRESSED_BYTES_MAX) in problem.detail


def test_bomb_behind_good_rows_is_refused_and_says_what_is_stored(
    attacked: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = gzip.compress(reading_lines(meter_id, 20)) + zeros(200 * MIB)
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX):
        answer = attacked.post_lines(body, headers={"content-encoding": "gzip"})
    problem = answer.problem(413, "decompressed-too-large")
    assert problem.accepted == tables.count_meter(meter_id)


def fields(count: int) -> bytes:
    return b"".join(b',"x%d":%d' % (index, index) for index in range(count))


LINE = MIB - 200
"""What fits into one line beside a reading."""

COSTLY: list[tuple[str, Callable[[], bytes], str]] = [
    ("deep arrays", lambda: b"[" * LINE + b"\n", "invalid-json"),
    ("deep objects", lambda: b'{"a":' * (LINE // 5) + b"\n", "invalid-json"),
    ("deep in a skipped field", lambda: GOOD % (b"deep", b',"x":' + b"[" * LINE), "invalid-json"),
    (
        "deep and closed",
        lambda: GOOD % (b"deep", b',"x":' + b"[" * (LINE // 2) + b"]" * (LINE // 2)),
        "invalid-json",
    ),
    (
        "number of a million digits",
        lambda: GOOD % (b"digits", b"1" * LINE),
        "invalid-number",
    ),
    (
        "fraction of a million digits",
        lambda: GOOD % (b"digits", b"." + b"1" * LINE),
        "row",
    ),
    (
        "exponent of a million digits",
        lambda: GOOD % (b"digits", b"e" + b"9" * LINE),
        "invalid-number",
    ),
    ("seventy thousand fields", lambda: GOOD % (b"fields", fields(70_000)), "row"),
    ("one field again and again", lambda: GOOD % (b"again", b',"kwh":1' * (LINE // 8)), "row"),
    ("text of escapes", lambda: GOOD % (b"\\u0041" * (LINE // 6), b""), "text-length"),
    (
        "time of a million digits",
        lambda: GOOD.replace(b"00Z", b"00." + b"1" * LINE + b"Z") % (b"ts", b""),
        "row",
    ),
]


@pytest.mark.parametrize(
    ("make", "expected"),
    [pytest.param(make, code, id=name.replace(" ", "-")) for name, make, code in COSTLY],
)
def test_costly_line_is_judged_in_passing(
    make: Callable[[], bytes], expected: str, attacked: RunningService, make_id: MakeId
) -> None:
    """Thirty-two such lines, of a megabyte each; nothing in them may take more than its length."""
    line = make()
    assert len(line) < MIB
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX):
        answers = all_at_once(attacked, lambda: attacked.post_lines(line * 8))
    for answer in answers:
        if expected == "row":
            assert answer.accepted_all().accepted == 8
        else:
            answer.problem(422, "nothing-accepted")
            assert [error.code for error in answer.listed_errors()] == [expected] * 8


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"[{"])
def test_deep_array_is_refused(opening: bytes, attacked: RunningService, make_id: MakeId) -> None:
    body = opening * (8 * MIB // len(opening))
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX + 3 * AT_ONCE * 8):
        answers = all_at_once(attacked, lambda: attacked.post_array(body))
    for answer in answers:
        answer.problem(400, "invalid-json")


def test_line_without_an_end_is_not_held(attacked: RunningService, make_id: MakeId) -> None:
    piece = b"x" * (256 * 1024)
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX):
        answers = all_at_once(
            attacked,
            lambda: post_chunks(
                attacked.ports.meter_usage,
                "/ingest/meter_usage/ndjson",
                (piece for _ in range(60)),
                {"content-type": NDJSON},
            ),
        )
    for answer in answers:
        [error] = answer.listed_errors()
        assert (answer.status, error.code, error.line) == (422, "line-too-long", 1)


def test_hundred_thousand_bad_lines_end_at_the_limit_and_are_not_kept(
    attacked: RunningService, make_id: MakeId
) -> None:
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX):
        answer = attacked.post_lines(b"x\n" * 100_000)
    assert answer.problem(400, "too-many-errors").accepted == 0
    assert len(answer.listed_errors()) == 100
    [counted] = re.findall(rb'"parse_errors":(\d+)', answer.body)
    assert 10_000 < int(counted) < 12_000


def test_tiny_chunks_and_tiny_deflate_blocks_delay_nobody(
    attacked: RunningService, make_id: MakeId
) -> None:
    packer = zlib.compressobj(wbits=31)
    line = reading_lines(make_id("m"), 1)
    pieces = [packer.compress(line) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2_000)]
    body = b"".join(pieces) + packer.flush()
    with watched(attacked, make_id("m"), added_mib_max=ADDED_MIB_MAX):
        answer = post_chunks(
            attacked.ports.meter_usage,
            "/ingest/meter_usage/ndjson",
            (body[at : at + 50] for at in range(0, len(body), 50)),
            {"content-type": NDJSON, "content-encoding": "gzip"},
        )
    assert answer.accepted_all().accepted == 2_000
