"""Columns of numbers or of texts that are numbers, as 64-bit floats in the unit of the field."""

from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.ingest.mapping.arrays import rows_where, rows_where_not, text_of, without
from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.model import FieldRule

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_EXACT_MAX = 2**53


def is_number_type(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds numbers as such."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    )


def numbers_of(column: pa.Array, rule: FieldRule, field: str, faults: Faults) -> pa.Array:
    """Return a column's numbers as 64-bit floats; null where there is none.

    Args:
        column: Numbers of any type, or texts.
        rule: Null markers, decimal comma and factor.
        field: Of the record, for the faults.
        faults: Gets the rows whose text is no number, or whose number is not finite. A text that
            is none is a fault and never null.
    """
    if is_number_type(column.type):
        values = column.cast(pa.float64(), safe=False)
        if "NaN" in rule.null:
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    else:
        values = _parsed(without(text_of(column), rule.null), rule, field, faults)
    values = scaled(values, rule.factor)
    finite = pc.is_finite(values)
    if pc.all(finite).as_py() is False:
        faults.add(
            rows_where_not(finite), "invalid-number", field, f"{field} must be a finite number"
        )
    return values


def scaled(values: pa.Array, factor: Fraction) -> pa.Array:
    """Return `values` times `factor`, rounded once where the factor or its inverse is whole."""
    if factor == 1:
        return values
    if max(abs(factor.numerator), factor.denominator) > _EXACT_MAX:
        return pc.multiply(values, float(factor))
    if factor.numerator != 1:
        values = pc.multiply(values, float(factor.numerator))
    return pc.divide(values, float(factor.denominator)) if factor.denominator != 1 else values


def _parsed(text: pa.Array, rule: FieldRule, field: str, faults: Faults) -> pa.Array:
    detail = f"{field} must be a finite number"
    if rule.decimal_comma:
        # A point beside the comma could only part thousands, and one alone be either.
        point = rows_where(pc.match_substring(text, "."))
        faults.add(point, "invalid-number", field, f"{detail}, with a comma and no point")
        text = pc.replace_substring(text, ",", ".")
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        good = pc.match_substring_regex(text, _NUMBER)
        faults.add(rows_where_not(good), "invalid-number", field, detail)
        return pc.if_else(good, text, pa.scalar(None, pa.string())).cast(pa.float64())
