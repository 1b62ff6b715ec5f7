"""What is seen: one self-contained page a run, drawn from its stored record alone.

Nothing here computes: curves, intervals and verdicts are read from the record, so a page can be made again on
any machine, without JAX, numpy or scipy.
"""

from overparam.report.charts import save
from overparam.report.page import render, summary_html, write

__all__ = ["render", "save", "summary_html", "write"]
