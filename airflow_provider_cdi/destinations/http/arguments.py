"""The arguments that only a service of one's own has. Imports nothing to speak of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from airflow_provider_cdi.argument_rules import Rule, check_arguments, never, one_of, text, whole
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT

HttpDataType = Literal["rows"]
HttpMethod = Literal["POST", "PUT", "PATCH"]
Repeats = Literal["harmless", "count_twice"]

# No query: an address is logged, and a query is where people put keys.
_PATH = re.compile(r"/?[\w.~!$&'()*+,;=:@%-]+(?:/[\w.~!$&'()*+,;=:@%-]+)*/?", re.ASCII)

HTTP_RULES: Mapping[str, Rule] = {
    "http_conn_id": text("give the id of an Airflow connection", unset=()),
    "data_type": one_of(*get_args(HttpDataType), unset=()),
    "endpoint": text(
        "give a path at the connection's host, such as /v1/customers, without a query: keys belong into the connection",
        _PATH.fullmatch,
        unset=(),
    ),
    "method": one_of(*get_args(HttpMethod), unset=()),
    "id_column": text(
        "give the name of one column, another one than UPDATED_AT and PAYLOAD",
        lambda name: name.upper() not in (UPDATED_AT, PAYLOAD),
        unset=(),
    ),
    "batch_rows": whole(1, unset=()),
    "body_bytes": whole(1_000, unset=()),
    "max_data_points": never("leave it out: only Braze counts data points"),
    "max_new_profiles": never("leave it out: a service of one's own cannot be asked whom it knows"),
    "repeats": one_of(*get_args(Repeats), unset=()),
}


def check_http_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments that make no sense.

    :param given: name -> value; what is not known yet is left out.
    :raises ConfigurationError: it names the argument and what to give instead.
    """
    check_arguments(given, HTTP_RULES, given.get("data_type"))
