"""What an error of MySQL means, by its number: most of its drivers raise one class for nearly all of them.

.. seealso:: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
"""

from __future__ import annotations

from airflow_provider_cdi.hooks.sql.errors import AWAY, BROKEN, FORBIDDEN, LOGIN, MISSING, RAISED, VALUES, Fault

_BY_NUMBER = {
    **dict.fromkeys((1044, 1045, 1049, 1698), LOGIN),
    **dict.fromkeys((1142, 1143, 1227, 1370), FORBIDDEN),
    **dict.fromkeys((1051, 1109, 1146, 1356), MISSING),
    **dict.fromkeys((1052, 1054, 1055, 1064, 1140, 1149, 1305), BROKEN),
    1644: RAISED,
    # Dates, numbers, texts and JSON that do not fit, a division by zero, more than one row for one value.
    **dict.fromkeys((1242, 1264, 1265, 1292, 1365, 1366, 1406, 1411, 1426, 1441, 1525, 1690, 3140, 3141, 3156), VALUES),
    **dict.fromkeys((1040, 1205, 1213, 1317, 2002, 2003, 2006, 2013, 2055, 3024), AWAY),
}


def diagnose(error: BaseException) -> Fault | None:
    """Say what an error means; None leaves it to the general table."""
    told = (getattr(error, "errno", None), error.args[0] if error.args else None)
    return next((_BY_NUMBER[one] for one in told if isinstance(one, int) and one in _BY_NUMBER), None)
