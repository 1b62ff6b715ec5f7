"""Random features: the double descent of Belkin, Hsu, Ma and Mandal (2019) in closed form, and why there is a peak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overparam.core import (FRESH, DATA, N, N_TEST, NOISE, NONE, ROWS, SEED, WIDTHS, Arm, Axis, Check, Claim, Control, Estimate,
    Evidence, FitRule, Line, MissingEvidence, Need, Number, Params, Place, Rule, World, arm, around, charts, computed, fits,
    grid, has, later, line, need, per_seed, planned, profiles, reaches, renamed, study)  # fmt: skip

if TYPE_CHECKING:
    from overparam.core.view import View

PERCENT = (5, 10, 20, 30, 50, 70, 80, 86, 90, 94, 97, 100, 103, 106, 110, 116, 125, 150, 200, 300, 450, 700, 1000, 1400,
           2000)  # fmt: skip
PAPER_WIDTHS = (500, 1000, 1500, 2000, 2500, *range(3000, 15000, 1000), 20000, 40000, 60000)
FITTED = 1e-6  # training loss over its initial value


def widths(n: int) -> tuple[int, ...]:
    """Numbers of features from 0.05 n to 20 n, dense around n."""
    return tuple(n * p // 100 for p in PERCENT)


AXES = (
    DATA.but(help="Data set, or a path to one.", default="digits"),
    Axis("features", "Random feature map: cosines of Gaussian projections, or ReLU of projections.", str, "fourier",
         choices=("fourier", "relu"), flag="features"),
    N.but(help="Number of training samples.", default=500, flag="n"),
    WIDTHS.but(help="Numbers of random features, all in one cell.", default=widths(500)),
    NOISE.but(help="Share of training labels replaced by a class drawn from all classes.", default=0.0, flag="noise"),
    Axis("ridge", "Also solve ridge with the penalty of smallest leave-one-out error (tuned), or not (none).", str,
         "tuned", choices=("tuned", "none"), flag="ridge"),
    Axis("scale", "Standard deviation of the Fourier directions; 0 means 2 over the samples' median distance.", float,
         0.0, low=0.0, flag="scale"),
    Axis("why", "Also compute the ablations, the effective parameters and the theory curve (all), or not (none).", str,
         "none", choices=("none", "all"), flag="why"),
    N_TEST.but(flag="n-test"),
    SEED.but(help="Draws the training samples, the features and the label noise."))  # fmt: skip

PROFILES = profiles(
    {"features": ("fourier", "relu"), "noise": 0.0, "ridge": "tuned", "scale": 0.0, "why": "all"},
    quick=("digits, 500 samples, both feature maps, 6 seeds: under a minute", {
           "data": "digits", "n": 500, "width": widths(500), "n_test": 0, "seed": planned(6)}),
    laptop=("digits and MNIST, 1,000 samples, both feature maps, 10 seeds",
            {"data": ("digits", "mnist"), "n": 1000, "width": widths(1000), "n_test": 2000, "seed": planned(10)}),
    paper=("MNIST, 10,000 samples, Fourier features up to 60,000 as published, 5 seeds: where the peak lies", {
           "data": "mnist", "features": "fourier", "n": 10_000, "width": PAPER_WIDTHS, "ridge": "none", "scale": 0.2,
           "why": "none", "n_test": 0, "seed": planned(5)}))  # fmt: skip
SMALL = ("quick", "laptop")


def told(view: Any) -> str:
    """Where the samples are fitted, and the rank of the features at N = n."""
    import numpy as np

    both = view.on(view.arm, frozenset({"train_loss_ratio", "rank"}))
    r, hit, rank = both.read(ratio), both.read(fit).y <= FITTED, both.read(line("rank")).y / both.value("n")
    places = r[hit.argmax(axis=1)[hit.any(axis=1)]]
    where = f"{np.median(places):.3g} n" if len(places) else "not reached"
    return f"Interpolation threshold {where}, rank of the features at N = n {rank[:, abs(r - 1).argmin()].mean():.3g} n."


# fmt: off
# what is measured: lines over the width, one a seed, for every feature map
ratio, fit = grid("width", per="n", words="N/n"), line("train_loss_ratio", "training loss over its initial value")
loss, norm = line("test_loss", "squared test loss"), line("norm", "coefficient norm")
error = line("test_error", "0-1 test error (at least half a sample)").floor(0.5, per="n_test")
window = ratio.between(0.8, 1.25)
ONE, TEN, TWENTY, FIT_FOR_SURE = (ratio.near(times) for times in (1, 10, 20, 1.1))
size, LIMIT = line("test_parameters", "effective parameters"), line("limit_test_loss", "that of the kernel")
to_limit = (loss / LIMIT).inside(ratio.between(2, 20)).called("test loss over that of the kernel")


beyond = ratio >= 1.09
SIMPLER = size.inside(beyond).climbs(factor=True).at_most(1.10) & (
    (size.at(TWENTY) / size.at(FIT_FOR_SURE)).at_most(1.0).contradicted(above=1.0))
BETTER = loss.inside(beyond).climbs(factor=True).at_most(1.10) & (
    (loss.at(TWENTY) / loss.at(FIT_FOR_SURE)).at_most(1.0).contradicted(above=1.0))


def falls(which: Line, there: Place) -> Number:
    """A line at N = n over that with more features."""
    return which.at(ONE) / which.at(there)


def falls_from_tenth(which: Line) -> Rule:
    """A line at 0.1 n over that at N = n is at least 1."""
    return (which.at(ratio.near(0.1)) / which.at(ONE)).at_least(1.0)


def misses(rows: Any, prediction: str) -> Any:
    """Measured over predicted test loss at every width outside [0.8, 1.25] n; at N = n the prediction is infinite."""
    from overparam.core.lines import align_seeds

    kept = []
    for params, values in rows:
        far = [i for i, width in enumerate(values["width"]) if not 0.8 <= width / params["n"] <= 1.25]
        if prediction in values and not far:
            raise MissingEvidence("no width outside [0.8, 1.25] n. Add some to --widths.")
        if prediction in values:
            kept.append((params, {m: [values[m][i] for i in far] for m in ("width", "test_loss", prediction)}))
    found = align_seeds(Evidence(tuple(kept)), "width", "test_loss", prediction)
    return found.lines[0] / found.lines[1]


def predicted(prediction: str, words: str) -> Rule:
    """Measured over predicted test loss in [0.8, 1.25], at every width outside the peak."""
    text = f"squared test loss over that predicted by {words}, at the widths outside [0.8, 1.25] n"
    return per_seed(misses, text, ROWS, prediction, estimate="geometric").within(0.8, 1.25)


def shoulder(metric: str) -> Rule:
    """Nowhere around N = n half as much again as at 0.5 n."""
    which = line(metric, "squared test loss")
    return (which.inside(window) / which.at(ratio.near(0.5))).every.geometric().at_most(1.5)


def big_enough(view: View) -> Check:
    """Whether the population that ``random_features_work.population`` draws has 3 samples for each training sample."""
    params, values = view.rows()[0]
    n, many, found = params["n"], 3 * params["n"], values.get("population")
    if found is None:
        from overparam.studies.random_features_work import derived
        found = derived(params["data"], n, values["n_test"])
    return Check(found >= many, f"a population of {found:,} samples stands behind {n:,} training samples ({found / n:.2g} "
                 "n), asked at least 3 n: fewer than 3 are an overfit of the population itself")  # fmt: skip


def tuned(*metrics: str) -> Arm:
    """Ridge in place of the minimum norm."""
    words = "ridge with the penalty of smallest leave-one-out error, on the same features"
    return arm(words, metrics=renamed("ridge_", *metrics))


PLAIN = arm("minimum norm")
FIT, GRID = fits(fit, FITTED, before_the_end=False), around(window, points=5, near=1.0)
FAR, FARTHER = (FIT, GRID, reaches(ratio, 10, within=0.02)), (FIT, GRID, reaches(ratio, 20, within=0.02))
WHY = has("cut_test_loss", "Run them with --why all.")
CURVE = has("theory_test_loss", "Run them with --why all, without label noise.")
POPULATION = need("population", "The population has at least 3 samples for each training sample.", big_enough,
                  values=("n_test",))

# planted worlds: cells in which a statement is true by a hair or plainly, with the noise of seeds 0 to 4
Knots = tuple[tuple[float, float], ...]


def hill(peak: float = 1e3, end: float = 0.08, left: float = 0.3, at: float = 1.0) -> Knots:
    """Falls to the left minimum, peaks, and falls to its right end from 10 n on."""
    return ((0.05, 2 * left), (0.4, left), (0.93 * at, left), (at, peak), (1.07 * at, left), (10, end), (20, end))


def bent(knots: Knots, *points: tuple[float, float]) -> Knots:
    """The curve with other values at some places."""
    return tuple(sorted({**dict(knots), **dict(points)}.items()))


FALLING = ((0.05, 0.6), (0.97, 0.12), (1.0, 0.12), (20.0, 0.08))
SHOULDER = ((0.05, 0.4), (0.5, 0.2), (0.9, 0.18), (1.0, 0.2), (1.1, 0.17), (20.0, 0.1))
EXPLAINED = ((0.05, 0.5), (0.3, 0.3), (0.8, 1.0), (0.97, 5.0), (1.0, 100.0), (1.03, 5.0), (2.0, 0.15), (20.0, 0.08))
COMPLEXITY = ((0.05, 26.0), (0.97, 16e3), (1.0, 5e5), (1.03, 17e3), (2.0, 650.0), (14.0, 190.0), (20.0, 176.0))
FLAT = ((0.05, 0.1), (20.0, 0.1))
WORLD = World(
    ("width", widths(500)), ("ratio", tuple(p / 100 for p in PERCENT)), level=0.04, seeds=10,
    fixed={"data": "digits", "features": "fourier", "n": 500, "noise": 0.0}, numbers={"n_test": 597},
    lists={"rank": [min(w, 500) for w in widths(500)]},
    lines={"test_loss": hill(), "test_error": hill(0.9, 0.02, 0.05), "norm": hill(60, 0.3, 1.0), "ridge_norm": FALLING,
           "ridge_test_loss": FALLING, "ridge_test_error": FALLING, "limit_test_loss": ((0.05, 0.08), (20, 0.08)),
           "train_loss_ratio": ((0.05, 0.6), (0.99, 0.1), (1.0, 1e-9), (20, 1e-9))},
    spread={"test_loss": 0.04, "test_error": 0.2, "norm": 0.5, "ridge_test_loss": 0.02, "ridge_test_error": 0.02,
            "ridge_norm": 0.02, "limit_test_loss": 0.01})
WIDE = WORLD.but(spread={"test_loss": 1.0})
SOUGHT = WORLD.but(
    test_loss=EXPLAINED, test_parameters=COMPLEXITY, theory_test_loss=EXPLAINED, white_test_loss=((0.05, 0.1), (20, 0.1)),
    lines={f"{name}_test_loss": SHOULDER for name in ("cut", "ideal", "leading")},
    spread={**dict.fromkeys(("cut_test_loss", "ideal_test_loss", "leading_test_loss"), 0.05), "theory_test_loss": 0.03,
            "test_parameters": 0.01})


def near_limit(left: float, right: float) -> World:
    """The test loss over the kernel's at 2 n and at 20 n."""
    return WORLD.but(test_loss=((0.05, 0.6), (1.0, 1e3), (2.0, 0.08 * left), (20.0, 0.08 * right)),
                     spread={"test_loss": 0.02}, level=0.0)


