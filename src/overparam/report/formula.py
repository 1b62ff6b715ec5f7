r"""Formulas set as MathML, which every browser draws without a font or a script: from words with ``$...$`` in them."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from overparam.core.errors import UsageError
from overparam.core.formulas import EMPTY, Node, parse, split
from overparam.core.words import superscript

_ACCENTS = {"bar": "¯", "hat": "^", "tilde": "~"}
_EXPONENT = re.compile(r"(?<![\w.])(\d(?:\.\d+)?)e([+-]?\d{1,3})(?![\w.]*\w)")
_LIMITS = ("max", "min", "sup", "inf", "lim")


def marked_up(text: Any) -> Any:
    r"""Return words as HTML, in which the parts between dollars are set as formulas; everything else is shown as text.

    A part that is no known formula stays as it is.

    >>> str(marked_up("a < b, $m^2$"))
    'a &lt; b, <math><msup><mi>m</mi><mn>2</mn></msup></math>'
    """
    from markupsafe import Markup

    return Markup("".join(_set(part) if formula else _shown(part) for formula, part in split(str(text))))


def _shown(text: str) -> str:
    """Return words as HTML, with powers of ten as such where a number has an exponent.

    >>> _shown("below 1e-09 & 2.5e3")
    'below 10⁻⁹ &amp; 2.5 × 10³'
    """
    return _EXPONENT.sub(_power, escape(text))


def _power(found: re.Match[str]) -> str:
    mantissa = "" if found[1] == "1" else f"{found[1]} × "
    return f"{mantissa}10{superscript(int(found[2]))}"


def _set(formula: str) -> str:
    try:
        tree = parse(formula)
    except UsageError:
        return escape(f"${formula}$")
    return f"<math>{_mathml(tree)}</math>"


def _mathml(node: Node) -> str:
    """Return a tree as presentation MathML."""
    inner = [_mathml(part) for part in node.parts]
    if node.kind == "number":
        return f"<mn>{escape(node.text)}</mn>"
    if node.kind == "letter":
        return f"<mi>{escape(node.text)}</mi>"
    if node.kind == "function":
        return f"<mi>{node.text}</mi><mspace width='.17em'/>"
    if node.kind == "sign":
        fixed = " stretchy='false'" if node.text in "|‖()[]/" else ""
        return f"<mo{fixed}>{escape(node.text)}</mo>"
    if node.kind == "text":
        return f"<mtext>{escape(node.text)}</mtext>"
    if node.kind == "row":
        return f"<mrow>{''.join(inner)}</mrow>"
    if node.kind == "frac":
        return f"<mfrac>{inner[0]}{inner[1]}</mfrac>"
    if node.kind == "sqrt":
        return f"<msqrt>{inner[0]}</msqrt>"
    if node.kind == "accent":
        return f"<mover accent='true'>{inner[0]}<mo stretchy='false'>{_ACCENTS[node.text]}</mo></mover>"
    return _scripts(node, inner)


def _scripts(node: Node, inner: list[str]) -> str:
    base, below, above = node.parts
    first = f"<mi>{base.text}</mi>" if base.kind == "function" else inner[0]
    under = base.kind == "function" and base.text in _LIMITS
    names = ("munder", "mover", "munderover") if under else ("msub", "msup", "msubsup")
    if above == EMPTY:
        made = f"<{names[0]}>{first}{inner[1]}</{names[0]}>"
    elif below == EMPTY:
        made = f"<{names[1]}>{first}{inner[2]}</{names[1]}>"
    else:
        made = f"<{names[2]}>{first}{inner[1]}{inner[2]}</{names[2]}>"
    return made + ("<mspace width='.17em'/>" if base.kind == "function" else "")
