"""A doubt ends a while after an answer to a later question; test_order has it among lanes."""

from utility_ts_analytics.delivery.order import Doubts


def test_doubt_ends_a_while_after_an_answer_to_a_later_question() -> None:
    doubts = Doubts(1.0)
    doubts.note(8, 10.0)
    assert doubts.end(answered_s=9.9, now_s=50.0) == {}
    assert doubts.end(answered_s=10.1, now_s=50.0) == {}
    assert doubts.end(answered_s=10.1, now_s=50.9) == {}
    assert list(doubts.places()) == [8]
    assert doubts.end(answered_s=10.1, now_s=51.0) == {8: 10.0}
    assert list(doubts.places()) == []


def test_doubt_that_is_over_does_not_begin_again_and_a_new_one_does() -> None:
    doubts = Doubts(0.0)
    doubts.note(8, 10.0)
    doubts.end(11.0, 11.0)
    assert doubts.end(11.0, 11.0) == {8: 10.0}
    doubts.note(8, 10.0)
    assert list(doubts.places()) == []
    doubts.note(8, 12.0)
    assert list(doubts.places()) == [8]


def test_later_doubt_of_a_place_needs_a_later_answer() -> None:
    doubts = Doubts(0.0)
    doubts.note(8, 10.0)
    doubts.end(11.0, 11.0)
    doubts.note(8, 12.0)
    doubts.end(11.0, 13.0)
    assert doubts.end(11.0, 14.0) == {}
