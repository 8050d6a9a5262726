"""A report before it is a page: sections with a finding, charts and tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.theme import Shape


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of a section.

    Attributes:
        key: Unique in the report; letters, digits and `-`.
        title: What it shows, for screen readers; any text.
        description: Its content in a sentence or two, for screen readers; any text.
        draw: Draws it for a shape.
    """

    key: str
    title: str
    description: str
    draw: Callable[[Shape], Figure]


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a chart, as text.

    Attributes:
        caption: What the rows are.
        columns: Headings with their units.
        rows: As many texts as there are columns; any text.
        text_columns: How many columns from the left are texts; the others are numbers.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number at the top of the page.

    Attributes:
        name: What it is.
        value: The number with its unit.
        detail: Context that helps to judge it.
    """

    name: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Section:
    """One question and its answer.

    Attributes:
        key: Unique in the report; letters, digits and `-`.
        question: The heading.
        finding: The answer in a sentence or two, or the reason why there is none.
        pictures: Charts; none where there is nothing to draw.
        tables: Their figures.
        notes: Formulas, rules for what is missing, what was left out.
        figure: Repeated at the top of the page; None for none.
    """

    key: str
    question: str
    finding: str
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    figure: KeyFigure | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page.

    Attributes:
        title: Such as "Readings of 3 to 9 June 2024".
        facts: Pairs of name and text: period, zone and the like.
        sections: In their order.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
