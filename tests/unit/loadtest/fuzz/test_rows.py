"""The reader of ILP reads what the protocol allows and nothing else: golden lines, by hand."""

import struct

import pytest
from loadtest.fuzz.rows import IlpReader, IlpRow


def rows(payload: bytes) -> list[IlpRow]:
    return IlpReader(payload).rows()


def test_tags_texts_numbers_and_times_are_read() -> None:
    double = b"==\x10" + struct.pack("<d", -2.5)
    payload = (
        b't,a\\ b=c\\,d\\=e,x=1 s="q\\"\\\\z, =",i=5i,f=1.5e3,b' + double + b" 1700000000000000t\n"
        b't f="line\\\nbreak" 1700000000000000001000n\n'
        b't f="" 5000\n'
    )
    assert rows(payload) == [
        IlpRow(
            "t",
            {"a b": "c,d=e", "x": "1", "s": 'q"\\z, =', "i": 5.0, "f": 1500.0, "b": -2.5},
            1_700_000_000_000_000,
        ),
        IlpRow("t", {"f": "line\nbreak"}, 1_700_000_000_000_000_001),
        IlpRow("t", {"f": ""}, 5),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b't f="a\nb" 1t\n',
        b't f="a',
        b't f="a\\xb" 1t\n',
        b"t f=1,f=2 1t\n",
        b"t",
        b"t f=1",
        b"t,a=b\nc f=1 1t\n",
        b"t f=1 1001n\n",
        b"t f==\x0b12345678 1t\n",
    ],
)
def test_what_is_no_ilp_is_refused(payload: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        rows(payload)
