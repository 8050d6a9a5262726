"""Columns of texts: null markers, constants, and texts that stand for others."""

import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.ingest.mapping.arrays import rows_where, text_of, without
from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.model import FieldRule


def texts_of(column: pa.Array, rule: FieldRule, field: str, faults: Faults) -> pa.Array:
    """Return a column's texts as the record has them; null where there is none.

    Args:
        column: Texts or whole numbers.
        rule: Null markers, and `values` with what becomes of others.
        field: Of the record, for the faults.
        faults: Gets the rows whose text `values` does not list, where those are refused.
    """
    text = without(text_of(column), rule.null)
    if rule.values is None:
        return text
    encoded = text.dictionary_encode()
    known = encoded.dictionary.to_pylist()
    others = rule.other_values
    mapped = [rule.values.get(word, word if others == "keep" else None) for word in known]
    if others == "refuse":
        listed = pa.array([word in rule.values for word in known], pa.bool_())
        unlisted = pc.invert(listed.take(encoded.indices))
        detail = f"{field} is not one of the texts that the mapping's values list"
        faults.add(rows_where(unlisted), "wrong-type", field, detail)
    return pa.array(mapped, pa.string()).take(encoded.indices)
