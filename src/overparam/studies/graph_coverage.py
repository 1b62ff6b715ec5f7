"""GCOMB on graphs: how good, and how fast, are nodes that a trained network chooses, beside greedy choice and its rivals?

Nodes are chosen under a budget so that they cover most nodes (coverage), most edges (vertex-cover), or reach most others
(influence). The pipeline of Manchanda et al. (2020) is trained on a small graph and chooses on a larger one.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Claim, Control, Estimate, Hero, Params, UsageError, World, arm, charts, computed, each_cell,
    holding, later, line, on_average, planned, power_law, profiles, study, worst)  # fmt: skip
from overparam.core.axes import ascends

PROBLEMS = ("coverage", "vertex-cover", "influence")
KINDS = ("power-law", "random-edges", "communities", "karate", "les-miserables")
DRAWN = KINDS[:3]
BUDGETS, WIDTHS = (20, 40, 80, 160), (2, 8, 32, 128)

AXES = (
    Axis("data", "Graph: by preferential attachment (power-law), with edges anywhere (random-edges), in ten communities, one of "
         "two that networkx ships, or a text file of your own with an edge a line.", str, "power-law", choices=KINDS,
         suffixes=(".edges", ".edgelist"), flag="data"),
    Axis("problem", "What is chosen for: nodes covered, edges covered, or nodes that become active.", str, "coverage",
         choices=PROBLEMS, flag="problems"),
    Axis("nodes", "Nodes of the graph that is solved; where it is drawn.", int, 8000, low=20, high=1_000_000,
         flag="nodes"),
    Axis("train_nodes", "Nodes of the graph that is trained on.", int, 500, low=40, high=20_000, flag="train-nodes"),
    Axis("budget", "Nodes that are chosen, ascending, all in one cell.", int, BUDGETS, low=1, inside_cell=True, flag="budgets"),
    Axis("width", "Units in both layers of the network, ascending, all in one cell; the widest is compared.", int, WIDTHS,
         low=1, high=4096, inside_cell=True, flag="widths"),
    Axis("chance", "Probability that an active node activates a neighbour.", float, 0.05, low=1e-4, high=0.999),
    Axis("error", "Of IMM's guarantee.", float, 0.5, low=0.05, high=0.99),
    Axis("sets", "Random sets by which every choice is judged for influence.", int, 100_000, low=100, high=4_000_000),
    Axis("steps", "Training steps of the network.", int, 300, low=1),
    Axis("s2v_steps", "Training steps of the learned baseline.", int, 300, low=1),
    Axis("seed", "Draws the graphs, the initial weights and the samples.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"problem": PROBLEMS},
    quick=("graphs of 2,000 nodes with a power law, budgets of 5 to 40, 4 seeds: under a minute on two cores",
           {"data": "power-law", "nodes": 2000, "budget": (5, 10, 20, 40), "width": (2, 32), "sets": 50_000, "seed": planned(4)}),
    laptop=("graphs of 8,000 nodes, with a power law and in communities, budgets of 20 to 160, 6 seeds",
            {"data": ("power-law", "communities"), "seed": planned(6)}),
    paper=("graphs of 200,000 nodes, budgets of 10 to 200, 6 seeds: about half an hour on one core and 2 GB. The source has real "
           "graphs of up to 65 million nodes, which are not shipped",
           {"data": "power-law", "nodes": 200_000, "train_nodes": 5000, "budget": (10, 50, 100, 200), "sets": 200_000,
            "seed": planned(6)}))  # fmt: skip

# what is measured: lines over the budget, one a seed
SECONDS, QUALITY = "processor seconds of {}", "quality of {}"
ours_s, learned_s, lazy_s, imm_s = (line(f"{name}_seconds", SECONDS.format(words)) for name, words in (
    ("gcomb", "GCOMB"), ("s2v", "S2V-DQN"), ("lazy", "lazy greedy choice"), ("imm", "IMM")))  # fmt: skip
ours, learned, by_imm, by_degree, by_near = (line(f"{name}_quality", QUALITY.format(words)) for name, words in (
    ("gcomb", "GCOMB"), ("s2v", "S2V-DQN"), ("imm", "IMM"), ("degree", "the nodes of largest degree"),
    ("local", "greedy choice on the sampled neighbourhoods")))  # fmt: skip
ours_e, learned_e = (
    line("gcomb_edges", "edges looked at by GCOMB"),
    line("s2v_edges", "edges looked at by S2V-DQN"),
)
share = line("lazy_share", "share that lazy greedy choice covers", "%", times=100)
kept = line("kept_nodes", "share of the nodes that pruning keeps", "%", times=100)
picks = line("kept_picks", "share of the nodes of lazy greedy choice that pruning keeps", "%", times=100)
wide = line("width_quality", "quality of GCOMB", "points", times=100)
faster = learned_s / ours_s

LEARNED = arm("coverage and vertex cover", only=holding("s2v_seconds"))
COVERAGE, INFLUENCE = arm("coverage", problem="coverage"), arm("influence", problem="influence")
ROOM = on_average("the budget leaves room", share.last, at_most=80.0)
LEARNT = on_average("the learned baseline learnt", learned.last, at_least=0.8)

# planted worlds
RATIO = {"s2v_seconds": power_law(1.0, 0.016), "gcomb_seconds": [0.012] * 4, "lazy_seconds": [0.004] * 4,
         "imm_seconds": [3.0] * 4}  # fmt: skip
WORTH = {"gcomb_quality": [0.99] * 4, "s2v_quality": [0.97] * 4, "imm_quality": [1.0] * 4, "degree_quality": [0.95] * 4,
         "random_quality": [0.2] * 4, "local_quality": [0.95] * 4}  # fmt: skip
REST = {"s2v_edges": power_law(1.0, 1e5), "gcomb_edges": [8e4] * 4, "lazy_share": [0.1, 0.2, 0.4, 0.6],
        "kept_nodes": [0.05] * 4, "kept_picks": [0.98] * 4}  # fmt: skip
WORLD = World(
    ("budget", BUDGETS), arms={"problem": PROBLEMS}, lines={**RATIO, **WORTH, **REST}, seeds=6,
    spread={**dict.fromkeys(RATIO, 0.05), **dict.fromkeys(WORTH, 0.002), "s2v_edges": 0.02, "gcomb_edges": 0.02,
            "lazy_share": 0.02, "kept_nodes": 0.05, "kept_picks": 0.005},
    numbers={"lazy_differs": 0, "worst_greedy": 0.9, "ris_off": 1.5})  # fmt: skip
WIDER = World(("width", WIDTHS), arms={"problem": PROBLEMS}, lines={"width_quality": [0.95, 0.96, 0.98, 0.99]},
              spread={"width_quality": 0.002}, seeds=6)  # fmt: skip

L30, SOURCE = ("L30",), "manchanda2020"
SCOPE = (
    "Manchanda et al. (the abstract, in part recalled): real graphs of thousands to tens of millions of nodes, S2V-DQN and a "
    "tree search guided by a graph network as learned baselines, IMM for influence; times of solving, without training.",
    "Here: generated graphs of thousands of nodes, both sides in numpy and scipy on one thread, S2V-DQN alone of the learned "
    "ones; processor time from the graph to the nodes, without training, at the largest budget.")  # fmt: skip
SMALLER = "The source's graphs are real and larger, and its programs are others"


def instead(words: str, of: str, name: str, on: Any) -> Any:
    """The same cells with another solver's numbers in the place of one's."""
    return on.but(words, metrics={of: name})


CLAIMS = (
    Claim("faster-learned", "GCOMB is 100 times faster than a learned solver that embeds the graph anew at every choice.", L30,
          SOURCE, (learned_s.last / ours_s.last).at_least(100.0), LEARNED,
          Control("Lazy greedy choice in the place of the learned solver.",
                  instead("lazy greedy choice for S2V-DQN", "s2v_seconds", "lazy_seconds", LEARNED)),
          (ROOM, LEARNT), chart="seconds", form="bound", outside=SMALLER, scope=SCOPE,
          null=(WORLD.but(gcomb_seconds=[0.0256] * 4),), effect=WORLD),
    Claim("better-learned", "GCOMB is marginally better in quality than that learned solver.", L30, SOURCE,
          (ours.last / learned.last).at_least(1.0), LEARNED,
          Control("Random nodes in the place of GCOMB's.",
                  instead("random nodes for GCOMB's", "gcomb_quality", "random_quality", LEARNED)),
          (ROOM, LEARNT), chart="quality", form="direction", outside=SMALLER, scope=SCOPE,
          null=(WORLD.but(gcomb_quality=[0.97] * 4),), effect=WORLD),
    Claim("faster-imm", "GCOMB is 150 times faster than IMM at influence maximization.", L30, SOURCE,
          (imm_s.last / ours_s.last).at_least(150.0), INFLUENCE,
          Control("Lazy greedy choice on ten random sets a node in the place of IMM.",
                  instead("lazy greedy choice for IMM", "imm_seconds", "lazy_seconds", INFLUENCE)),
          (ROOM,), chart="seconds", form="bound", outside=SMALLER, scope=SCOPE,
          null=(WORLD.but(imm_seconds=[1.8] * 4),), effect=WORLD),
    Claim("similar-imm", "Its influence is similar to that of IMM: at least 95 % of it.", L30, SOURCE,
          (ours.last / by_imm.last).at_least(0.95), INFLUENCE,
          Control("Random nodes in the place of GCOMB's: where they do as well, any choice is similar.",
                  instead("random nodes for GCOMB's", "gcomb_quality", "random_quality", INFLUENCE)),
          (ROOM,), chart="quality", form="equal", outside=SMALLER,
          scope=(*SCOPE, "95 % is ours: the source gives no number. Spreads in its released results rise by 1.4 % from the "
                 "smallest budget to the largest, where any choice is similar."),
          null=(WORLD.but(gcomb_quality=[0.95] * 4),), effect=WORLD),
    Claim("lazy-same", "Lazy greedy choice is plain greedy choice, on tiny graphs to the last node.", L30, "minoux1978",
          worst("lazy_differs", "choices or gains in which lazy and plain greedy differ").at_most(0.0), kind="check",
          chart="quality", null=(WORLD.but(lazy_differs=1),), effect=WORLD),
    Claim("greedy-bound", "Greedy choice covers at least 1 - 1/e of the most that can be covered, found by trying all.", L30,
          "nemhauser1978",
          worst("worst_greedy", "least share that greedy choice covers of the most").at_least(0.6321), kind="check",
          chart="quality", null=(WORLD.but(worst_greedy=0.6),), effect=WORLD),
    Claim("sets-exact", "Random reverse-reachable sets estimate the spread without bias: within 5 standard errors of the sum "
          "over all worlds of live edges.", L30, "borgs2014",
          worst("ris_off", "largest distance from the exact spread, in standard errors").at_most(5.0), kind="check",
          chart="quality", null=(WORLD.but(ris_off=6.0),), effect=WORLD),
    Claim("faster-lazy", "Is GCOMB at least as fast as lazy greedy choice, which learns nothing?", L30, SOURCE,
          (lazy_s.last / ours_s.last).at_least(1.0), LEARNED, kind="question", chart="seconds",
          null=(WORLD.but(lazy_seconds=[0.012] * 4),), effect=WORLD.but(lazy_seconds=[0.03] * 4)),
    Claim("grows", "Does the advantage in time over the learned solver grow with the budget, at least twofold from the smallest "
          "to one eight times as large?", L30, SOURCE, (faster.last / faster.first).at_least(2.0), LEARNED, kind="question",
          chart="seconds", null=(WORLD.but(s2v_seconds=[0.32, 0.4, 0.5, 0.64]),), effect=WORLD),
    Claim("edges", "Counted in edges that are looked at, is it a hundredfold too?", L30, SOURCE,
          (learned_e.last / ours_e.last).at_least(100.0), LEARNED, kind="question", chart="edges",
          null=(WORLD.but(gcomb_edges=[1.6e5] * 4),), effect=WORLD),
    Claim("near-greedy", "Is its quality at least 97 % of that of lazy greedy choice at every budget?", L30, SOURCE,
          ours.every.at_least(0.97), LEARNED, kind="question", chart="quality",
          null=(WORLD.but(gcomb_quality=[0.99, 0.99, 0.99, 0.97]),), effect=WORLD),
    Claim("beats-degree", "Does it cover at least 1 % more than the nodes of largest degree?", L30, SOURCE,
          (ours.last / by_degree.last).at_least(1.01), COVERAGE, kind="question", chart="quality",
          null=(WORLD.but(degree_quality=[0.9802] * 4),), effect=WORLD),
    Claim("score-adds", "Do the network's scores, in the Q function, add at least half a percent to greedy choice on the "
          "same sampled neighbourhoods?", L30, SOURCE,
          (ours.last / by_near.last).at_least(1.005), COVERAGE, kind="question", chart="parts",
          null=(WORLD.but(local_quality=[0.98507] * 4),), effect=WORLD),
    Claim("pruning", "Does pruning keep a tenth of the nodes or fewer, and nine tenths of what lazy greedy chooses?", L30, SOURCE,
          kept.last.at_most(10.0) & picks.last.at_least(90.0), COVERAGE, kind="question", chart="pruning",
          null=(WORLD.but(kept_nodes=[0.1] * 4), WORLD.but(kept_picks=[0.9] * 4)), effect=WORLD),
    Claim("wider", "Does a network 64 times as wide raise the quality by a point or more?", L30, SOURCE,
          (wide.last - wide.first).at_least(1.0), COVERAGE.but("coverage", x="width"), kind="question", chart="width",
          null=(WIDER.but(width_quality=[0.95, 0.95, 0.96, 0.96]),), effect=WIDER),
)  # fmt: skip

NEAR = ("gcomb_quality", "s2v_quality", "imm_quality", "degree_quality")
NAMES = {"gcomb": "GCOMB", "s2v": "S2V-DQN", "imm": "IMM", "lazy": "lazy greedy choice"}
CHARTS = charts(
    {"budget": "nodes chosen"}, ("problem", "problem"),
    quality=("Quality against the budget", "share of what lazy greedy choice reaches",
             {"gcomb_quality": "GCOMB", "s2v_quality": "S2V-DQN", "imm_quality": "IMM", "degree_quality": "largest degree",
              "random_quality": "-random nodes"},
             "What lazy greedy choice reaches is 1; for influence it chooses on ten random sets a node."),
    width=("Quality against the width of the network, at the largest budget", "share of what lazy greedy choice reaches",
           {"width_quality": "GCOMB", "width_top_quality": "largest scores alone"}, {"x": {"width": "log units"}}),
    seconds=("Time from the graph to the nodes", "log processor seconds",
             {f"{one}_seconds": words for one, words in NAMES.items()}, "One thread, one process; training is not counted."),
    edges=("Edges looked at", "log edges", {f"{one}_edges": words for one, words in NAMES.items()},
           "The same on every machine; a layer of a network looks at every edge once."),
    parts=("What the parts of GCOMB do", "share of what lazy greedy choice reaches",
           {"gcomb_quality": "all of it", "top_quality": "largest scores alone", "local_quality": "neighbourhoods alone",
            "untrained_quality": "-scores of an untrained network"}),
    covered=("How much is covered", "share of nodes, of edges, or of nodes that become active",
             {"lazy_share": "lazy greedy choice", "gcomb_share": "GCOMB", "random_share": "-random nodes"}),
    pruning=("Pruning", "share", {"kept_nodes": "nodes kept", "kept_picks": "nodes of lazy greedy choice among them"}),
    fit=("How well the network fits its scores", "log error over variance", {"width_left": "on the training graph"},
         {"x": {"width": "log units"}}),
    slower=("Time of GCOMB over that of lazy greedy choice", "log ratio", {"width_slower": "at the largest budget"},
            {"x": {"width": "log units"}}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Training of every width and of the baseline, then choices at every budget; measured on one core."""
    from overparam.data.graphs import named_graph

    ascends(cell, "budget", "budgets", "budgets")
    ascends(cell, "width", "widths", "widths")
    nodes = cell["nodes"] if cell["data"] in DRAWN else named_graph(cell["data"]).nodes
    most = max(cell["budget"])
    if most > nodes:
        raise UsageError(
            f"--budgets: expected at most the {nodes:,} nodes of the graph, got {most:,}. Take smaller ones."
        )
    seconds = 1.0 + cell["steps"] * sum(
        2e-4 + cell["train_nodes"] * (3e-8 * w + 1.2e-10 * w * w) for w in cell["width"]
    )
    if cell["problem"] == "influence":
        seconds += (
            len(cell["budget"]) * (nodes * 1.2e-4 + 0.1) + 2e-5 * cell["sets"] + 4e-4 * cell["train_nodes"]
        )
    else:
        seconds += 6e-3 * cell["s2v_steps"] + 1.4e-6 * most * nodes
    return Estimate(
        0.85 * seconds + computed(0, 0).seconds, computed(0, 30 * cell["sets"] + 1100 * nodes).bytes
    )


