"""The data type ``purchases``: one purchase a row."""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.users.events import check_properties
from airflow_provider_cdi.destinations.braze.users.identifiers import PAIRS, USER_IDENTIFIERS
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract

CONTRACT = TableContract("purchases", identifiers=USER_IDENTIFIERS, pairs=PAIRS)


def check_purchase(document: dict[str, Any], text: bytes, limits: BrazeLimits) -> Rejection | tuple[str, ...]:
    """Find what Braze would refuse in a purchase.

    :param document: the decoded payload, without nulls.
    :param text: the same as JSON.
    :return: the first fault, or what the report should count the row under.
    """
    return (
        _check_product(document.get("product_id"), limits.product_id_chars)
        or _check_money(document.get("currency"), document.get("price"))
        or _check_quantity(document.get("quantity", 1), limits.purchase_quantity)
        or check_properties(document, text, limits)
        or ()
    )


def _check_product(product_id: Any, most_chars: int) -> Rejection | None:
    # Braze: text; live answers of 2020 took whole numbers too (braze_ruby, recordings).
    text = str(product_id) if type(product_id) is int else product_id
    if not isinstance(text, str) or not text.strip():
        return Rejection("product_id_missing", "product_id is missing, blank or neither text nor a whole number.")
    if len(text) > most_chars:
        return Rejection("product_id_too_long", f"product_id has more than {most_chars} characters.")
    return None


def _check_money(currency: Any, price: Any) -> Rejection | None:
    # ISO 4217 alphabetic. Which of the codes Braze supports is not documented, so only the form is checked.
    if not isinstance(currency, str) or len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        return Rejection("currency_invalid", "currency is missing or not a code of three letters.")
    if type(price) is not float and type(price) is not int:
        return Rejection("price_invalid", "price is missing or not a number.")
    return None


def _check_quantity(quantity: Any, most: int) -> Rejection | None:
    if type(quantity) is int and 1 <= quantity <= most:
        return None
    return Rejection("quantity_invalid", f"quantity is not a whole number from 1 to {most}.")