def ablation(name: str, metric: str, sentence: str, how: str, *needs: Need) -> Claim:
    """A claim that the peak is gone without one of its three factors."""
    null, effect = (SOUGHT.but(lines={metric: bent(SHOULDER, (1.0, 0.2 * times))}) for times in (1.5, 1.3))
    as_tall = SOUGHT.but(test_loss=SHOULDER)
    lower = (line(metric, f"squared test loss, {how},").at(ONE) / loss.at(ONE)).at_most(1.0).contradicted(above=1.0)
    return Claim(name, sentence, ("L53",), "schaeffer2023", shoulder(metric) & lower, arm(how),
                 Control("The untouched curve: it rises.", rule=shoulder("test_loss")), (WHY, FIT, GRID, *needs),
                 (f"{V2} Every width in the window is read in place of the largest mean; 1.5 is ours and contradicts no one: "
                  "a peak that is no lower without the factor does.",), chart="ablations", form="direction",
                 scope=("Schaeffer et al. ablate each factor in linear regression on small data sets, by the number of "
                        "samples, and show that the divergence goes; here random features, by their number.",),
                 profiles=SMALL, null=(null, as_tall), effect=effect, limit=(as_tall,),
                 against=SOUGHT.but(test_loss=SHOULDER, lines={metric: EXPLAINED}))