QUALITIES = ("gcomb", "s2v", "imm", "degree", "random", "local", "top", "untrained")
STUDY = study(
    name="graph-coverage", title="Graphs: a trained network beside greedy choice",
    question="Does a network that learnt to choose nodes do it better or faster than greedy choice and other solvers?",
    x="budget", hero=Hero("quality", fit=NEAR, toggled=("random_quality",), toggle="random nodes", together=False),
    work_history=("A list of edges of one's own is read; graphs that are drawn or shipped are as before.",),
    sources=(SOURCE, "khalil2017", "tang2015", "leskovec2007", "minoux1978", "nemhauser1978", "borgs2014", "barabasi1999"),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, estimate=estimate, stack_limit=1,
    work=each_cell(later("overparam.studies.graph_coverage_work:run")),
    values=("budget", *(f"{name}_quality" for name in QUALITIES),
            *(f"{name}_{what}" for name in NAMES for what in ("seconds", "edges")), "lazy_share", "gcomb_share", "random_share",
            "train_seconds", "width", *(f"width_{what}" for what in ("quality", "top_quality", "left", "slower")), "kept_nodes",
            "kept_picks", "lazy_differs", "worst_greedy", "ris_off"),
    differences=(
        "The source's graphs are real, with up to tens of millions of nodes; here they are generated, with thousands, or two "
        "small ones that networkx ships.",
        "Its programs are Python with TensorFlow and IMM in C++; here all are numpy and scipy. Ratios of times depend on "
        "programs: the edges that each looks at are counted beside them.",
        "Noise is pruned by the order of degrees, at the rank that choices by lot reached on the training graph (as in the "
        "paper, recalled); the network takes plain means over neighbours in two layers, trained on all good nodes at once.",
        "A choice by lot takes the most frequent of 10,000 draws, as the released code does.",
        "Q is linear, as in the released code, so that what is pooled over all nodes shifts no choice; it learns with a rate of "
        "0.01 for 40 episodes, since the released 0.0005 for 10 leaves it near its random start.",
        "S2V-DQN divides sums over neighbours by the largest degree, and looks two choices ahead at a discount of 0.8; it is "
        "trained on 20 graphs of 50 nodes, for 300 steps.",
        "For influence GCOMB sees neighbourhoods alone, as in the source, and learns from the random sets of the training graph.",
        "IMM asks for an error of 0.5, as in the source's comparison, and its sets are drawn anew for the choice (Chen 2018).",
    ))  # fmt: skip
