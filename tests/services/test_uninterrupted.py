"""Ctrl-C that was dropped on its way comes again; one that is being dealt with does not."""

import subprocess
import sys
import textwrap

import pytest

START = """
import os, signal, sys, time
from perfpredict.services.uninterrupted import AGAIN_S, heard, insist, uninterrupted

def interrupt():
    raise KeyboardInterrupt

signal.signal(signal.SIGINT, lambda *_: insist(interrupt))

class Dropping:
    def __del__(self):  # what is raised in here is dropped
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
"""


def told_by(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_what_was_dropped_is_raised_again():
    program = """
        try:
            Dropping().__class__
            print("dropped")
            time.sleep(10)
        except KeyboardInterrupt:
            heard()
            print("heard")
        time.sleep(3 * AGAIN_S)
        print("quiet")
    """

    assert told_by(program) == ["dropped", "heard", "quiet"]


@pytest.mark.parametrize("clause", ["except KeyboardInterrupt:", "finally:"])
def test_what_is_being_dealt_with_is_left_in_peace(clause):
    program = f"""
        try:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)
            {clause}
                time.sleep(3 * AGAIN_S)
                print("cleaned")
        except KeyboardInterrupt:
            print("left")
        heard()
    """

    expected = ["cleaned"] if "except" in clause else ["cleaned", "left"]
    assert told_by(program) == expected


def test_it_waits_for_the_end_of_what_must_not_be_torn_apart():
    program = """
        try:
            Dropping().__class__
            with uninterrupted():
                time.sleep(3 * AGAIN_S)
                print("whole")
            time.sleep(10)
        except KeyboardInterrupt:
            heard()
            print("heard")
    """

    assert told_by(program) == ["whole", "heard"]
