"""Interrupt a command at its n-th import, for every EVERY-th n; print how each ended that did not end well.

A program of its own, that has imported next to nothing and forks: ``python tests/faults/interrupts.py EVERY WORDS...``.
"""

import os
import signal
import sys
import tempfile


class Finder:
    """Finds nothing; presses Ctrl-C when it is asked for the n-th time."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def find_spec(self, name, path=None, target=None):
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def ended(at, words):
    """How a command ends that is interrupted at an import: exit code and what it said; None past the last import."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            from overparam.cli import main

            finder = Finder(at)
            sys.meta_path.insert(0, finder)
            try:
                sys.argv[1:] = words
                main()
            except SystemExit as error:
                os._exit(99 if finder.count < at else int(error.code or 0))
            except BaseException:
                sys.excepthook(*sys.exc_info())
            os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return None if code == 99 else (code, said.read().decode())


def main(every, *words):
    """Say how each ended that did not end well, and last how many were tried."""
    at = 1
    while (end := ended(at, list(words))) is not None:
        code, text = end
        if code != 130 or "interrupted" not in text or "Traceback" in text:
            sys.stdout.write(f"import {at}: {code} {text}\n")
        at += every
    sys.stdout.write(f"{at}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
