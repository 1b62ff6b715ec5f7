"""The claims of the study: sentences, rules in words, preconditions and negative controls."""

from __future__ import annotations

from overparam.core import Claim, Control
from overparam.studies.effective_complexity.curves import searched, sizes
from overparam.studies.effective_complexity.preconditions import NOISY, PEAK, sign_test
from overparam.studies.effective_complexity.rules import (
    HALF,
    SOME,
    STEP,
    compared,
    critical_shift,
    grows_with_width,
    halves,
    peak_at_emc,
    peak_at_fit,
    peak_shift,
)

_LEDGER = ("L54",)
_SOURCE = "nakkiran2020"
_CRITICAL = (
    "The critical width of a seed is where its train error, against the given labels, first falls to 10 %, read on "
    "log width between grid points; beyond the grid counts as larger than every width."
)
_SIGN = (
    f"The 95 % Clopper-Pearson interval of that share lies at or above {HALF:g} (the two-sided exact sign test at 5 "
    "%; 9 of 10 seeds are needed). Ties are left out."
)
_STANDS = (
    f"the peak stands out (rise from the left minimum and fall to the right end at least {SOME:g} point each, places "
    "chosen without the seed they are read at)"
)
_STEPS = (
    f"the 95 % Student t interval of the mean, taken no narrower than half a grid step each way, lies within {STEP:g} "
    f"step of 0, and {_STANDS}."
)


def _shifted(change: str, way: str) -> str:
    return (
        f"{_CRITICAL} Among the seeds whose critical width differs between the arms, the share for which it is {way} "
        f"{change}. {_SIGN}"
    )


def _again(sign: int) -> Control:
    return Control(
        "The base drawn again with other seeds does not shift the critical width.",
        lambda e: critical_shift(e, (("repeat", sign),)),
    )


CLAIMS = (
    Claim(
        "noise-shift",
        "Label noise moves the critical size to larger networks.",
        _LEDGER, _SOURCE,
        _shifted("with label noise than with clean labels", "larger"),
        lambda e: critical_shift(e, (("base/clean", 1),)),
        _again(1),
        (NOISY, *sign_test("clean")), chart="critical",
    ),
    Claim(
        "samples-shift",
        "More training samples move the critical size to larger networks.",
        _LEDGER, _SOURCE,
        _shifted(
            "with twice the samples, both at the same number of steps and at the same number of epochs (twice the "
            "steps)", "larger",
        ),
        lambda e: critical_shift(e, (("samples", 1), ("samples-epochs", 1))),
        _again(1),
        sign_test("samples", "samples-epochs"), chart="critical",
    ),
    Claim(
        "augmentation-shift",
        "Data augmentation moves the critical size to larger networks.",
        _LEDGER, _SOURCE,
        _shifted("when each sample comes with shifted copies, at the same number of steps", "larger"),
        lambda e: critical_shift(e, (("shifted", 1),)),
        _again(1),
        sign_test("shifted"), chart="critical",
    ),
    Claim(
        "epochs-shift",
        "More epochs of training move the critical size to smaller networks.",
        _LEDGER, _SOURCE,
        _shifted("after four times the steps on the same samples", "smaller"),
        lambda e: critical_shift(e, (("epochs", -1),)),
        _again(-1),
        sign_test("epochs"), chart="critical",
    ),
    Claim(
        "peak-shift",
        "The peak of the test error moves with the critical size: to larger networks with more samples and with "
        "augmentation, to smaller ones with more epochs.",
        _LEDGER, _SOURCE,
        "For each change, the share of seeds for which the width of the largest test error right of the left minimum "
        f"moves the expected way. {_SIGN} In every arm {_STANDS}.",
        lambda e: peak_shift(e, (("samples", 1), ("shifted", 1), ("epochs", -1))),
        Control(
            "The base drawn again with other seeds does not move the peak.",
            lambda e: peak_shift(e, (("repeat", 1),)),
        ),
        (*PEAK, *sign_test("samples", "shifted", "epochs")[:1]), chart="arms",
    ),
    Claim(
        "peak-at-fit",
        "The test error peaks at the critical width: the smallest one that learns the training set to 10 %.",
        _LEDGER, _SOURCE,
        "Grid steps from each seed's smallest width with a train error of at most 10 % to its largest test error "
        f"right of the left minimum: {_STEPS}",
        lambda e: peak_at_fit(sizes(e, "base")),
        Control("With clean labels the same rule finds no peak.", lambda e: peak_at_fit(sizes(e, "clean"))),
        PEAK, chart="error",
    ),
    Claim(
        "peak-at-emc",
        "The test error peaks where the effective model complexity equals the number of training samples.",
        _LEDGER, _SOURCE,
        "Grid steps from each seed's smallest searched width with EMC of at least n to its largest test error right "
        f"of the left minimum: {_STEPS}",
        lambda e: peak_at_emc(sizes(e, "base"), searched(e, "emc")),
        Control(
            "With clean labels the same rule finds no peak.",
            lambda e: peak_at_emc(sizes(e, "clean"), searched(e, "emc-clean")),
        ),
        PEAK, chart="emc",
    ),
    Claim(
        "emc-width",
        "Effective model complexity grows with width.",
        _LEDGER, _SOURCE,
        "EMC at each searched width over EMC at the next smaller one: each geometric mean over seeds is at least 1 (95 "
        "% interval on logarithms, paired over seeds). Widths at which a search hit an end of the grid are left out; "
        "at least two remain.",
        lambda e: grows_with_width(searched(e, "emc")),
        Control("Two halves of the seeds at the same widths do not differ.", lambda e: halves(searched(e, "emc"), 1)),
        chart="emc",
    ),
    Claim(
        "emc-epochs",
        "Effective model complexity grows with the length of training.",
        _LEDGER, _SOURCE,
        "EMC after four times the steps over EMC, the geometric mean over the searched widths: its geometric mean over "
        "seeds is at least 1 (95 % interval on logarithms, paired over seeds). Widths at which a search hit an end of "
        "the grid are left out.",
        lambda e: compared(searched(e, "emc-epochs"), searched(e, "emc"), 1),
        Control("Two halves of the seeds at the same steps do not differ.", lambda e: halves(searched(e, "emc"), 1)),
        chart="emc",
    ),
    Claim(
        "emc-noise",
        "Label noise lowers effective model complexity.",
        _LEDGER, _SOURCE,
        "EMC with label noise over EMC with clean labels, the geometric mean over the searched widths: its geometric "
        "mean over seeds is at most 1 (95 % interval on logarithms, paired over seeds). Widths at which a search hit "
        "an end of the grid are left out.",
        lambda e: compared(searched(e, "emc"), searched(e, "emc-clean"), -1),
        Control("Two halves of the seeds at one noise do not differ.", lambda e: halves(searched(e, "emc"), -1)),
        (NOISY,), chart="emc",
    ),
)  # fmt: skip
