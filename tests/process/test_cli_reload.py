"""SIGHUP: another configuration takes over without losing a request, or nothing changes."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.process.process_family import descendants, is_alive, listeners, runtime_dir_of
from tests.process.process_logs import Event, logged, wait_logged
from tests.process.raw_http import NDJSON
from tests.process.running_service import (
    Launch,
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    StartService,
    free_ports,
    run_command,
    run_service,
    write_config,
)
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.steady_posts import BROKEN, SteadyPosts
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.records.streams import STREAMS

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
SERVERS = len(STREAMS) + 1
"""One for each stream, and the operations server."""
QUIET: Section = {"server": {"log_level": "error"}}
STOP_S_MAX = 8.0
OLD, NEW = "old-token-71c2", "new-token-90d4"
RELOADED = "the configuration was reloaded"
KEPT = "cannot reload the configuration; the old one stays in force"

Reconfigure = Callable[[RunningService, Section], None]


@pytest.fixture
def reconfigure(questdb: QuestDBPorts) -> Reconfigure:
    """Write another config in the place of the old one, and send SIGHUP."""

    def written(service: RunningService, overrides: Section) -> None:
        write_config(service.config, questdb, service.ports, overrides)
        service.process.send_signal(signal.SIGHUP)

    return written


def problems_of(event: Event) -> list[str]:
    problems = event["problems"]
    assert isinstance(problems, list)
    return problems


def server_pids(service: RunningService) -> set[int]:
    """Return the process ids of the servers; each leads a session."""
    sessions = set()
    for pid in descendants(service.process.pid):
        with contextlib.suppress(ProcessLookupError):
            sessions.add(os.getsid(pid))
    return sessions


def wait_settled(service: RunningService) -> None:
    """Return once the old generation has ended."""
    until(lambda: len(server_pids(service)) == SERVERS, "one generation is left")


def report(posts: SteadyPosts) -> None:
    """Print what is no promise: the kernel resets what waits at a listener that closes."""
    count, broken = posts.statuses.total(), posts.statuses[BROKEN]
    print(f"{count} posts, {broken} connections reset")  # noqa: T201 - shown with -s


def with_tokens(*tokens: str) -> Section:
    return {
        "meter_usage": {"source": {"auth_bearer_tokens": list(tokens), "workers": 2}},
        "server": {"drain_timeout_s": 5},
    }


def post_with(service: RunningService, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    return service.post_lines(b"", headers=headers).status


def test_token_in_a_file_is_rotated_under_posts_and_no_request_fails(
    questdb: QuestDBPorts, tmp_path: Path, tables: StoredTables, make_id: MakeId
) -> None:
    """Both of the holder's tokens are good for a while; the file alone changes."""
    file = tmp_path / "tokens"
    named = {"INGESTION__METER_USAGE__SOURCE__AUTH_NAMED_TOKENS_FILE": str(file)}
    settings = {"meter_usage": {"source": {"workers": 2}}, "server": {"drain_timeout_s": 5}}

    def rotate(service: RunningService, *tokens: str) -> None:
        file.write_text("".join(f"head-end:{token}\n" for token in tokens))
        service.process.send_signal(signal.SIGHUP)

    file.write_text(f"head-end:{OLD}\n")
    with run_service(tmp_path, questdb, settings, environment=named) as service:
        posts = SteadyPosts(service, make_id("rotated"), OLD)
        with posts.running():
            posts.wait_more()
            rotate(service, OLD, NEW)
            wait_logged(service, RELOADED)
            posts.wait_more()
            wait_settled(service)
            posts.token = NEW
            posts.wait_more()
            rotate(service, NEW)
            until(lambda: len(logged(service, RELOADED)) == 2, "the second reload is done")
            posts.wait_more()
            until(lambda: post_with(service, OLD) == 401, "the old token is refused")
        assert post_with(service, NEW) == 200
        assert posts.odd == []
        assert posts.statuses[401] == 0, posts.statuses
        assert posts.assert_stored(tables) == set(), "only what nobody had taken may be reset"
        report(posts)
        wait_settled(service)
        rotate(service, "gap 7ef1")
        kept = wait_logged(service, KEPT)[-1]
        assert "auth_named_tokens[0]" in str(kept["problems"])
        assert (post_with(service, NEW), post_with(service, OLD)) == (200, 401)
        assert not any(token in service.output() for token in (OLD, NEW, "7ef1"))
        assert service.terminate() == 0


@pytest.fixture(scope="module")
def steady(launch: Launch) -> Iterator[RunningService]:
    """A service that logs errors only, and that the tests below leave as they found it."""
    with launch(QUIET) as running:
        yield running


