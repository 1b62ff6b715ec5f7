"""Publications by key: what is read, how it is told, and what is refused."""

from __future__ import annotations

import re

import pytest

from overparam.core.errors import UsageError
from overparam.core.sources import bibtex, citation, cited, entries, parse, source


@pytest.mark.parametrize("key", sorted(entries()))
def test_every_entry_is_whole(key):
    entry, told = entries()[key], source(key)
    assert re.fullmatch(r"(1[89]|20)\d\d", entry.fields["year"])
    assert entry.fields["year"] in told.citation
    assert re.fullmatch(r"[^{}\\]+\.", told.citation)
    assert told.url == "" or told.url.startswith("https://")
    assert told.key == key
    assert list(parse(told.bibtex)) == [key]
    assert not re.search(r"venue|remark|presenter", told.bibtex)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("belkin2019", "M. Belkin, D. Hsu, S. Ma and S. Mandal, Reconciling modern machine-learning practice and the "
         "classical bias-variance trade-off, PNAS 116(32):15849-15854, 2019."),
        ("chizat2019", "L. Chizat, E. Oyallon and F. Bach, On lazy training in differentiable programming, "
         "NeurIPS 2019."),
        ("tropp2012", "J. A. Tropp, User-friendly tail bounds for sums of random matrices, Foundations of Computational "
         "Mathematics 12:389-434, 2012 (the constant of the width)."),
        ("liang2018", "Y. Liang, talk on Y. Li and Y. Liang, Learning overparameterized neural networks via stochastic "
         "gradient descent on structured data, NeurIPS 2018 (random labels: training stays easy)."),
        ("soltanolkotabi2019", "M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk "
         "with S. Oymak and M. Li, Mathematics of Imaging Workshop 3, Institut Henri Poincaré, Paris, 4 April 2019."),
        ("schaeffer2023", "R. Schaeffer et al., Double descent demystified: identifying, interpreting and ablating the "
         "sources of a deep learning puzzle, 2023."),
        ("greydanus2024", "S. Greydanus and D. Kobak, Scaling down deep learning with MNIST-1D, ICML 2024 (the data "
         "and the small setting)."),
    ],
)  # fmt: skip
def test_citations(key, text):
    assert source(key).citation == text


def test_links():
    assert source("belkin2019").url == "https://doi.org/10.1073/pnas.1903070116"
    assert source("nakkiran2020").url == "https://arxiv.org/abs/1912.02292"
    assert source("he2021").url == ""


def test_an_unknown_key_names_near_ones():
    with pytest.raises(UsageError, match="unknown source 'belkin2018'. Did you mean 'belkin2019'"):
        source("belkin2018")
    assert [s.key for s in cited("du2019", "arora2019")] == ["du2019", "arora2019"]


def test_a_small_entry():
    (entry,) = parse(
        "% a remark\n@Article{k1,\n author={Mar\\v{c}enko, V. and de la Cruz, Ana},title={A {B}\n   c},"
        " journal={J}, volume={2}, year={1999}}\n"
    ).values()
    assert (entry.kind, entry.key, entry.fields["title"]) == ("article", "k1", "A {B} c")
    assert citation(entry) == "V. Marčenko and A. de la Cruz, A B c, J 2, 1999."
    assert bibtex(entry).splitlines()[0] == "@article{k1,"


GOOD = "author = {A}, title = {T}, year = {2000}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("words", "line 1: expected an entry such as"),
        (f"@misc{{a, {GOOD}}}\n\nmore", "line 3: expected an entry such as"),
        (f"@misc{{a, {GOOD}}} @misc{{a, {GOOD}}}", "expected one entry 'a'"),
        ("@misc{a, title = {T}, year = {2000}}", r"in 'a' \(author missing\)"),
        (f"@misc{{a, {GOOD}, year = {{2001}}}}", "expected field 'year' once"),
        ("@misc{a, title = {T {x}", "expected a closing brace"),
        ('@misc{a, title = "T"}', "expected a field such as"),
        ("@misc{a, title = {T} year = {2}}", "expected a comma"),
        (f"@misc{{a, {GOOD}", "expected a comma or the end of the entry, got 'the end'"),
    ],
)
def test_what_is_no_bibtex_is_refused(text, expected):
    with pytest.raises(UsageError, match=expected):
        parse(text)
