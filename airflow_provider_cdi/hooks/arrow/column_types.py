"""What a column holds, as far as reading it is concerned, and how drivers say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto


class ColumnType(Enum):
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
    #: A number with as many digits as its column says: ``12.00``.
    DECIMAL = auto()
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
TIMES = frozenset({ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_NS, ColumnType.TIMESTAMP_TZ})
#: What the items of a list are.
ITEMS: Mapping[ColumnType, ColumnType] = {
    ColumnType.DATES: ColumnType.DATE,
    ColumnType.TIMESTAMPS: ColumnType.TIMESTAMP,
    ColumnType.NUMBERS: ColumnType.NUMBER,
}


def column_type_of(type_code: object, codes: Mapping[int, ColumnType]) -> ColumnType:
    """Say what a column holds from the type code in a cursor's description.

    :param type_code: a number, a name, a Python type, an object whose text is a type name, or None.
    :param codes: the driver's numbers; empty when they are not known.
    """
    if type_code is None:
        return ColumnType.UNKNOWN
    if isinstance(type_code, int):
        return codes.get(type_code, ColumnType.OTHER if codes else ColumnType.UNKNOWN)
    name = type_code.__name__ if isinstance(type_code, type) else str(type_code)
    unknown = ColumnType.UNKNOWN if isinstance(type_code, type) else ColumnType.OTHER
    plain = _PARAMETERS.sub("", name).strip().lower()
    if _WIDE_PART.search(plain):
        return ColumnType.NESTED
    return _KINDS_BY_NAME.get(plain, unknown)


_PARAMETERS = re.compile(r"\([^)]*\)")
#: DuckDB's integers of 128 bits without a sign and of any length, inside a list: Arrow has no such types.
_WIDE_PART = re.compile(r"^(uhugeint|bignum|varint)\[")

#: SQL type names (DuckDB, Trino) and the names of Python types (ODBC drivers).
_KINDS_BY_NAME: Mapping[str, ColumnType] = {
    "timestamp": ColumnType.TIMESTAMP,
    "timestamp_s": ColumnType.TIMESTAMP,
    "timestamp_ms": ColumnType.TIMESTAMP,
    "timestamp without time zone": ColumnType.TIMESTAMP,
    "timestamp_ns": ColumnType.TIMESTAMP_NS,
    "timestamp with time zone": ColumnType.TIMESTAMP_TZ,
    "timestamptz": ColumnType.TIMESTAMP_TZ,
    "datetime": ColumnType.TIMESTAMP,
    "date": ColumnType.DATE,
    "varchar": ColumnType.TEXT,
    "char": ColumnType.PADDED,
    "character": ColumnType.PADDED,
    "bpchar": ColumnType.PADDED,
    "text": ColumnType.TEXT,
    "str": ColumnType.TEXT,
    "json": ColumnType.JSON,
    "uuid": ColumnType.UUID,
    "tinyint": ColumnType.INTEGER,
    "smallint": ColumnType.INTEGER,
    "integer": ColumnType.INTEGER,
    "bigint": ColumnType.INTEGER,
    "int": ColumnType.INTEGER,
    "real": ColumnType.FLOAT,
    "double": ColumnType.FLOAT,
    "float": ColumnType.FLOAT,
    "decimal": ColumnType.DECIMAL,
    "boolean": ColumnType.BOOLEAN,
    "bool": ColumnType.BOOLEAN,
    "uhugeint": ColumnType.NUMBER,
    "bignum": ColumnType.NUMBER,
    "varint": ColumnType.NUMBER,
    "bit": ColumnType.SPELLED,
    "time with time zone": ColumnType.SPELLED,
}

#: PostgreSQL, pg_type.dat
POSTGRES_OIDS: Mapping[int, ColumnType] = {
    16: ColumnType.BOOLEAN,
    17: ColumnType.BINARY,
    20: ColumnType.INTEGER,
    21: ColumnType.INTEGER,
    23: ColumnType.INTEGER,
    25: ColumnType.TEXT,
    114: ColumnType.JSON,
    700: ColumnType.FLOAT,
    701: ColumnType.FLOAT,
    1042: ColumnType.PADDED,
    1043: ColumnType.TEXT,
    1082: ColumnType.DATE,
    1083: ColumnType.TIME,
    1114: ColumnType.TIMESTAMP,
    1115: ColumnType.TIMESTAMPS,
    1182: ColumnType.DATES,
    1184: ColumnType.TIMESTAMP_TZ,
    1185: ColumnType.TIMESTAMPS,
    1186: ColumnType.INTERVAL,
    1231: ColumnType.NUMBERS,
    1700: ColumnType.NUMBER,
    2950: ColumnType.UUID,
    3802: ColumnType.JSON,
}

#: MySQL, include/field_types.h
MYSQL_FIELD_TYPES: Mapping[int, ColumnType] = {
    0: ColumnType.NUMBER,
    1: ColumnType.INTEGER,
    2: ColumnType.INTEGER,
    3: ColumnType.INTEGER,
    4: ColumnType.FLOAT,
    5: ColumnType.FLOAT,
    7: ColumnType.TIMESTAMP,
    8: ColumnType.INTEGER,
    9: ColumnType.INTEGER,
    10: ColumnType.DATE,
    12: ColumnType.TIMESTAMP,
    15: ColumnType.TEXT,
    245: ColumnType.JSON,
    246: ColumnType.NUMBER,
    252: ColumnType.TEXT,
    253: ColumnType.TEXT,
    254: ColumnType.TEXT,
}
