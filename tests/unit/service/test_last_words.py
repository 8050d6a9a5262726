"""The last words of a forked process reach the one that forked it, whatever they are."""

import os
import signal

from utility_ts_analytics.service.last_words import TEXT_BYTES_MAX, LastWords, how_it_ended


def test_words_of_a_child_that_is_killed_are_read() -> None:
    words = LastWords()
    assert words.read() == ""
    child = os.fork()
    if child == 0:
        words.say("FileNotFoundError: no such folder, Größe 0")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert words.read() == "FileNotFoundError: no such folder, Größe 0"


def test_later_and_shorter_words_replace_the_earlier_ones() -> None:
    words = LastWords()
    words.say("a long reason")
    words.say("short")
    assert words.read() == "short"
    words.say("")
    assert words.read() == ""


def test_long_words_are_cut_also_within_a_letter() -> None:
    words = LastWords()
    words.say("x" + "é" * TEXT_BYTES_MAX)
    assert words.read().startswith("xéé")
    assert len(words.read()) <= TEXT_BYTES_MAX


def test_exit_codes_are_told_from_signals() -> None:
    assert how_it_ended(1) == "exit code 1"
    assert how_it_ended(-signal.SIGKILL) == "killed by SIGKILL"
    assert how_it_ended(-64) != how_it_ended(64)
    assert how_it_ended(-63) == "killed by signal 63"
