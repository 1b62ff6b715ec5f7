"""Which way of computing a product is the fastest for a model: a short trial on its first batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from overparam.core.errors import OverparamError, UsageError, unknown
from overparam.operators.batches import Batch

Model = Any  # of overparam.operators.model, which imports this

LONG = 0.05  # seconds of a product that is not timed again: what comes once, allocation and threads, is a small part of it
PAYS = 4.0  # times the seconds of getting ready: a way that takes them is tried for longer work alone


@dataclass(frozen=True, eq=False)
class Way:
    """One way to compute the products of a batch.

    Attributes:
        name: what a person reads.
        make: ``make(batch)``: a function from a vector to the product, summed over the examples.
        size: ``size(made)``: bytes that what ``make`` gave keeps; None where it keeps nothing.
        anew: the way that does the same and keeps what it built, whose times tell those of this one.
        several: whether what ``make`` gave takes several vectors, one a row.
        ready: seconds that the first use in a process takes, to load and compile.
        beside: times the building of the first way's graph that a product takes at least; not tried where another takes less.
    """

    name: str
    make: Callable[[Batch], Callable[[Any], Any]]
    size: Callable[[Any], float] | None = None
    anew: str | None = None
    several: bool = False
    ready: float = 0.0
    beside: float = 0.0


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a trial decided.

    Attributes:
        plain: the best way that keeps nothing.
        kept: the way that keeps a graph, where it is better still.
        again: the way that builds a graph for several vectors.
        bytes: what a graph keeps an example.
        words: the decision in words.
    """

    plain: Way
    kept: Way | None
    again: Way | None
    bytes: float
    words: str


def choose(model: Model, kind: str, vector: Any) -> tuple[Chosen, Callable[[Any], Any] | None, Any]:
    """The best way for a kind of product, by a trial on the first batch where the back end wants one, else by order.

    A way that fails is left out: attention kernels, recurrent networks and functions with a derivative of their own often
    lack second or forward derivatives.

    Args:
        model: the model.
        kind: of product.
        vector: in the back end's arrays.

    Returns:
        What was decided; what the way that is kept made of the first batch; and the product of the first batch with the vector
        by the way that was chosen, so that the trial's work is not done again.

    Raises:
        UsageError: no way works; the text says what each of them met. Or the settings name a way that is not there.
    """
    ways = model.ways(kind)
    if model.settings.way is not None:
        ways = tuple(way for way in ways if way.name == model.settings.way) or _unknown(model, kind)
    batch = next(iter(model.batches()))
    part = vector[: batch.count * int(model.rows / model.examples)] if kind == "transpose" else vector
    failed: list[str] = []
    times: dict[str, tuple[float, float]] = {}
    graphs: dict[str, Callable[[Any], Any]] = {}
    products: dict[str, Any] = {}
    sizes = 0.0
    plain: list[tuple[float, Way]] = []
    kept: list[tuple[float, Way, float]] = []
    said: list[str] = []
    for way in ways:
        if not model.timed and (plain if way.size is None else kept):
            continue
        if not model.timed and kept and kept[0][2] * model.examples <= model.settings.memory:
            break  # all batches are kept, and nothing else needs to be compiled
        best = min([one[0] for one in plain] + [one[0] for one in kept], default=None)
        work = None if best is None else best * model.settings.products * model.examples / batch.count
        if work is not None and work < PAYS * way.ready:
            said.append(f"{way.name} not tried, because getting it ready takes about {way.ready:g} s")
            continue
        least_of_it = way.beside * times[ways[0].name][0] if ways[0].name in times else 0.0
        if best is not None and best < least_of_it:
            said.append(f"{way.name} not tried, because it takes at least about{_ms(model, least_of_it)}")
            continue
        try:
            build, each, size = (*times.get(way.anew or "", (0.0, 0.0)), 0.0)
            if way.anew not in times:
                build, each, size, graphs[way.name], products[way.name] = _tried(model, way, batch, part)
        except OverparamError:
            raise
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0]
            failed.append(f"{way.name}: {type(error).__name__}: {first[:160]}")
            continue
        times[way.name] = build, each
        sizes = max(sizes, size / batch.count)
        if way.size is None:
            plain.append((each + build, way))
            said.append(f"{way.name}{_ms(model, each + build)}")
        elif size <= model.settings.memory or model.settings.way is not None:
            cost = each + build / model.settings.products
            kept.append((cost, way, size / batch.count))
            said.append(f"{way.name}{_ms(model, cost)}, {size / 1e6:.3g} MB a batch")
        else:
            said.append(
                f"{way.name} needs {size / 1e6:.3g} MB a batch, above memory={model.settings.memory:.3g}"
            )
    if not plain and not kept:
        raise UsageError(
            f"model: expected derivatives that a {kind.replace('_', '-')} product can be made of, got none that works: "
            f"{'; '.join(failed)}. Replace the operation that has no second derivative."
        )
    least = min(plain, key=lambda one: one[0]) if plain else None
    keep = min(kept, key=lambda one: one[0]) if kept else None
    if keep is not None and least is not None and model.timed and keep[0] >= least[0]:
        keep = None
    name = keep[1].name if keep is not None else least[1].name if least is not None else ""
    text = f"{name}; tried: {', '.join(said)}{'; failed: ' + '; '.join(failed) if failed else ''}"
    again = next((way for way in ways if way.size is not None and way.name in times and way.several), None)
    spare = least[1] if least is not None else keep[1] if keep is not None else ways[0]
    chosen = Chosen(spare, None if keep is None else keep[1], again, sizes, text)
    return chosen, None if keep is None else graphs.get(keep[1].name), products.get(name)


def _tried(model: Model, way: Way, batch: Batch, vector: Any) -> tuple[float, float, float, Any, Any]:
    """Seconds to build, seconds a product and bytes kept of one way on one batch; what it made, and the product."""
    on_host = getattr(getattr(model, "device", None), "type", "") == "cpu"
    clock = time.process_time if on_host else time.perf_counter  # not what else the machine does
    start = clock()
    made = way.make(batch)
    model.wait()
    build = clock() - start
    each = []
    for _ in range(2 if model.timed else 1):
        start = clock()
        found = made(vector)  # compiles, allocates, and shows what fails
        model.wait()
        each.append(clock() - start)
        if each[-1] > LONG:
            break
    return build, min(each), way.size(made) if way.size is not None else 0.0, made, found


def _ms(model: Model, seconds: float) -> str:
    return f" {1e3 * seconds:.3g} ms" if model.timed else ""


def _unknown(model: Model, kind: str) -> tuple[Way, ...]:
    raise unknown("way", str(model.settings.way), [way.name for way in model.ways(kind)])
