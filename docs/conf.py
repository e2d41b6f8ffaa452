"""How Sphinx builds these pages: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PACKAGE = _HERE.parent / "airflow_provider_cdi"
sys.path.insert(0, str(_HERE))

project = "airflow-provider-cdi"
author = "The authors of airflow-provider-cdi"
# Read, not imported: the pages can be built without Airflow.
release = version = runpy.run_path(str(_PACKAGE / "__init__.py"))["__version__"]

extensions = ["myst_parser", "module_table"]
exclude_patterns = ["_build"]
nitpicky = True

# Headings can be linked to as on GitHub, where these pages are read too.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {release}"
# The fields of a report and the codes of rejects are not words of any language to be made nicer.
smartquotes = False
