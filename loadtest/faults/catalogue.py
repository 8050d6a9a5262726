"""Every fault by its name, in the order in which they are played.

Faults of one setup stand together: each new setup is another start of the service.
"""

from loadtest.faults import (
    client_faults,
    database_faults,
    line_faults,
    process_faults,
    spool_faults,
    storm,
    table_faults,
)
from loadtest.faults.scenario import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenarios in (
        database_faults.SCENARIOS,
        process_faults.SCENARIOS,
        client_faults.SCENARIOS,
        table_faults.SCENARIOS,
        line_faults.SCENARIOS,
        spool_faults.SCENARIOS,
        storm.SCENARIOS,
    )
    for scenario in scenarios
}
