import importlib.metadata

project = "overparam"
author = "The overparam authors"
release = importlib.metadata.version("overparam")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
html_theme = "furo"
html_title = "overparam"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
suppress_warnings = ["ref.python", "myst.xref_missing"]
napoleon_use_ivar = True
