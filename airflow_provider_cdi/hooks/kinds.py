"""What a column holds, as far as reading it is concerned, and how drivers say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto


class Kind(Enum):
    """What a column holds."""

    TIMESTAMP = auto()
    TIMESTAMP_NS = auto()
    TIMESTAMP_TZ = auto()
    DATE = auto()
    TIME = auto()
    TEXT = auto()
    #: Text of a fixed length: blanks at its end fill it up and mean nothing.
    PADDED = auto()
    JSON = auto()
    UUID = auto()
    INTEGER = auto()
    FLOAT = auto()
    #: A number whose values have each as many digits as they need.
    NUMBER = auto()
    BOOLEAN = auto()
    BINARY = auto()
    INTERVAL = auto()
    #: A type of the database's own, which it writes as text.
    SPELLED = auto()
    #: A nested type whose parts have no form in Arrow, but one in JSON.
    NESTED = auto()
    #: Lists whose items come as text.
    DATES = auto()
    TIMESTAMPS = auto()
    NUMBERS = auto()
    OTHER = auto()
    #: The driver does not say: each value speaks for itself.
    UNKNOWN = auto()


#: The kinds that UPDATED_AT may have.
TIMES = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_NS, Kind.TIMESTAMP_TZ})
#: What the items of a list are.
ITEMS: Mapping[Kind, Kind] = {Kind.DATES: Kind.DATE, Kind.TIMESTAMPS: Kind.TIMESTAMP, Kind.NUMBERS: Kind.NUMBER}


def kind_of(type_code: object, codes: Mapping[int, Kind]) -> Kind:
    """Say what a column holds from the type code in a cursor's description.

    :param type_code: a number, a name, a Python type, an object whose text is a type name, or None.
    :param codes: the driver's numbers; empty when they are not known.
    """
    if type_code is None:
        return Kind.UNKNOWN
    if isinstance(type_code, int):
        return codes.get(type_code, Kind.OTHER if codes else Kind.UNKNOWN)
    name = type_code.__name__ if isinstance(type_code, type) else str(type_code)
    unknown = Kind.UNKNOWN if isinstance(type_code, type) else Kind.OTHER
    plain = _PARAMETERS.sub("", name).strip().lower()
    if _WIDE_PART.search(plain):
        return Kind.NESTED
    return _KINDS_BY_NAME.get(plain, unknown)


_PARAMETERS = re.compile(r"\([^)]*\)")
#: DuckDB's integers of 128 bits without a sign and of any length, inside a list: Arrow has no such types.
_WIDE_PART = re.compile(r"^(uhugeint|bignum|varint)\[")

#: SQL type names (DuckDB, Trino) and the names of Python types (ODBC drivers).
_KINDS_BY_NAME: Mapping[str, Kind] = {
    "timestamp": Kind.TIMESTAMP,
    "timestamp_s": Kind.TIMESTAMP,
    "timestamp_ms": Kind.TIMESTAMP,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp_ns": Kind.TIMESTAMP_NS,
    "timestamp with time zone": Kind.TIMESTAMP_TZ,
    "timestamptz": Kind.TIMESTAMP_TZ,
    "datetime": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "varchar": Kind.TEXT,
    "char": Kind.PADDED,
    "character": Kind.PADDED,
    "bpchar": Kind.PADDED,
    "text": Kind.TEXT,
    "str": Kind.TEXT,
    "json": Kind.JSON,
    "uuid": Kind.UUID,
    "tinyint": Kind.INTEGER,
    "smallint": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "int": Kind.INTEGER,
    "real": Kind.FLOAT,
    "double": Kind.FLOAT,
    "float": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
    "bool": Kind.BOOLEAN,
    "uhugeint": Kind.NUMBER,
    "bignum": Kind.NUMBER,
    "varint": Kind.NUMBER,
    "bit": Kind.SPELLED,
    "time with time zone": Kind.SPELLED,
}

#: PostgreSQL, pg_type.dat
POSTGRES_OIDS: Mapping[int, Kind] = {
    16: Kind.BOOLEAN,
    17: Kind.BINARY,
    20: Kind.INTEGER,
    21: Kind.INTEGER,
    23: Kind.INTEGER,
    25: Kind.TEXT,
    114: Kind.JSON,
    700: Kind.FLOAT,
    701: Kind.FLOAT,
    1042: Kind.PADDED,
    1043: Kind.TEXT,
    1082: Kind.DATE,
    1083: Kind.TIME,
    1114: Kind.TIMESTAMP,
    1115: Kind.TIMESTAMPS,
    1182: Kind.DATES,
    1184: Kind.TIMESTAMP_TZ,
    1185: Kind.TIMESTAMPS,
    1186: Kind.INTERVAL,
    1231: Kind.NUMBERS,
    1700: Kind.NUMBER,
    2950: Kind.UUID,
    3802: Kind.JSON,
}

#: MySQL, include/field_types.h
MYSQL_FIELD_TYPES: Mapping[int, Kind] = {
    0: Kind.NUMBER,
    1: Kind.INTEGER,
    2: Kind.INTEGER,
    3: Kind.INTEGER,
    4: Kind.FLOAT,
    5: Kind.FLOAT,
    7: Kind.TIMESTAMP,
    8: Kind.INTEGER,
    9: Kind.INTEGER,
    10: Kind.DATE,
    12: Kind.TIMESTAMP,
    15: Kind.TEXT,
    245: Kind.JSON,
    246: Kind.NUMBER,
    252: Kind.TEXT,
    253: Kind.TEXT,
    254: Kind.TEXT,
}
