"""Small documents as a store holds them."""


def record(study="toy", **changed):
    """A run's record with the least that its shape asks for; the number and the name of the run are the store's."""
    return {
        "study": study, "title": "A toy", "question": "Is it?", "profile": "quick", "profile_help": "a look", "mark": "",
        "overrides": {}, "created": "2026-01-01T00:00:00Z", "seconds": 0.1, "compute_seconds": 0.1,
        "cells": dict.fromkeys(("total", "ok", "diverged", "failed", "missing", "computed"), 0),
        "parameters": [], "verdicts": [], "charts": [], "sources": [], "differences": [], "failures": [], "diverged": [],
        "notes": [], "cell_version": 1, "cell_names": [], "reference": study,
        "environment": {
            "overparam": "0.1", "versions": {}, "python": "3", "platform": "x", "commit": "", "dirty": False,
            "device": "cpu", "workers": 1, "threads": None, "executor": "inline",
        },
        **changed,
    }  # fmt: skip
