"""How many files a worker may have open: every connection is one."""

import resource

from utility_ts_analytics.service.handshakes import HEADROOM_FILES

_OTHERS = 512
"""What a worker has open besides connections: itself, QuestDB, logs, and room for surprises."""


def files_needed(connections_max: int, *, tls: bool) -> int:
    """Return the open files that a worker with so many connections needs.

    With TLS there are those that have not finished their handshake, too.
    """
    return connections_max + _OTHERS + (HEADROOM_FILES if tls else 0)


def raise_soft_limit(files: int) -> int:
    """Raise this process's soft limit on open files to `files`, as far as the hard limit allows.

    Children inherit it. Never lowers it.

    Returns:
        The soft limit that holds now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return soft
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
