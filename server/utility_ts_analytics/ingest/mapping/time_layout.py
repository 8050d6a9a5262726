"""Times of one fixed width, such as `31.12.2024 23:45`, read digit by digit for all rows at once.

A strptime format without names, am/pm and offsets has one width but for its fraction. The plain
way, `datetime.strptime` for each text, gives the same (`test_layout_equals_strptime`); what this
takes beyond it is 24:00, the end of a day, which exports with interval-end labels write.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from utility_ts_analytics.ingest.mapping.faults import Mask
from utility_ts_analytics.ingest.mapping.zones import Micros

_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3}
_FRACTION_DIGITS_MAX = 9
_DAY_MICROS = 86_400_000_000
_Digits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TimeLayout:
    """Where the digits stand.

    Attributes:
        parts: Directive and first column of each; `f` is last in none but one place.
        literals: Column and byte of everything else.
        width: Columns, the fraction not counted.
        fraction: Column where the fraction begins, or None.
    """

    parts: tuple[tuple[str, int], ...]
    literals: tuple[tuple[int, int], ...]
    width: int
    fraction: int | None

    @classmethod
    def of_format(cls, text: str) -> "TimeLayout | None":
        """Return the layout of a strptime format, or None if it has no fixed one."""
        parts: list[tuple[str, int]] = []
        literals: list[tuple[int, int]] = []
        column, fraction = 0, None
        letters = iter(text)
        for letter in letters:
            directive = next(letters, "") if letter == "%" else None
            if directive is None or directive == "%":
                if not letter.isascii() or (letter.isspace() and letter != " "):
                    return None
                literals.append((column, ord(letter)))
                column += 1
            elif directive == "f" and fraction is None:
                fraction = column
            elif directive in _WIDTHS and fraction is None:
                parts.append((directive, column))
                column += _WIDTHS[directive]
            else:
                return None
        names = [name for name, _ in parts]
        whole = {"Y", "m", "d"} <= set(names) or {"Y", "j"} <= set(names)
        if not whole or len(names) != len(set(names)) or ("j" in names and "m" in names):
            return None
        # A literal behind the fraction would move with its digits.
        if fraction is not None and fraction != column:
            return None
        return cls(tuple(parts), tuple(literals), column, fraction)

    def fits(self, width: int) -> bool:
        """Tell whether texts of this many bytes can have the layout."""
        if self.fraction is None:
            return width == self.width
        return self.width < width <= self.width + _FRACTION_DIGITS_MAX

    def read(self, text: _Digits) -> tuple[Micros, Mask]:
        """Return microseconds since 1970 on the clock of the text, and which rows are times.

        Args:
            text: One row of bytes per time, all of a width that `fits`.
        """
        good = np.ones(len(text), np.bool_)
        for column, byte in self.literals:
            good &= text[:, column] == byte
        values = {name: _number(text, at, _WIDTHS[name], good) for name, at in self.parts}
        days = _days(values, good)
        zero = np.zeros(len(text), np.int64)
        hours, minutes, seconds = (values.get(name, zero) for name in "HMS")
        good &= (hours <= 24) & (minutes <= 59) & (seconds <= 59)
        micros = ((days * 24 + hours) * 60 + minutes) * 60_000_000 + seconds * 1_000_000
        if self.fraction is not None:
            digits = text.shape[1] - self.fraction
            fraction = _number(text, self.fraction, digits, good)
            micros += (fraction * 10**6 + 10**digits // 2) // 10**digits
        good &= (hours < 24) | (micros == (days + 1) * _DAY_MICROS)
        return micros, good


def _number(text: _Digits, start: int, width: int, good: Mask) -> Micros:
    """Read digits as a number; rows with anything else are marked."""
    total = np.zeros(len(text), np.int64)
    for column in range(start, start + width):
        digit = text[:, column] - np.uint8(ord("0"))  # what is less wraps round to over 9
        good &= digit <= 9
        total *= 10
        total += digit
    return total


def _days(values: dict[str, Micros], good: Mask) -> Micros:
    """Return days since 1970-01-01; rows with a day that does not exist are marked."""
    year = values["Y"]
    good &= year >= 1
    if "j" in values:
        first = _first_of_month((year - 1970) * 12)
        days = first + values["j"] - 1
        good &= (values["j"] >= 1) & (days < _first_of_month((year - 1969) * 12))
        return days
    month, day = values["m"], values["d"]
    months = (year - 1970) * 12 + month - 1
    days = _first_of_month(months) + day - 1
    good &= (month >= 1) & (month <= 12) & (day >= 1) & (days < _first_of_month(months + 1))
    return days


def _first_of_month(months: Micros) -> Micros:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
