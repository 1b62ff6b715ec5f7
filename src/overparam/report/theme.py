"""Colours and type of the charts: a palette for colour-blind readers, and Vega configurations."""

from __future__ import annotations

from typing import Any

# Hues after Okabe and Ito (2008), darkened on white and lightened on black to at least 3:1 contrast.
LIGHT = ("#0068a8", "#c8500a", "#00795a", "#a0487f", "#8a6400", "#3d5a80", "#555555", "#7a2e2e")
DARK = ("#5db7f0", "#ff9a57", "#3ccf9f", "#eb9cc8", "#e8c04e", "#9db8dd", "#b9b9b9", "#e39a9a")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ([2, 3], [7, 3], [1, 5], [10, 3, 2, 3], [4, 2])  # thresholds of several arms
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


def config(*, screen: bool, large: bool = False) -> dict[str, Any]:
    """Return a Vega configuration.

    Args:
        screen: colours are the page's own variables, so that light, dark and print need no new drawing;
            otherwise plain dark ink on white, for a file of its own.
        large: type for a projector.

    Returns:
        A ``config`` for Vega-Lite or for ``vegaEmbed``.
    """
    ink, soft, faint = (
        ("var(--ink)", "var(--soft)", "var(--faint)") if screen else ("#16191d", "#555c66", "#e4e6e9")
    )
    size = 17 if large else 12
    return {
        "background": "transparent" if screen else "#ffffff",
        "font": FONT,
        "padding": {"left": 4, "right": 14, "top": 8, "bottom": 4} if screen else 16,
        "view": {"stroke": None},
        "axis": {
            "labelColor": soft, "titleColor": ink, "gridColor": faint, "domainColor": soft, "tickColor": soft,
            "labelFontSize": size, "titleFontSize": size + 1, "titleFontWeight": 500, "titlePadding": 10,
            "labelPadding": 5, "tickSize": 4, "gridWidth": 1,
        },
        "axisX": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 8},
        "axisY": {
            "domain": False, "ticks": False, "labelOverlap": "greedy", "tickCount": 6, "titleAngle": 0,
            "titleAlign": "left", "titleAnchor": "end", "titleBaseline": "bottom", "titleX": 0, "titleY": -10,
        },
        "legend": {
            "labelColor": ink, "titleColor": ink, "labelFontSize": size, "orient": "bottom", "columns": 2,
            "symbolStrokeWidth": 2, "symbolSize": 110, "title": None, "offset": 14, "columnPadding": 24,
            "labelLimit": 320,
        },
        "title": {
            "color": ink, "subtitleColor": soft, "anchor": "start", "fontSize": size + 4, "fontWeight": 600,
            "subtitleFontSize": size, "subtitlePadding": 6, "offset": 20,
        },
        "text": {"fontSize": size - 0.5, "color": soft},
        "rule": {"color": soft},
    }  # fmt: skip