V2 = "After a replication from scratch and simulated error rates, before seeds 100 and up:"
BELKIN = ("Belkin et al. show random Fourier and ReLU features on MNIST, TIMIT and others, by least squares of minimum norm, "
          "one run a width, without numbers for the height.",
          "Here: both maps on MNIST and on the small digits, 500 or 1,000 samples in place of 10,000, no label noise.")
CLAIMS = (
    Claim("peak", "The squared test loss of the minimum-norm solution peaks where the number of features equals the "
          "number of training samples.", ("L53",), "belkin2019", loss.peak_place(ratio).within(0.9, 1.1), PLAIN,
          Control("Tuned ridge: no peak at n.", tuned("test_loss")), (FIT, GRID),
          (f"{V2} the band of 10 % is ours and contradicts no one.",), chart="loss", note=told, form="equal", scope=BELKIN,
          null=(WORLD.but(test_loss=hill(at=1.11)), WORLD.but(test_loss=hill(at=0.89))), effect=WORLD),
    Claim("height", "Is the peak tall: does the squared loss fall at least tenfold from N = n to 20 n, and the 0-1 error at "
          "least twofold?", ("L53",), "belkin2019",
          falls(loss, TWENTY).at_least(10.0) & falls(error, TWENTY).at_least(2.0), PLAIN,
          Control("Tuned ridge: no tall peak.", tuned("test_loss", "test_error")), FARTHER,
          (f"{V2} no source gives these numbers: a question, read at N = n and at 20 n.",), chart="loss", kind="question",
          profiles=SMALL, null=(WIDE.but(test_loss=hill(0.8)), WIDE.but(test_error=hill(0.04, 0.02, 0.02))),
          effect=WIDE.but(test_loss=hill(30))),
    Claim("norm", "The norm of the coefficients peaks at the same place as the loss, and is smaller again at the right "
          "end.", ("L53",), "belkin2019", norm.peak_place(ratio).within(0.9, 1.1)
          & falls(norm, TWENTY).at_least(1.0).contradicted(below=1.0), PLAIN,
          Control("From 0.1 n to n more features must not lower the norm.", rule=falls_from_tenth(norm)), FARTHER,
          (f"{V2} the height is read at N = n; the band of the place is ours and contradicts no one.",), chart="norm",
          form="direction", scope=BELKIN, profiles=SMALL,
          null=(WORLD.but(norm=hill(60, 0.3, 1.0, 1.11), spread={"norm": 0.1}), WORLD.but(norm=hill(20, 20, 1.0))),
          effect=WORLD.but(norm=hill(40, 0.3, 1.0)), limit=(WORLD.but(norm=hill(20, 20, 1.0)),),
          against=WORLD.but(norm=hill(20, 60, 1.0))),
    Claim("descent", "Beyond the peak the test loss falls a second time (the weak form of double descent).", ("L53",),
          "belkin2019", falls(loss, TEN).at_least(1.0).contradicted(below=1.0), PLAIN,
          Control("From 0.1 n to n more features must not lower the loss.", rule=falls_from_tenth(loss)), FAR,
          (f"{V2} the other side of 1 contradicts.",), chart="loss", form="direction", scope=BELKIN, profiles=SMALL,
          null=(WIDE.but(test_loss=hill(0.08)),), effect=WIDE.but(test_loss=hill(1.0)),
          limit=(WIDE.but(test_loss=hill(0.08)),), against=WIDE.but(test_loss=hill(0.08, 0.8))),
    Claim("strong", "The second descent can end below the first minimum: 10 n features beat the best number below n (the "
          "strong form of double descent).", ("L53",), "belkin2019",
          (loss.inside(ratio < 1).bottom() / loss.at(TEN)).at_least(1.0), PLAIN,
          Control("Barely more features than samples: 1.1 n of them, which fit the training set as exactly, must not beat the "
                  "best width below n.", rule=(loss.inside(ratio < 1).bottom() / loss.at(FIT_FOR_SURE)).at_least(1.0)), FAR,
          ("version 2, after a first run on digits: the best width below n is each seed's own, which can only work against "
           "the claim; supported under both.",
           f"{V2} the source says that this is possible, so nothing contradicts it."), chart="loss", form="exists",
          scope=BELKIN, profiles=SMALL, null=(WORLD.but(test_loss=hill(left=0.08)),),
          effect=WORLD.but(test_loss=hill(left=0.1))),
    Claim("kernel-limit", "With ever more features the minimum-norm solution tends to the ridgeless solution of the limit "
          "kernel.", ("L53",), "belkin2019", to_limit.tends_to(1.0, within=0.1, rate=-1.0), PLAIN,
          Control("At N = n the features are far from their limit.",
                  rule=(loss.at(ONE) / LIMIT.at(ONE)).within(0.9, 1.1)), FARTHER,
          (f"{V2} judged by its trend from 2 n to 20 n (the excess falls like 1/N), not at one size.",), chart="loss",
          form="limit", scope=BELKIN, profiles=SMALL, null=(near_limit(1.6, 1.3), near_limit(1.1, 1.1)),
          effect=near_limit(2.2, 1.2), limit=(near_limit(1.3, 1.3),), against=near_limit(1.2, 1.6)),
    Claim("ridge", "With optimal ridge regularisation more features never cost test loss: around N = n the peak is gone.",
          ("L53",), "simon2023", loss.inside(ratio.between(0.5, 2)).climbs(factor=True).at_most(1.10).contradicted(above=1.0),
          tuned("test_loss"),
          Control("The minimum-norm solution under the same rule: it rises.", PLAIN), FAR[1:],
          ("version 2, after a first run on digits: reading each seed's rise at the other seeds' widths supported 25 of 200 "
           "planted nulls; the widths of the largest mean rise work against the claim instead; supported under both.",
           f"{V2} every pair of widths from 0.5 n to 2 n is judged; any rise of the mean contradicts, 10 % is ours for support; "
           "the statement is that of Simon et al., not of Belkin et al."), chart="loss", form="direction", profiles=SMALL,
          scope=("Simon et al. prove it within their eigenframework, for the best penalty; here the penalty is that of the "
                 "smallest leave-one-out error on a grid.",),
          null=(WORLD.but(ridge_test_loss=bent(FALLING, (1.0, 0.132))),),
          effect=WORLD.but(ridge_test_loss=bent(FALLING, (1.0, 0.1215))), limit=(WORLD.but(ridge_test_loss=FLAT),),
          against=WORLD.but(ridge_test_loss=bent(FALLING, (1.0, 0.24)))),
    ablation("small-values", "cut_test_loss", "The peak needs small singular values of the training features: without "
             "them it is gone.", "at every width, singular values below half their median count as zero"),
    ablation("residuals", "ideal_test_loss", "The peak needs targets that the features miss: with targets that N "
             "features can represent it is gone.", "at every width, the training targets are those of the ideal fit: "
             "least squares with the same features on the population", POPULATION),
    ablation("test-directions", "leading_test_loss", "The peak needs test samples along the small singular directions: "
             "projected on the leading ones it is gone.", "at every width, the test features are projected on the n/2 "
             "leading right singular vectors of the training features"),
    Claim("effective-parameters", "Against the effective number of parameters on the test inputs there is no second "
          "descent: beyond the interpolation threshold more features make the fit simpler, and the test loss falls as "
          "complexity does.", ("L53",), "curth2023", SIMPLER & BETTER, PLAIN,
          Control("The number of features itself as the measure of complexity: it grows.",
                  rule=line("width", "the number of features").inside(beyond).climbs(factor=True).at_most(1.10)),
          (WHY, *FARTHER),
          ("version 2, after a first run on digits: the sides are parted at the measured fit point instead of n. The rank of "
           "ReLU features reaches n only at about 1.03 n, so version 1 took the rise to their peak for one beyond it, and was "
           "contradicted. The cut-offs are as they were; ReLU is inconclusive under version 2.",
           f"{V2} read at every pair of widths from 1.1 n on, a place from pilot seeds, in place of the largest mean; up to "
           "the threshold nothing is asked any more, since the source says nothing special of it."), chart="complexity",
          form="direction", profiles=SMALL,
          scope=("Curth et al. show it for trees, boosting, linear regression on random Fourier features (MNIST), along two "
                 "axes of complexity; here along the number of features alone.",),
          null=(SOUGHT.but(test_parameters=bent(COMPLEXITY, (14.0, 190.0), (20.0, 209.0))),
                SOUGHT.but(test_loss=bent(EXPLAINED, (3.0, 0.12), (4.5, 0.132)))), effect=SOUGHT,
          limit=(SOUGHT.but(test_parameters=bent(COMPLEXITY, (1.1, 500.0), (2.0, 500.0), (20.0, 500.0))),
                 SOUGHT.but(test_loss=bent(EXPLAINED, (1.1, 0.1), (2.0, 0.1), (20.0, 0.1)))),
          against=SOUGHT.but(test_parameters=bent(COMPLEXITY, (1.1, 100.0), (2.0, 200.0), (20.0, 900.0)))),
    Claim("theory-curve", "The test loss follows from the spectrum of the limit kernel and the target alone, away from "
          "the peak.", ("L53",), "simon2023", predicted("theory_test_loss", "the random-feature eigenframework"),
          arm("clean labels", noise=NONE),
          Control("The same formula with all eigenvalues equal: the number of features alone does not predict the loss.",
                  rule=predicted("white_test_loss", "equal eigenvalues")), (CURVE, POPULATION, *FAR),
          (f"{V2} every width outside the peak is judged in place of the farthest; asked is a population of 3 n; the band of "
           "0.8 to 1.25 is ours and contradicts no one.",), chart="loss", form="equal", profiles=SMALL,
          scope=("Simon et al. derive it for many samples and features that act like Gaussian ones, and test it on kernels of "
                 "CIFAR and MNIST; they state no tolerance.",),
          null=tuple(SOUGHT.but(theory_test_loss=[(x, y / miss) for x, y in EXPLAINED]) for miss in (1.25, 0.8)),
          effect=SOUGHT.but(theory_test_loss=[(x, y / 1.1) for x, y in EXPLAINED])))
