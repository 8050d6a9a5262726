"""What the record types say of their fields, and that nothing unknown passes as known."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from utility_ts_analytics.records.reading import (
    TEXT_CHARACTERS_MAX,
    FieldRules,
    Identifier,
    NonNegative,
    Reading,
    fields_of,
    signed_type_of,
)
from utility_ts_analytics.records.streams import STREAMS, GenerationOutput


def test_rules_are_those_of_the_annotations() -> None:
    rules = {field.name: field for field in fields_of(GenerationOutput)}
    longest = TEXT_CHARACTERS_MAX
    assert rules["ts"] == FieldRules("ts", "instant", is_required=True)
    assert rules["event_id"] == FieldRules("event_id", "text", characters_max=longest)
    assert rules["plant_id"] == FieldRules(
        "plant_id", "text", is_required=True, is_identifier=True, characters_max=longest
    )
    assert rules["mw"] == FieldRules("mw", "number", is_required=True, is_signed=False)
    assert rules["mvar"] == FieldRules("mvar", "number")
    signed = {
        field.name: field for field in fields_of(STREAMS["generation_output"].signed_record_type)
    }
    assert signed["mw"] == FieldRules("mw", "number", is_required=True)


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_is_known_in_the_order_of_its_fields(name: str) -> None:
    for record_type in (STREAMS[name].record_type, STREAMS[name].signed_record_type):
        names = tuple(field.name for field in fields_of(record_type))
        assert names == record_type.__struct_fields__


class Flow(Reading, gc=False, omit_defaults=True, kw_only=True):
    line_id: Identifier
    loss: NonNegative | None = None
    mw: NonNegative


def test_signed_type_takes_numbers_of_either_sign_and_is_the_same_otherwise() -> None:
    signed = signed_type_of(Flow)
    assert signed.__name__ == "SignedFlow"
    assert signed.__struct_fields__ == Flow.__struct_fields__
    rules = {field.name: field for field in fields_of(signed)}
    assert rules["mw"] == FieldRules("mw", "number", is_required=True)
    assert rules["loss"] == FieldRules("loss", "number")
    assert rules["line_id"] == {field.name: field for field in fields_of(Flow)}["line_id"]
    text = b'{"ts":"2024-01-01T00:00:00Z","line_id":"l","mw":-1.0}'
    row = msgspec.json.decode(text, type=signed)
    assert isinstance(row, Flow)
    assert (row.mw, row.loss) == (-1.0, None)
    assert msgspec.json.encode(row) == text
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Flow)


class Counted(Reading, kw_only=True):
    count: int


class Unbounded(Reading, kw_only=True):
    text: str


class AtLeastFive(Reading, kw_only=True):
    number: Annotated[float, Meta(ge=5.0)]


@pytest.mark.parametrize("record_type", [Counted, Unbounded, AtLeastFive])
def test_rule_that_nobody_would_check_is_our_fault(record_type: type[Reading]) -> None:
    with pytest.raises(AssertionError, match="a type that is not known here"):
        fields_of(record_type)