def test_bad_config_changes_nothing_and_every_problem_is_logged(
    steady: RunningService, reconfigure: Reconfigure
) -> None:
    servers, kept = server_pids(steady), len(logged(steady, KEPT))
    reconfigure(
        steady, {"server": {"log_level": "loud"}, "meter_usage": {"sink": {"batch_size": 0}}}
    )
    problems = problems_of(wait_logged(steady, KEPT, kept + 1)[-1])
    assert [problem.partition(":")[0] for problem in problems] == [
        "meter_usage.sink.batch_size",
        "server.log_level",
    ]
    assert server_pids(steady) == servers
    assert steady.post_lines(b"").status == 200


def test_another_address_is_refused_with_its_key(
    steady: RunningService, reconfigure: Reconfigure
) -> None:
    servers, kept = server_pids(steady), len(logged(steady, KEPT))
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    reconfigure(steady, {"generation_output": {"source": {"http_bind_addr": address}}})
    [problem] = problems_of(wait_logged(steady, KEPT, kept + 1)[-1])
    assert problem.startswith("generation_output.source.http_bind_addr: ")
    assert server_pids(steady) == servers


def test_log_level_changes_and_the_ports_stay_claimed(
    steady: RunningService, reconfigure: Reconfigure
) -> None:
    reconfigure(steady, {"server": {"log_level": "info"}})
    wait_logged(steady, RELOADED)
    refused = run_command("serve", "--config", str(steady.config), cwd=steady.config.parent)
    assert refused.returncode == 1
    assert "cannot listen on" in refused.stderr
    servers = server_pids(steady)
    reconfigure(steady, QUIET)
    until(lambda: servers.isdisjoint(server_pids(steady)), "another generation serves")
    wait_settled(steady)
    assert len(logged(steady, RELOADED)) == 1, "the quiet level holds for the supervisor"


def test_second_sighup_in_a_reload_is_carried_out_after_it(
    start_service: StartService, reconfigure: Reconfigure
) -> None:
    service = start_service(with_tokens(OLD))
    first = server_pids(service)
    reconfigure(service, with_tokens(OLD, NEW))
    until(lambda: len(server_pids(service)) > SERVERS, "the reload has begun")
    reconfigure(service, with_tokens(NEW))
    until(lambda: len(logged(service, RELOADED)) == 2, "both are carried out")
    wait_settled(service)
    assert first.isdisjoint(server_pids(service))
    assert (post_with(service, OLD), post_with(service, NEW)) == (401, 200)


def test_upload_under_way_is_stored_by_the_generation_that_took_it(
    start_service: StartService, reconfigure: Reconfigure, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    service = start_service({})
    body = reading_lines(meter_id, 4_000, step_s=1)
    with service.connect() as upload:
        upload.send_head(PATH, {"content-type": NDJSON, "transfer-encoding": "chunked"})
        upload.send_chunk(body[: len(body) // 2])
        reconfigure(service, with_tokens(NEW))
        wait_logged(service, RELOADED)
        until(lambda: post_with(service, NEW) == 200, "the new generation takes posts")
        assert len(server_pids(service)) > SERVERS, "the old generation waits for the upload"
        upload.send_chunk(body[len(body) // 2 :])
        upload.end_chunks()
        assert upload.answer().accepted_all().accepted == 4_000
    wait_settled(service)
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(4_000)
    assert service.terminate() == 0


def test_new_generation_that_cannot_start_leaves_the_old_one_in_charge(
    start_service: StartService, reconfigure: Reconfigure
) -> None:
    service = start_service(with_tokens(OLD))
    servers = server_pids(service)
    shutil.rmtree(runtime_dir_of(service.process.pid))
    reconfigure(service, with_tokens(NEW))
    for problem in problems_of(wait_logged(service, KEPT)[0]):
        assert "died: FileNotFoundError: " in problem
    until(lambda: server_pids(service) == servers, "the new generation has ended")
    assert (post_with(service, OLD), post_with(service, NEW)) == (200, 401)
    assert service.terminate() == 0


def test_sigterm_in_a_reload_ends_both_generations_at_once(
    start_service: StartService, reconfigure: Reconfigure
) -> None:
    clock = SystemClock()
    service = start_service({})
    reconfigure(service, {})
    until(lambda: len(server_pids(service)) == 2 * SERVERS, "the reload has begun")
    family = descendants(service.process.pid)
    began_s = clock.monotonic_s()
    assert service.terminate() == 0
    assert clock.monotonic_s() - began_s < STOP_S_MAX
    assert not [pid for pid in family if is_alive(pid)]
    assert not listeners(service.ports.meter_usage)
