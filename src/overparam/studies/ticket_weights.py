"""How far the weights of winning tickets move (Frankle and Carbin 2019), beside how far units move in theory (Du et al. 2019).

The criterion itself keeps large weights, so a ticket is laid over a run that starts at the same weights and sees other
minibatches. The area under the curve is the share of pairs, one weight kept and one pruned, in which the kept one moved more.
"""

from __future__ import annotations

from overparam.core import (BATCH, DATA, N, RATE, SEED, STEPS, WIDTHS, Axis, Claim, Control, Estimate, Params, World, arm,
    charts, grid, later, line, on_average, planned, power_law, profiles, study)  # fmt: skip

DENSITIES = (0.4, 0.2, 0.1, 0.05)
WIDE = (64, 128, 256, 512, 1024)

AXES = (
    DATA.but(help="Data set of the tickets; units are followed on digits."),
    N.but(default=1200),
    Axis("network", "lenet: two hidden layers of w and w/3 units, drawn as Keras draws them (glorot_normal); residual: two of "
         "w with a shortcut around the second, drawn as PyTorch draws them.", str, "lenet", choices=("lenet", "residual")),
    Axis("units", "Units w of the first hidden layer of the tickets' network.", int, 300, low=3),
    Axis("density", "Shares of the weights that are kept, falling, all in one cell.", float, DENSITIES, low=1e-5, high=0.99,
         inside_cell=True, flag="densities"),
    Axis("output", "The density of the output layer is that of the others to this power.", float, 0.472, low=0.01, high=1.0),
    STEPS.but(default=600, help="Steps of every training of a ticket."), BATCH.but(default=60),
    RATE.but(default=1.2e-3, help="Learning rate of Adam, constant."),
    WIDTHS.but(default=WIDE, help="Hidden units of the two-layer networks whose units are followed, all in one cell."),
    Axis("samples", "Samples that those learn, with labels +1 and -1.", int, 60, low=4, high=500),
    Axis("descent", "Their steps of full-batch gradient descent.", int, 400, low=8),
    SEED.but(help="Draws the weights, both orders of the minibatches, and the samples of the two-layer networks."))  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "density": DENSITIES, "width": WIDE},
    quick=("1,200 digits, 64-300-100-10, 6 seeds: under a minute on two cores", {"seed": planned(6)}),
    laptop=("10,000 of MNIST, 784-300-100-10 (LeNet), 8 seeds: under ten minutes on two cores",
            {"data": "mnist", "n": 10_000, "steps": 1000, "seed": planned(8)}),
    mnist1d=("MNIST-1D, a residual perceptron of 100 units at a rate of 0.002, 8 seeds: minutes",
             {"data": "mnist1d", "n": 4000, "network": "residual", "units": 100, "output": 1.0, "batch": 100, "steps": 1500,
              "learning_rate": 0.002, "seed": planned(8)}),
    paper=("LeNet as published: 55,000 of MNIST, 50,380 steps, rounds of a fifth to 5 %, 5 seeds: hours on two cores",
           {"data": "mnist", "n": 55_000, "steps": 50_380, "density": tuple(round(0.8**k, 5) for k in range(1, 14)),
            "width": (*WIDE, 2048, 4096), "descent": 4000, "seed": planned(5)}))  # fmt: skip

# what is measured: lines over the density, and over the width of two-layer networks
density = grid("density")
other = line("other_auc", "area of a run with other minibatches")
null, own = line("null_auc", "that of another seed's mask"), line("own_auc", "area of the run that was pruned")
moved = line("moved", "largest movement of a unit relative to its start")
PLACE = density.nearest(0.05)
LAID = arm("tickets laid over a run with other minibatches")
UNITS = arm("two-layer networks near their kernel", x="width")
L59 = ("L59",)

TICKETS = World(("density", DENSITIES), lines={"other_auc": [0.66, 0.68, 0.70, 0.72], "null_auc": [0.53, 0.54, 0.55, 0.55],
                "shuffled_auc": [0.53, 0.54, 0.55, 0.55], "own_auc": [0.75, 0.78, 0.8, 0.83]},
                spread=dict.fromkeys(("other_auc", "null_auc", "shuffled_auc", "own_auc"), 0.012), level=0.005, seeds=8,
                straight=("other_auc", "null_auc", "shuffled_auc", "own_auc"))  # fmt: skip
WORLD = World(("width", WIDE), lines={"moved": power_law(-0.45), "mean_field_moved": power_law(0.0), "fitted": [0.01] * 5},
              spread={"moved": 0.15, "mean_field_moved": 0.1}, level=0.05, seeds=8)  # fmt: skip

