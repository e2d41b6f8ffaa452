"""What the pages of a sandbox are built of: numbers, tables, a frame that may load and send nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse, Response

from cdi_sandbox.api.json import Json

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
.lead, footer { color: #777; } .counts { display: flex; flex-wrap: wrap; gap: 2.5rem; margin: 1.5rem 0; }
.counts b { display: block; font-size: 1.9rem; font-weight: 600; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; } code { font-size: .9em; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #8883; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } tr.bad td { color: #c33; }
"""
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def page_response(html: str) -> Response:
    """Serve a page that may load nothing, send nothing, and stand in no frame; it is old after three seconds."""
    return HTMLResponse(html, headers=_PAGE_HEADERS)


def document(title: str, lead: str, shown: str, sections: Mapping[str, str], footer: str) -> str:
    """Build a page that loads itself anew every three seconds.

    :param lead: HTML of the line under the title, as **shown** (the counts) and **footer** are.
    :param sections: heading -> HTML.
    """
    body = "".join(f"<h2>{escape(heading)}</h2>{content}" for heading, content in sections.items())
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1><div class="lead">{lead}</div>{shown}{body}
<footer><p>{footer}</p></footer></body></html>"""


def counts(numbers: Mapping[str, int]) -> str:
    """Draw numbers with what they count."""
    shown = "".join(f"<div><b>{number:,}</b>{escape(name)}</div>" for name, number in numbers.items())
    return f'<div class="counts">{shown}</div>'


def paths(totals: dict[str, Json]) -> str:
    """Draw what came to each path, and what was answered."""
    rows = [
        [path, each["requests"], each["objects"], each["accepted"], _statuses(each["statuses"])]
        for path, each in totals.items()
    ]
    return table(["path", "requests", "objects", "accepted", "answers"], rows)


def _statuses(statuses: dict[str, int]) -> str:
    return ", ".join(f"{'no answer' if status == '0' else status}: {n:,}" for status, n in statuses.items())


def table(titles: list[str], rows: list[list[Json]], bad_from: int | None = None) -> str:
    """Draw a table; with ``bad_from``, rows whose status in that column is no success are marked."""
    if not rows:
        return "<p class=lead>None.</p>"
    numbers = [isinstance(value, int) for value in rows[0]]
    head = "".join(f"<th{_numeric(n)}>{escape(title)}</th>" for title, n in zip(titles, numbers, strict=True))
    body = "".join(
        f"<tr{_marked(row, bad_from)}>"
        + "".join(f"<td{_numeric(n)}>{_cell(value)}</td>" for value, n in zip(row, numbers, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _numeric(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def _marked(row: list[Json], column: int | None) -> str:
    return "" if column is None or 200 <= row[column] < 300 else ' class="bad"'


def _cell(value: Json) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
