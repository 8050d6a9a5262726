"""A reload takes over as a whole or not at all, one at a time."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from tests.unit.service.server_rig import FakeProcess, ServerRig, server_plan, service_plan

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.service import assembly, reload
from utility_ts_analytics.service.plans import ServicePlan
from utility_ts_analytics.service.reload import SERVING_S_MAX, Reloads, moved_listeners

OLD = service_plan(server_plan("meter_usage"), server_plan("operations", port=9090))
NEW = service_plan(
    server_plan("meter_usage", workers=4, drain_timeout_s=9),
    server_plan("operations", port=9090, drain_timeout_s=9),
    log_level="debug",
)


class ReloadRig:
    """Two servers that run, and a config that can be loaded again."""

    def __init__(self, load: Callable[[], ServicePlan] | None) -> None:
        self.clock = ManualClock()
        self.rigs = [ServerRig(self.clock, plan) for plan in OLD.servers]
        self.servers = [rig.server for rig in self.rigs]
        self.reloads = Reloads(OLD, self.servers, load=load, clock=self.clock)
        for server in self.servers:
            server.start_if_due()

    def tick(self) -> list[str]:
        """Look after everything once; return what was logged of problems."""
        with capture_logs() as logs:
            for server in self.servers:
                server.look_after([])
            self.reloads.look_after([])
        return [problem for log in logs for problem in log.get("problems", [])]

    def generation(self, index: int) -> list[FakeProcess]:
        return [rig.started[index] for rig in self.rigs]

    def under_way(self) -> bool:
        return self.reloads.under_way

    def count_started(self) -> int:
        return sum(len(rig.started) for rig in self.rigs)


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the logs were set to, in order; those of the tests themselves stay as they are."""
    noted: list[str] = []

    def note(*, level: str, log_format: str) -> None:
        noted.append(level)

    monkeypatch.setattr(reload, "configure_logs", note)
    return noted


def test_new_generation_takes_over_once_every_server_of_it_serves(levels: list[str]) -> None:
    rig = ReloadRig(lambda: NEW)
    assert not rig.under_way()
    rig.reloads.request()
    assert rig.under_way()
    rig.tick()
    assert levels == ["debug"]
    assert rig.under_way()
    first, second = rig.generation(1)
    assert [process.plan for process in (first, second)] == list(NEW.servers)
    first.serving = True
    rig.tick()
    assert rig.reloads.plan is OLD
    assert [process.told for process in rig.generation(0)] == [[], []]
    second.serving = True
    assert rig.tick() == []
    assert rig.reloads.plan is NEW
    assert not rig.under_way()
    assert [process.told for process in rig.generation(0)] == [["hand over"], ["hand over"]]
    assert [process.told for process in rig.generation(1)] == [[], []]


def test_nothing_is_loaded_unless_asked_for() -> None:
    rig = ReloadRig(lambda: NEW)
    for _ in range(3):
        rig.tick()
    assert rig.count_started() == 2


def test_bad_config_starts_nothing_and_every_problem_is_logged(levels: list[str]) -> None:
    problems = ["a.b: is no known key", "c.d: must be a number"]

    def load() -> ServicePlan:
        raise ConfigError(problems)

    rig = ReloadRig(load)
    rig.reloads.request()
    assert rig.tick() == problems
    assert not rig.under_way()
    assert rig.tick() == []
    assert (rig.count_started(), rig.reloads.plan, levels) == (2, OLD, [])


def test_another_address_is_refused_with_its_setting(levels: list[str]) -> None:
    moved = service_plan(OLD.servers[0], server_plan("operations", port=9091))
    rig = ReloadRig(lambda: moved)
    rig.reloads.request()
    [problem] = rig.tick()
    assert problem.startswith("operations.source.http_bind_addr: ")
    assert (rig.count_started(), rig.reloads.plan, levels) == (2, OLD, [])


def test_without_a_config_to_load_the_signal_is_ignored() -> None:
    rig = ReloadRig(None)
    rig.reloads.request()
    rig.tick()
    rig.tick()
    assert rig.count_started() == 2


def test_one_server_that_dies_before_it_serves_keeps_the_old_generation_of_all(
    levels: list[str],
) -> None:
    rig = ReloadRig(lambda: NEW)
    rig.reloads.request()
    rig.tick()
    first, second = rig.generation(1)
    first.serving = True
    second.ended_with = 1
    [problem] = rig.tick()
    assert problem == "the new operations died: OSError: a reason"
    assert rig.reloads.plan is OLD
    assert levels == ["debug", "error"], "the level is that of the config in force"
    assert first.told == ["hand over"]
    assert [process.told for process in rig.generation(0)] == [[], []]


def test_generation_that_does_not_serve_in_time_is_given_up() -> None:
    rig = ReloadRig(lambda: NEW)
    rig.reloads.request()
    rig.tick()
    rig.generation(1)[0].serving = True
    rig.clock.advance(SERVING_S_MAX)
    assert rig.tick() == []
    rig.clock.advance(0.1)
    [problem] = rig.tick()
    assert problem.startswith("the new operations does not serve")
    assert rig.reloads.plan is OLD


def test_second_request_waits_until_the_old_generation_has_ended() -> None:
    rig = ReloadRig(lambda: NEW)
    rig.reloads.request()
    rig.tick()
    rig.reloads.request()
    rig.reloads.request()
    for process in rig.generation(1):
        process.serving = True
    rig.tick()
    rig.tick()
    assert rig.count_started() == 4
    for process in rig.generation(0):
        process.ended_with = 0
    rig.tick()
    assert rig.count_started() == 6, "asked twice is carried out once"
    for process in rig.generation(2):
        process.serving = True
    rig.tick()
    for process in rig.generation(1):
        process.ended_with = 0
    rig.tick()
    assert rig.count_started() == 6


def test_want_of_processes_keeps_the_old_generation(levels: list[str]) -> None:
    rig = ReloadRig(lambda: NEW)
    rig.rigs[1].short_of_processes = True
    rig.reloads.request()
    [problem] = rig.tick()
    assert problem.startswith("cannot start a process")
    assert rig.rigs[0].started[1].told == ["hand over"]
    assert (rig.reloads.plan, levels) == (OLD, ["debug", "error"])


def test_settings_of_other_addresses_are_named_and_nothing_else() -> None:
    old = assembly.service_plan(Config())
    tables = {
        "generation_output": {"source": {"http_bind_addr": "0.0.0.0:17003", "workers": 3}},
        "metrics": {"bind_addr": "127.0.0.1:9091"},
        "server": {"worker_silent_s": 20, "drain_timeout_s": 9},
    }
    new = assembly.service_plan(parse_config(tables, {}))
    assert moved_listeners(old, old) == []
    assert moved_listeners(old, new) == [
        "generation_output.source.http_bind_addr",
        "metrics.bind_addr",
    ]
    assert new.worker_silent_s == 20
    assert {server.drain_timeout_s for server in new.servers} == {9}
    workers = {server.name: server.workers for server in new.servers}
    assert (workers["generation_output"], workers["operations"]) == (3, 1)