CLAIMS = (
    Claim("tickets-move", "Weights of winning tickets move more than the others, also in a run that did not choose them.",
          L59, "frankle2019", other.at(PLACE).at_least(0.6).contradicted(below=0.5)
          & (other.at(PLACE) - null.at(PLACE)).at_least(0.0), LAID,
          Control("The tickets' masks with every input's outgoing weights shuffled.",
                  LAID.but("shuffled masks", metrics={"other_auc": "shuffled_auc"})), form="direction", chart="area",
          null=(TICKETS.but(other_auc=[0.6] * 4), TICKETS.but(other_auc=[0.65] * 4, null_auc=[0.65] * 4)), effect=TICKETS,
          limit=(TICKETS.but(other_auc=[0.5] * 4),), against=TICKETS.but(other_auc=[0.42] * 4), scope=(
              "Frankle and Carbin compare kept and pruned weights of LeNet in the run that was pruned, where the criterion "
              "selects large final weights and so large movements.",
              "Here the run has the same initial weights and independent minibatches, and inputs that never change are left "
              "out. 0.6 is ours; 0.5 is no difference.")),
    Claim("own-run", "Is the area larger in the run that was pruned, where the criterion saw the movement itself?",
          L59, "frankle2019", (own.at(PLACE) - other.at(PLACE)).at_least(0.0), arm("both runs"), kind="question",
          chart="area", null=(TICKETS.but(own_auc=[0.66, 0.68, 0.70, 0.72]),), effect=TICKETS),
    Claim("near-start", "No unit of a wide two-layer network moves far: at most the order of 1/sqrt(width), relative "
          "to its start.", L59, "du2019", moved.slope().at_most(-0.3).contradicted(above=0.0), UNITS,
          Control("Mean-field scaling (1/width, step times width): units move at every width.",
                  UNITS.but("mean-field scaling", metrics={"moved": "mean_field_moved"})),
          (on_average("fitted", line("fitted", "training loss over that at the start").last, at_most=0.5),),
          form="bound", chart="units", null=(WORLD.but(moved=power_law(-0.3)),), effect=WORLD,
          limit=(WORLD.but(moved=power_law(0.0)),), against=WORLD.but(moved=power_law(0.2)), scope=(
              "Du et al. bound the distance of every unit from its start by a constant over sqrt(width), for ReLU networks "
              "with the hidden layer trained, far wider than here; the constant is not sharp.",
              "Here 64 to 1,024 units. A fall of any rate agrees; -0.3 is ours.")))  # fmt: skip

AREA = "area under the curve"
CHARTS = charts(
    {"density": "density: share of weights kept"},
    area=("How well movement tells kept weights from pruned ones", AREA,
          {"own_auc": "the run that was pruned", "other_auc": "other minibatches", "null_auc": "another seed's mask",
           "shuffled_auc": "shuffled mask"}, "First layer; 0.5 is no difference."),
    units=("The largest movement of a unit", "log movement over the length at the start",
           {"moved": "near the kernel", "mean_field_moved": "mean-field scaling"}, {"x": {"width": "hidden units"}}),
    fitted=("How far they are trained", "log training loss over that at the start", {"fitted": "near the kernel"},
            {"x": {"width": "hidden units"}}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Two chains of tickets and one run more; then two two-layer networks of every width."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    inputs, w = shape_of(str(cell["data"])).features, cell["units"]
    second = w if cell["network"] == "residual" else max(1, round(w / 3))
    one = cost(cell, dense(inputs, w, second, 10), chains=2 * len(cell["density"]) + 3, probes=2)
    flops = 2 * cell["descent"] * cell["samples"] * sum(cell["width"]) * 64 * 6
    return Estimate(one.seconds + flops / 2e10 + 1.0 * len(cell["width"]) / 4, one.bytes)


STUDY = study(
    name="ticket-weights", title="Do the weights of tickets move more?",
    question="Do weights of winning tickets move more than the rest, and how does that go with units that stay near their "
    "start?", x="density", sources=("frankle2019", "du2019"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=later("overparam.studies.ticket_weights_work:run"), estimate=estimate, stack_limit=1, first_rows=True,
    values=("density", "other_auc", "null_auc", "shuffled_auc", "own_auc", "width", "moved", "mean_field_moved", "fitted"),
    differences=(
        "Frankle and Carbin show histograms of the distance moved; here it is the area under the curve of the first layer.",
        "Tickets come from rounds that halve the weights, with short training; see lottery-tickets.",
        "The null is the ticket of another seed, found in the same way: it knows which inputs matter, so that it may lie above "
        "0.5.",
        "At a high learning rate (0.02 on MNIST-1D) pilots saw an area of 0.54, not 0.7: minibatches then decide what moves.",
        "Du et al. speak of gradient flow and gradient descent on two-layer networks with the output layer fixed; tickets are "
        "found in networks of three layers by Adam. The two statements are about different networks.",
        "Two-layer networks start from random outputs, as in the theorem, and learn 60 digits, 5 to 9 against 0 to 4, "
        "centred and of norm 1."))  # fmt: skip
