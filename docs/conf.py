"""How Sphinx builds these pages: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

import logging
import os
import runpy
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_PACKAGE = _HERE.parent / "airflow_provider_cdi"
sys.path.insert(0, str(_HERE))
# The reference imports the operators, and so Airflow, which would make its folder in the home of whoever builds.
os.environ.setdefault("AIRFLOW_HOME", str(_HERE / "_build" / ".airflow"))

project = "airflow-provider-cdi"
author = "The authors of airflow-provider-cdi"
release = version = runpy.run_path(str(_PACKAGE / "version.py"))["__version__"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "module_table", "howto_anchors"]
exclude_patterns = ["_build"]
nitpicky = True

# A name of ours that nobody knows is a mistake; those of Airflow and Python are links only where their lists of names
# can be had.
nitpick_ignore_regex = [
    ("py:.*", r"(?!airflow_provider_cdi\b).*"),
    # In the signature of something public, and of no use to a DAG.
    ("py:class", r".*\.(Figures|HttpSettings|Totals|Traffic|Rows|Value)"),
]
if os.environ.get("CDI_DOCS_LINKS"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "airflow": ("https://airflow.apache.org/docs/apache-airflow/stable", None),
        "task-sdk": ("https://airflow.apache.org/docs/task-sdk/stable", None),
    }

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

# Headings can be linked to as on GitHub, where these pages are read too.
myst_heading_anchors = 3

# What Airflow says when it is imported is not about these pages.
logging.getLogger("airflow").setLevel(logging.WARNING)

html_theme = "furo"
html_title = f"{project} {release}"
# The fields of a report and the codes of rejects are not words of any language to be made nicer.
smartquotes = False


def _show_as_typed(*about: Any) -> tuple[str | None, str | None]:
    *_, signature, returns = about
    return signature and signature.replace("=Ellipsis", "=..."), returns


def setup(app: Any) -> None:
    """Show a default that is ``...`` as it is written."""
    app.connect("autodoc-process-signature", _show_as_typed)
