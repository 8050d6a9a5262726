"""What a histogram says of the time between two looks at it. Pure."""

from collections.abc import Sequence


def quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Estimate a quantile, as Prometheus' `histogram_quantile` does.

    Args:
        share: 0..1.
        bounds: Upper bounds of the buckets, ascending, without infinity.
        counts: What fell into each bucket, not added up; one more than `bounds`.

    Returns:
        A value in the unit of the bounds, straight between those of its bucket; the last bound for
        what is beyond it. None if nothing was counted.
    """
    total = sum(counts)
    if total == 0:
        return None
    rank = share * total
    below = 0
    lower = 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return lower + (bound - lower) * (rank - below) / count
        below += count
        lower = bound
    return bounds[-1]