# fmt: on

SQUARED = "log squared test loss, summed over classes"
X = {"width": "random features N", "ratio": "random features per training sample N/n"}
CHARTS = charts(
    X, ("features", "Features"),
    loss=("Squared loss", "log squared loss, summed over classes",
          {"test_loss": "test, minimum norm", "ridge_test_loss": "test, tuned ridge",
           "limit_test_loss": "-test, ridgeless kernel limit",
           "theory_test_loss": "-theory (eigenframework): minimum norm",
           "theory_ridge_test_loss": "-theory (eigenframework): best ridge", "train_loss": "-training, minimum norm"},
          "A training loss below 1e-9 of its initial value is rounding and drawn there. The charts on ablations and "
          "complexity ask what the peak needs (Schaeffer et al. 2023) and to which axis it belongs (Curth et al. 2023)."),
    error=("0-1 error", "fraction of samples misclassified",
           {"test_error": "test, minimum norm", "ridge_test_error": "test, tuned ridge",
            "train_error": "-training, minimum norm"}),
    norm=("Norm of the coefficients", "log Frobenius norm", {"norm": "minimum norm", "ridge_norm": "tuned ridge"}),
    rank=("Rank of the features on the training samples", "numerical rank", {"rank": "rank"},
          "Singular values below max(n, N) times 2.2e-16 of the largest count as zero. For some directions a ReLU "
          "feature without a bias is zero, or linear, on all samples, so the rank can stay below N and n."),
    ablations=("What the peak needs", SQUARED,
               {"test_loss": "untouched", "cut_test_loss": "without small singular values",
                "ideal_test_loss": "without residuals of the ideal fit",
                "leading_test_loss": "test features on the leading modes"},
               "The excess of the test loss over the ideal fit's is a sum over singular modes of three factors: one "
               "over the singular value, the test features along the mode, and what the features miss of the training "
               "targets. Each ablation takes one of them away."),
    complexity=("Test loss against complexity", SQUARED,
                {"below_test_loss": "up to n features", "beyond_test_loss": "from n features on"},
                "The effective number of parameters on the test inputs is n times the mean squared length of the "
                "weights that a prediction gives to the training targets. On the training inputs it is the rank of the "
                "features. Points are means over the seeds at one number of features.",
                {"x": {"test_parameters": "effective parameters on the test inputs",
                       "train_parameters": "effective parameters on the training inputs", **X},
                 "fit": False, "along": "width"}),
    parameters=("Effective number of parameters", "log effective parameters",
                {"test_parameters": "on the test inputs", "train_parameters": "-on the training inputs"}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Operations of a cell and its largest arrays; features are drawn again and again unless they are kept."""
    from overparam.data import shape_of

    n, widths, penalties, many = cell["n"], cell["width"], 41, 3 * cell["n"]  # as in random_features_work.py
    arms = 2 if cell["ridge"] == "tuned" else 1
    inputs, outputs, _, tests, _ = shape_of(cell["data"])
    tests, largest = min(cell["n_test"] or tests, tests), max(widths)
    kept = [rows * largest if 8 * rows * largest <= 1e9 else 0 for rows in (n, tests)]
    drawn = ((1 if kept[0] else 2 * arms) * n + (1 if kept[1] else arms) * tests) * largest
    flops = drawn * (1.5 * inputs + 300) + n**2 * (arms * largest + 2 * n)
    flops += n * (n + tests) * (2 * inputs + 100)
    flops += sum(min(n / 3, w / 10) * n**2 + arms * 2 * (2 * n + tests) * outputs * w for w in widths)
    numbers = 3.2 * n**2 + n * tests + (3072 + 2 * inputs + 2 * outputs * len(widths)) * (n + tests) + sum(kept)
    if cell["ridge"] == "tuned":
        flops += len(widths) * n**2 * (8 * n + 6 * outputs * penalties)
        numbers += 2 * n**2 + 3 * n * outputs * penalties
    if cell["why"] == "all":
        ideal = max((w for w in widths if w < many), default=0)
        flops += sum((10 * min(w, n) + 4 * tests) * min(w, n) ** 2 for w in widths)
        flops += 2 * largest * n * (n + tests) + 4 * many * ideal**2
        flops += 6 * many**3 + ideal * many * (1.5 * inputs + 300)
        numbers += max(7 * many**2, 3 * many * ideal, 6 * n * (n + tests) + 4 * n**2)
    return computed(flops, numbers, speed=0.4)


STUDY = study(
    name="random-features", title="Double descent with random features", profile_history=(FRESH,),
    work_history=("the size of the population is stored; no other number changed.",),
    question="Does the test loss of least squares on random features peak at N = n and fall again beyond it?", x="width",
    sources=("belkin2019", "curth2023", "schaeffer2023", "simon2023"), stack_limit=1, axes=AXES, profiles=PROFILES,
    claims=CLAIMS, charts=CHARTS, work=later("overparam.studies.random_features_work:solve"), estimate=estimate,
    fit=FitRule("train_loss_ratio", FITTED, "width", "train loss at most 1e-6 of its initial value"),
    values=("width", "ratio", "train_loss", "train_loss_ratio", "test_loss", "train_error", "test_error", "norm", "rank",
            "limit_test_loss", "kernel_test_loss", "kernel_test_error", "kernel_rank", "initial_loss", "condition",
            "scale", "n_test", "ridge_test_loss", "ridge_test_error", "ridge_norm", "ridge_lambda", "cut_test_loss",
            "ideal_test_loss", "leading_test_loss", "train_parameters", "test_parameters", "below_test_loss",
            "beyond_test_loss", "theory_test_loss", "theory_ridge_test_loss", "white_test_loss", "population"),
    differences=(
        "The paper uses N complex exponentials; these are N real cosines with a random phase, so N counts real "
        "coefficients a class.",
        "The quick and laptop profiles use 500 and 1,000 training samples where the paper uses 10,000, and the digits of "
        "scikit-learn (8 x 8 pixels) beside MNIST.",
        "The laptop profile measures the test loss on at most 2,000 test samples, drawn with the seed. By default the Fourier "
        "scale is 2 over the samples' median distance; the paper profile uses 0.2.",
        "The paper shows one run a width; here each seed draws its own training samples and features, nested over widths.",
        "Targets are one-hot and not centred, and features carry no factor in N, as in the paper. "
        "The widths go to 20 n, in the paper profile to 6 n as published, less than most claims ask for. Label noise, when "
        "asked for, is inclusive: the new label may be the old one.",
        "A training loss below 1e-9 of its initial value is rounding and stored as that. Tuned ridge and the ridgeless kernel "
        "solution are added here as references.",
        "Schaeffer et al. vary the number of samples of a linear regression and use absolute cut-offs of the singular "
        "values; here the number of features varies, and the cut is half the median singular value of each width.",
        "Schaeffer et al. also replace the test targets in the ablation of residuals; here the test labels stay. The ideal "
        "fit is taken on at most 3 n samples that stand for the population (training, test and other samples); the digits "
        "have 1.8 n in the laptop profile, so what assumes a population is not judged there.",
        "Projecting the test features and cutting singular values differ in what they keep: n/2, or what is not small.",
        "The theory curve takes the spectrum of the limit kernel from the same 3 n samples, fewer than its authors would "
        "ask for; the training samples are taken out of the prediction. It is drawn for clean labels only.",
        "Curth et al. count along two complexity axes, features and principal components left out; here the effective "
        "number of parameters is read along the number of features alone, with their formula as recalled."))  # fmt: skip
