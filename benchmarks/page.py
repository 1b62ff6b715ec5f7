"""Stored benchmark results as one page that asks the network for nothing, and as a Markdown table.

python benchmarks/page.py          draws benchmarks/results/index.html and the table of benchmarks/README.md
"""

import json
import re
from pathlib import Path

import common

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
ORDER = (
    "stacked",
    "random_features",
    "convolution",
    "overheads",
    "trainer_overhead",
    "masks",
    "teachers",
    "paths",
    "stack_or_map",
    "pruning",
    "store_listing",
    "theory_curves",
    "certificates",
    "analytic_kernels",
    "own_kernel",
    "own_products",
    "own_curvature",
    "own_diagnose",
)


def stored(folder):
    """Result files of a folder, in the order of the page; what is no benchmark of speed, such as error rates, is left out."""
    every = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
    place = {name: i for i, name in enumerate(ORDER)}
    drawn = [one for one in every if "benchmark" in one]  # what has no goals, such as error rates, is not drawn
    return sorted(drawn, key=lambda r: place.get(r["benchmark"], len(ORDER)))


def picture(bar):
    """Horizontal bars with ranges, as SVG in the page's own colours (so that light and dark need no new drawing)."""
    import altair
    import vl_convert
    from markupsafe import Markup

    from overparam.report.theme import config

    rows = [{**value, "text": common.number(value["median"])} for value in bar["values"]]
    base = altair.Chart({"values": rows}).encode(
        y=altair.Y(
            "label:N", sort=None, title=None, axis=altair.Axis(labelLimit=300, domain=False, ticks=False)
        )
    )
    hue = altair.condition(altair.datum.mine, altair.value("var(--hue0)"), altair.value("var(--hue6)"))
    x = altair.X(
        "median:Q", title=None, axis=altair.Axis(grid=False, tickCount=5), scale=altair.Scale(zero=True)
    )
    bars = base.mark_bar(size=13, cornerRadiusEnd=2).encode(x=x, color=hue)
    ranges = base.mark_rule(strokeWidth=1.5, color="var(--ink)").encode(x="low:Q", x2="high:Q")
    ends = base.mark_text(align="left", dx=7, color="var(--ink)").encode(x="high:Q", text="text:N")
    made = (bars + ranges + ends).properties(width=430, height={"step": 24}).to_dict()
    settings = {**config(screen=True), "axisY": {"grid": False}}
    svg = vl_convert.vegalite_to_svg({**made, "config": settings})
    label = "; ".join(f"{v['label']}: {common.number(v['median'])} {bar['unit']}" for v in bar["values"])
    label = re.sub(r'[<>&"]', " ", label)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def bound(line):
    """A goal in words."""
    return " and ".join(
        f"{words} {common.number(line[name])}"
        for name, words in (("at_least", "at least"), ("at_most", "at most"))
        if line[name] is not None
    )


def machine(environment):
    """The machine in one line."""
    load = environment["load_average"]
    return (
        f"{environment['processor']}, {environment['cores']} cores, {environment['memory_gb']:g} GB, "
        f"{environment['platform']}; load average {load[0]:g} before, {environment['load_average_after'][0]:g} after"
    )


def software(environment):
    """Versions in one line."""
    names = {"Python": environment["python"], **environment["versions"]}
    peers = ", ".join(f"{name} {version}" for name, version in environment["peers"].items())
    commit = (
        f" (commit {environment['commit']}{', modified' if environment['dirty'] else ''})"
        if environment["commit"]
        else ""
    )
    mine = ", ".join(f"{name} {version}" for name, version in names.items())
    return f"overparam {environment['overparam']}{commit}, {mine}" + (f"; peers: {peers}" if peers else "")


def when(environment):
    """The date and time of a measurement."""
    return environment["started"].replace("T", " ").replace("Z", " UTC")


def render(results):
    """The page of some results."""
    import jinja2

    from overparam import report
    from overparam.report.theme import DARK, LIGHT

    folders = [Path(__file__).parent, Path(report.__file__).parent / "templates"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(
        number=common.number, bound=bound, picture=picture, machine=machine, software=software, when=when
    )
    return environment.get_template("page.html").render(
        results=results, hues={"light": LIGHT, "dark": DARK}, quick=any(r["quick"] for r in results)
    )


def table(results):
    """The goals and measurements of some results in Markdown."""
    lines = ["| benchmark | what | median (lowest to highest, n) | goal |", "|---|---|---|---|"]
    for r in results:
        name = f"`{r['benchmark']}.py`" + (" (quick: no measurement)" if r["quick"] else "")
        for g in r["goals"]:
            verdict = "" if g["met"] is None else f"{bound(g)}: {'met' if g['met'] else '**missed**'}"
            lines.append(
                f"| {name} | {g['text'].replace('|', '/')} | {common.shown(g, g['unit'])} | {verdict} |"
            )
            name = ""
    lines.append("")
    for r in results:
        lines.append(f"`{r['benchmark']}.py`: {when(r['environment'])}; {machine(r['environment'])}; "
                     f"{software(r['environment'])}.\n")  # fmt: skip
        lines += [f"- {note}" for note in r["notes"]]
        lines += [""] if r["notes"] else []
    return "\n".join(lines).strip()


def between(text, content):
    """Put content between the two marks of a text.

    >>> between(f"a\\n{BEGIN}\\nold\\n{END}\\nb\\n", "new") == f"a\\n{BEGIN}\\nnew\\n{END}\\nb\\n"
    True
    """
    head, rest = text.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{content}\n{END}{rest.split(END, 1)[1]}"


def draw(folder, readme=None):
    """Write the page of a folder's results, and their table into a README."""
    results = stored(folder)
    (Path(folder) / "index.html").write_text(render(results), encoding="utf-8")
    if readme:
        readme = Path(readme)
        readme.write_text(between(readme.read_text(encoding="utf-8"), table(results)), encoding="utf-8")


if __name__ == "__main__":
    draw(common.RESULTS, common.HERE / "README.md")
