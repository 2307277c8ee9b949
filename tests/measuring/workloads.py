"""What the tests of `--python` measure: real work of a known kind, without any framework."""

import os
import signal
import time


def sleeping(batch_size):
    return lambda: time.sleep(0.002 * batch_size)


def slow(batch_size):
    return lambda: time.sleep(0.25)


def hungry(batch_size):
    kept = bytearray(64 * 2**20 * batch_size)
    for place in range(0, len(kept), 4096):
        kept[place] = 1
    return lambda: time.sleep(0.002 if kept[0] else 0.0)


def killed(batch_size):
    def run():
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)

    return run


def chatty(batch_size, precision, threads):
    print(f"built for {precision} with {threads}")
    return lambda: (print("running"), time.sleep(0.002))


def broken(batch_size):
    raise ZeroDivisionError("no such batch")


def without_batch(precision):
    return lambda: None


def nothing(batch_size):
    return None
