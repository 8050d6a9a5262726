"""One interval of one generating unit."""

from utility_ts_analytics.records.reading import Identifier, NonNegative, Reading, Text


class GenerationOutput(Reading, gc=False, omit_defaults=True, kw_only=True):
    """Mean power of one plant or unit in the interval that starts at `ts`.

    Attributes:
        plant_id: 1..256 characters.
        mw: Mean active power, MW, finite; >= 0 unless `allow_negative` is set.
        unit_id: Part of the key; absent means the plant as a whole.
        mvar: Mean reactive power, Mvar, either sign.
        status: Operating state, as the plant says it.
        fuel_type: What it burns or harvests.
    """

    plant_id: Identifier
    mw: NonNegative
    unit_id: Text | None = None
    mvar: float | None = None
    status: Text | None = None
    fuel_type: Text | None = None


class SignedGenerationOutput(GenerationOutput, gc=False, omit_defaults=True, kw_only=True):
    """The same where `allow_negative` is set: storage draws power while it charges."""

    mw: float
