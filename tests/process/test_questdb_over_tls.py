"""The way to QuestDB over TLS: rows are stored by it, and every wrong certificate is refused."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.certificates import Authority, Pair
from tests.conftest import TestQuestDB
from tests.process.running_service import MakeId, RunningService, Section, run_command, run_service
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until
from tests.process.tls_front import TOKEN, caddy_front, pgwire_front

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ROWS = 5


@dataclass(frozen=True, slots=True)
class Fronts:
    """Where TLS is spoken for one QuestDB, and by whom it is signed."""

    http: int
    pgwire: int
    authority: Authority
    pair: Pair
    questdb: TestQuestDB

    def section(self, *, host: str = "127.0.0.1", query: str = "", **keys: str) -> Section:
        """Return `[questdb]` by way of both; `query` is added to that of the URI."""
        uri = f"postgresql://admin:quest@127.0.0.1:{self.pgwire}/qdb?sslmode=verify-full{query}"
        return {
            "questdb": {
                "uri": uri,
                "ilp_http_addr": f"https://{host}:{self.http}",
                "ilp_token": TOKEN,
                "tls_ca_file": str(self.authority.pair.cert),
                **keys,
            }
        }


@contextlib.contextmanager
def fronts(
    place: Path, questdb: TestQuestDB, *, days: int = 30, negotiates: bool = True
) -> Iterator[Fronts]:
    authority = Authority.make(place)
    pair = authority.issue("front", days=days)
    with (
        caddy_front(place / "caddy", pair, questdb.http_port) as http,
        pgwire_front(pair, questdb.pg_port, negotiates=negotiates) as pgwire,
    ):
        yield Fronts(http, pgwire, authority, pair, questdb)


@contextlib.contextmanager
def running(
    place: Path, front: Fronts, section: Section, *, ready: bool = True, **sink: object
) -> Iterator[RunningService]:
    settings = {**section, "meter_usage": {"sink": {"max_retries": 1, **sink}}}
    with run_service(place, front.questdb, settings, ready=ready) as service:
        yield service


def checked(service: RunningService) -> tuple[int, str]:
    done = run_command("check", "--config", str(service.config), cwd=service.config.parent)
    return done.returncode, done.stdout + done.stderr


def assert_stored_by(service: RunningService, tables: StoredTables, meter_id: str) -> None:
    service.post_lines(reading_lines(meter_id, ROWS)).accepted_all()
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(ROWS)


@pytest.mark.parametrize("negotiates", [True, False], ids=["SSLRequest", "TLS at once"])
def test_rows_go_by_ilp_and_checks_by_pgwire_over_tls(
    questdb: TestQuestDB,
    tables: StoredTables,
    tmp_path: Path,
    make_id: MakeId,
    negotiates: bool,
) -> None:
    query = "" if negotiates else "&sslnegotiation=direct"
    with (
        fronts(tmp_path, questdb, negotiates=negotiates) as front,
        running(tmp_path, front, front.section(query=query), fallback="none") as service,
    ):
        assert_stored_by(service, tables, make_id("m"))
        code, text = checked(service)
        assert code == 0, text
        assert f"https://127.0.0.1:{front.http} takes connections" in text
        assert "is not encrypted" not in text
        applied = run_command("schema", "apply", "--config", str(service.config), cwd=tmp_path)
        assert applied.returncode == 0, applied.stderr


def test_rows_go_by_the_pgwire_sink_over_tls(
    questdb: TestQuestDB, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    with (
        fronts(tmp_path, questdb) as front,
        running(tmp_path, front, front.section(), kind="pgwire") as service,
    ):
        assert_stored_by(service, tables, make_id("m"))


def test_body_of_many_megabytes_goes_over_tls_whole(
    questdb: TestQuestDB, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    with (
        fronts(tmp_path, questdb) as front,
        running(tmp_path, front, front.section(), fallback="none") as service,
    ):
        service.post_lines(reading_lines(meter_id, 60_000)).accepted_all()
    assert len(tables.meter(meter_id)) == 60_000


def test_token_is_passed_and_a_wrong_one_is_told(
    questdb: TestQuestDB, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    with fronts(tmp_path, questdb) as front:
        with running(tmp_path, front, front.section(), fallback="none") as service:
            assert_stored_by(service, tables, make_id("m"))
            assert TOKEN not in service.output()
        wrong = front.section(ilp_token="not-this-one-55aa")
        with running(tmp_path, front, wrong, fallback="none") as service:
            problem = service.post_lines(reading_lines("m", 1)).problem(503, "sink-unavailable")
            assert "401" in problem.detail
            code, text = checked(service)
            assert code == 1
            assert "questdb.ilp_token" in text
            assert "not-this-one-55aa" not in text + problem.detail + service.output()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("ca", "unable to get local issuer certificate"),
        ("name", "is not valid for '127.0.0.2'"),
        ("expired", "certificate has expired"),
    ],
)
def test_wrong_certificate_is_refused_by_every_way_with_its_reason(
    questdb: TestQuestDB, tmp_path: Path, wrong: str, words: str
) -> None:
    days = -1 if wrong == "expired" else 30
    with fronts(tmp_path, questdb, days=days) as front:
        section = front.section(host="127.0.0.2" if wrong == "name" else "127.0.0.1")
        if wrong == "ca":
            other = Authority.make(tmp_path, "other").pair.cert
            section = front.section(tls_ca_file=str(other))
        ready = wrong == "name"  # pgwire's name is right then
        with running(tmp_path, front, section, ready=ready, fallback="none") as service:
            refused = service.post_lines(reading_lines("m", 1)).problem(503, "sink-unavailable")
            if wrong != "name":
                until(lambda: words in service.unreadiness(), "/readyz has the reason")
                problem = service.post_lines(reading_lines("m", 1))
                refused = problem.problem(503, "sink-unavailable")
            assert words in refused.detail
            assert "questdb.tls_ca_file" in refused.detail
            code, text = checked(service)
            assert code == 1
            assert words in text


def test_authorities_that_cannot_be_used_stop_the_start(
    questdb: TestQuestDB, tmp_path: Path
) -> None:
    (tmp_path / "odd.crt").write_text("nothing\n")
    config = tmp_path / "config.toml"
    config.write_text(
        '[questdb]\nilp_http_addr = "https://127.0.0.1:1"\n'
        f'tls_ca_file = "{tmp_path / "odd.crt"}"\n'
    )
    done = run_command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 2
    assert "questdb.tls_ca_file" in done.stderr
