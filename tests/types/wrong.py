"""Mistakes of DAG authors, one a line: mypy --strict must find each of them, as it says behind the line."""

from __future__ import annotations

from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator as Braze
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator as Klaviyo

Braze(task_id="t", warehouse_conn_id="w", source="s")  # [call-arg] data_type
Braze(task_id="t", source="s", data_type="attributes")  # [call-arg] warehouse_conn_id
Braze(warehouse_conn_id="w", source="s", data_type="attributes")  # [call-arg] task_id
Braze(task_id="t", warehouse_conn_id="w", source=3, data_type="events")  # [arg-type] source
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="atributes")  # [arg-type] data_type
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="profiles")  # [arg-type] data_type
Braze(task_id="t", warehouse_conn_id="w", source="s", data_typo="events", data_type="events")  # [call-arg] data_typo
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", klaviyo_conn_id="k")  # [call-arg] klaviyo
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", columns=["a"])  # [arg-type] columns
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", delivery={})  # [arg-type] delivery
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", max_rows=1.5)  # [arg-type] max_rows
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", max_new_profiles="9")  # [arg-type] max_new
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", max_reject_percent="5")  # [arg-type] max
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", initial=None)  # [arg-type] initial
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", checkpoint="disk")  # [arg-type] checkpoint
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", limits=75)  # [arg-type] limits
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", retries="3")  # [arg-type] retries
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", retry=3)  # [call-arg] retry
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", merge="yes")  # [arg-type] merge
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="events", on_unknown_field="keep")  # [arg-type] on_unk
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="attributes", on_long_array="cut")  # [arg-type] on_lo
Braze(task_id="t", warehouse_conn_id="w", source="s", data_type="user_deletes", delete_cap=5)  # [arg-type] delete_cap
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="attributes")  # [arg-type] data_type
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="profiles", null_policy="cleer")  # [arg-type] null
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="events", on_bad_phone="keep")  # [arg-type] on_bad
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="profiles", list_ids=5)  # [arg-type] list_ids
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="profiles", list_id=["A"])  # [arg-type] list_id
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="profiles", listids=["A"])  # [call-arg] listids
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="profiles", delivery=16)  # [arg-type] delivery
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="events", backfill="no")  # [arg-type] backfill
Klaviyo(task_id="t", warehouse_conn_id="w", source="s", data_type="subscribe", channels=["mail"])  # [list-item] mail
