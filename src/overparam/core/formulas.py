r"""Formulas inside words, written between dollars in a small part of LaTeX, and as plain text for a terminal.

``"the factor $\max_j |1 - \eta s_j^2|$ a step"``: a page sets the part between the dollars as a formula
(:mod:`overparam.report.formula`), a terminal writes it in letters. Standard library only.

Known are letters, numbers, ``+ - = < > , . ; : ! / ( ) [ ] |``, ``^`` and ``_``, ``{ }``, ``\frac{a}{b}``,
``\sqrt{a}``, ``\bar{a}``, ``\hat{a}``, ``\tilde{a}``, ``\text{words}``, the names of functions and the signs below.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from overparam.core.errors import UsageError
from overparam.core.words import MINUS

_GREEK = (
    "alpha α beta β gamma γ delta δ epsilon ε zeta ζ eta η theta θ kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ sigma σ "
    "tau τ phi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω"
)
GREEK = dict(zip(_GREEK.split()[::2], _GREEK.split()[1::2], strict=True))
SIGNS = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "approx": "≈", "sim": "~", "to": "→", "times": "×",
    "cdot": "·", "pm": "±", "infty": "∞", "in": "∈", "ll": "≪", "gg": "≫", "propto": "∝", "top": "⊤", "dots": "…",
    "lVert": "‖", "rVert": "‖", "lvert": "|", "rvert": "|", "ell": "ℓ", "sum": "∑", "prod": "∏", "partial": "∂",
    "nabla": "∇", "circ": "∘", "ast": "∗", "dagger": "†", "mid": "|", "equiv": "≡",
}  # fmt: skip
FUNCTIONS = ("max", "min", "log", "exp", "sin", "cos", "erf", "sup", "inf", "lim", "rank", "tr", "sign", "diag")
ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
_SPACES = (",", ";", " ", "quad", "!")
_TOKEN = re.compile(r"\\([A-Za-z]+|.)|([0-9]+(?:\.[0-9]+)?)|([A-Za-z])|(\s+)|(.)", re.S)
_MARKED = re.compile(r"(?<!\\)\$([^$\n]+)\$")
_RAISED = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


@dataclass(frozen=True)
class Node:
    """A part of a formula.

    Attributes:
        kind: ``letter``, ``number``, ``sign``, ``function``, ``text``, ``row``, ``frac``, ``sqrt``, ``script`` or
            ``accent``.
        text: what is written, or the mark of an accent.
        parts: the parts inside: of a fraction its two, of a script its base, what is below and what is above.
    """

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()


EMPTY = Node("row")


def split(text: str) -> list[tuple[bool, str]]:
    r"""Part a text into words and formulas, in order; a formula is marked True.

    >>> split(r"at $m^{-1}$, not at 5 $")
    [(False, 'at '), (True, 'm^{-1}'), (False, ', not at 5 $')]
    """
    parts = [(i % 2 == 1, part) for i, part in enumerate(_MARKED.split(text))]
    return [(is_formula, part) for is_formula, part in parts if part]


def as_text(text: str) -> str:
    r"""Return words with their formulas in letters.

    >>> as_text(r"at least by $\max_j |1 - \eta s_j^2|$ a step")
    'at least by max_j |1 − η s_j²| a step'
    >>> as_text(r"$\frac{n}{d+1}$ and $\sqrt{kn}$ and $m^{-1/2}$")
    'n/(d + 1) and √(k n) and m^(−1/2)'
    """
    if "$" not in text:
        return text
    return "".join(_in_letters(part) if is_formula else part for is_formula, part in split(text))


def _in_letters(formula: str) -> str:
    try:
        return written(parse(formula))
    except UsageError:
        return f"${formula}$"


def parse(formula: str) -> Node:
    """Return a formula as a tree.

    Raises:
        UsageError: something unknown in it, or a bracket that is not closed.
    """
    tokens = [(match.lastindex or 0, match.group(match.lastindex or 0)) for match in _TOKEN.finditer(formula)]
    reader = _Reader(formula, [token for token in tokens if token[0] != 4])
    found = reader.row("")
    if reader.tokens:
        raise reader.fault(f"'{reader.tokens[0][1]}' without its beginning")
    return found


class _Reader:
    """Reads the tokens of a formula from the left."""

    def __init__(self, formula: str, tokens: list[tuple[int, str]]) -> None:
        self.formula, self.tokens = formula, tokens

    def fault(self, what: str) -> UsageError:
        return UsageError(f"formula '{self.formula}': {what}. See overparam.core.formulas for what is known.")

    def row(self, end: str) -> Node:
        parts: list[Node] = []
        while self.tokens and self.tokens[0] != (5, "}"):
            parts.append(self.scripted())
        if end:
            if not self.tokens:
                raise self.fault("expected a closing }")
            self.tokens.pop(0)
        return parts[0] if len(parts) == 1 else Node("row", "", tuple(parts))

    def scripted(self) -> Node:
        base, below, above = self.one(), EMPTY, EMPTY
        while self.tokens and self.tokens[0] in ((5, "^"), (5, "_")):
            _, mark = self.tokens.pop(0)
            if mark == "^":
                above = self.one()
            else:
                below = self.one()
        return base if below == above == EMPTY else Node("script", "", (base, below, above))

    def one(self) -> Node:
        if not self.tokens:
            raise self.fault("ends too early")
        kind, text = self.tokens.pop(0)
        if kind == 1:
            return self.command(text)
        if kind == 2:
            return Node("number", text)
        if kind == 3:
            return Node("letter", text)
        if text == "{":
            return self.row("}")
        if text in "^_}&#%$~\\":
            raise self.fault(f"'{text}' where a letter, a number or a sign is expected")
        return Node("sign", MINUS if text == "-" else text)

    def command(self, name: str) -> Node:
        if name in _SPACES:
            return EMPTY
        if name in GREEK:
            return Node("letter", GREEK[name])
        if name in SIGNS:
            return Node("sign", SIGNS[name])
        if name in FUNCTIONS:
            return Node("function", name)
        if name == "frac":
            return Node("frac", "", (self.one(), self.one()))
        if name == "sqrt":
            return Node("sqrt", "", (self.one(),))
        if name in ACCENTS:
            return Node("accent", name, (self.one(),))
        if name == "text":
            return Node("text", self.words())
        if name in "{}|%$_":
            return Node("sign", "‖" if name == "|" else name)
        raise self.fault(f"unknown \\{name}")

    def words(self) -> str:
        found = re.search(r"\\text\{([^{}]*)\}", self.formula)
        inner = self.one()
        return found.group(1) if found else written(inner).replace(" ", "")


def written(node: Node) -> str:
    """Return a tree in letters, on one line."""
    if node.kind == "row":
        return _joined(node.parts)
    if node.kind == "frac":
        return "/".join(_closed(part) for part in node.parts)
    if node.kind == "sqrt":
        return f"√({written(node.parts[0])})" if node.parts[0].kind == "row" else f"√{written(node.parts[0])}"
    if node.kind == "accent":
        return unicodedata.normalize("NFC", written(node.parts[0]) + ACCENTS[node.text])
    if node.kind == "script":
        base, below, above = node.parts
        return _closed(base) + _script("_", below, _LOWERED) + _script("^", above, _RAISED)
    return node.text


def _joined(parts: tuple[Node, ...]) -> str:
    text = ""
    for i, part in enumerate(parts):
        piece = written(part)
        if part.kind == "sign" and part.text in f"+{MINUS}=<>≤≥≠≈~→×·±∈≪≫∝≡":
            alone = i == 0 or (parts[i - 1].kind == "sign" and parts[i - 1].text in "([=,≤≥≈")
            first = alone and part.text in f"+{MINUS}±~≈≤≥"
            text = f"{text}{piece}" if first else f"{text.rstrip()} {piece} "
        elif part.kind == "sign":
            text = f"{text}{piece}" + (" " if part.text in ",;:" else "")
        else:
            number = i > 0 and parts[i - 1].kind == "number" and part.kind != "text"
            before = not number and (text[-1:].isalnum() or text[-1:] == ")")
            apart = before and i > 0 and (piece[:1].isalpha() or piece[:1] == "√")
            named = i > 0 and _root(parts[i - 1]).kind == "function"
            text += (" " if apart or (named and text[-1:] != " ") else "") + piece
        if _root(part).kind == "function" and i + 1 < len(parts) and parts[i + 1].text not in ("(", ","):
            text = text.rstrip() + " "
    return text.strip()


def _root(node: Node) -> Node:
    return _root(node.parts[0]) if node.kind == "script" else node


def _closed(node: Node) -> str:
    text = written(node)
    return f"({text})" if node.kind in ("row", "frac") and len(text) > 1 else text


def _script(mark: str, node: Node, small: dict[int, int]) -> str:
    if node == EMPTY:
        return ""
    text = written(node)
    if (len(text) == 1 and ord(text) in small) or text.isdigit():
        return text.translate(small)
    if mark == "^" and re.fullmatch(rf"{MINUS}?[0-9]+", text):
        return text.translate(small)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
