"""One interval of one meter's register."""

from utility_ts_analytics.records.reading import Identifier, NonNegative, Reading, Text


class MeterUsage(Reading, gc=False, omit_defaults=True, kw_only=True):
    """Energy of one meter in the interval that starts at `ts`.

    Attributes:
        meter_id: 1..256 characters.
        kwh: Active energy of the interval, kWh, finite; >= 0 unless `allow_negative` is set.
        premise_id: Where the meter hangs.
        kvarh: Reactive energy of the interval, kvarh, either sign.
        kva_demand: Highest apparent power in the interval, kVA, either sign.
        quality_flag: How the value came to be, as the head-end says it.
        source_system: Which head-end sent it.
    """

    meter_id: Identifier
    kwh: NonNegative
    premise_id: Text | None = None
    kvarh: float | None = None
    kva_demand: float | None = None
    quality_flag: Text | None = None
    source_system: Text | None = None


class SignedMeterUsage(MeterUsage, gc=False, omit_defaults=True, kw_only=True):
    """The same where `allow_negative` is set: net metering counts exports below zero."""

    kwh: float
