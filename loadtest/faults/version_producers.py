"""Clients that correct what they sent: version after version of the same readings."""

import http.client
import io
import random
import threading
from collections.abc import Sequence

from loadtest.faults.courier import Courier
from loadtest.faults.ledger import Acknowledged, Ledger, Wrong, judge
from loadtest.faults.versions import Corrected
from loadtest.posting import Body

GIVE_UP = 0.5
"""How often a version that was not acknowledged is given up for the next one, 0..1."""


def post_version(courier: Courier, account: Corrected, version: int, ledger: Ledger) -> bool:
    """Post one version once, as soon as that may be; return whether it was acknowledged.

    Args:
        courier: The connection.
        account: Of the readings.
        version: At least the last one that was posted.
        ledger: Told the answer, or the error in place of one.
    """
    content = account.body(version)
    threading.Event().wait(account.wait_s(version))
    account.begin(version)
    try:
        answer = courier.post(io.BytesIO(content), Body(0, len(content), account.rows))
    except (OSError, http.client.HTTPException) as error:
        ledger.note(type(error).__name__)
        if not isinstance(error, ConnectionRefusedError):
            account.lose()
        return False
    ledger.note(str(answer.status))
    verdict = judge(answer)
    if isinstance(verdict, Wrong):
        ledger.note_wrong(verdict.reason)
    if not isinstance(verdict, Acknowledged):
        return False
    account.acknowledge(committed=answer.status == http.client.OK)
    return True


def correct(
    corrected: Sequence[Corrected],
    couriers: Sequence[Courier],
    ledger: Ledger,
    rng: random.Random,
    *,
    pause_s: float,
    stopping: threading.Event,
) -> None:
    """Post versions until told to stop: of any of the readings, over any of the connections.

    Args:
        corrected: The accounts of the readings; nobody else posts these.
        couriers: Connections, each to whichever worker takes it; closed in the end.
        ledger: Told each answer.
        rng: Chooses.
        pause_s: Longest wait between two posts, seconds.
        stopping: A post under way still ends once this is set.
    """
    given_up = True
    account = corrected[0]
    while not stopping.is_set():
        if given_up:
            account = rng.choice(corrected)
        version = account.posted + 1 if given_up else account.posted
        courier = rng.choice(couriers)
        acknowledged = post_version(courier, account, version, ledger)
        given_up = acknowledged or rng.random() < GIVE_UP
        if rng.random() < 1 / len(couriers):
            courier.close()
        stopping.wait(rng.random() * pause_s)
    for courier in couriers:
        courier.close()
