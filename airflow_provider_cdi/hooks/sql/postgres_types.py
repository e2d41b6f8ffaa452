"""PostgreSQL's own words for values that Python's types cannot all hold, or whose text a driver would choose.

Both drivers raise at ``infinity``, at years before 1 and after 9999, at ``24:00``: one such value would end the read.
As text they cost less, too.
"""

from __future__ import annotations

from typing import Any

#: pg_type.dat: type -> its array.
_AS_TEXT = {
    650: 651,  # cidr
    869: 1041,  # inet
    1082: 1182,  # date
    1083: 1183,  # time
    1114: 1115,  # timestamp
    1184: 1185,  # timestamptz
    1186: 1187,  # interval
    1266: 1270,  # timetz
    1700: 1231,  # numeric
    3904: 3905,  # int4range, numrange, tsrange, tstzrange, daterange, int8range
    3906: 3907,
    3908: 3909,
    3910: 3911,
    3912: 3913,
    3926: 3927,
    4451: 6150,  # their multiranges
    4532: 6151,
    4533: 6152,
    4534: 6153,
    4535: 6155,
    4536: 6157,
}


def read_as_text(connection: Any) -> None:
    """Have a new connection of psycopg 2 or 3 return such values as the server writes them."""
    if type(connection).__module__.startswith("psycopg2"):
        from psycopg2 import extensions  # type: ignore[import-untyped]

        texts = extensions.new_type(tuple(_AS_TEXT), "CDI_TEXT", lambda value, _cursor: value)
        lists = extensions.new_array_type(tuple(_AS_TEXT.values()), "CDI_TEXTS", texts)
        extensions.register_type(texts, connection)
        extensions.register_type(lists, connection)
    else:
        from psycopg.types.string import TextLoader

        for oid in _AS_TEXT:
            connection.adapters.register_loader(oid, TextLoader)
