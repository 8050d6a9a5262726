"""A server that served is always started again; one that never serves is given up."""

from utility_ts_analytics.service.restarts import CrashLoop, RestartAfter, RestartPolicy


def test_waits_double_up_to_a_bound_and_start_over_once_it_served() -> None:
    policy = RestartPolicy()
    waits = [policy.died(served=served) for served in (True, False, False, True)]
    assert waits == [RestartAfter(0.2), RestartAfter(0.4), RestartAfter(0.8), RestartAfter(0.2)]


def test_only_deaths_before_serving_are_a_crash_loop() -> None:
    policy = RestartPolicy()
    for _ in range(50):
        assert isinstance(policy.died(served=True), RestartAfter)
    decisions = [policy.died(served=False) for _ in range(5)]
    assert decisions[-1] == CrashLoop(5)
    assert not any(isinstance(decision, CrashLoop) for decision in decisions[:-1])
