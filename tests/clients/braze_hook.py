"""Starts and follows Braze's own CDI with the hook of airflow-provider-braze, and prints what it gave as JSON."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from airflow.exceptions import AirflowException
from braze_provider.hooks.braze import BrazeHook

integration = sys.argv[1]
hook, before = BrazeHook(), datetime.now(UTC)
told = {"connection": hook.test_connection(), "started": hook.trigger_cdi_job_sync(integration)}
for name, asked in (("again", integration), ("stranger", "00000000-0000-4000-8000-0000000000ff"), ("nonsense", "7")):
    try:
        told[name] = hook.trigger_cdi_job_sync(asked)
    except (AirflowException, OSError) as error:
        told[name] = str(error)
told["waited"] = hook.wait_for_cdi_job(integration, triggered_after=before, poll_interval=1, timeout=30)
told["status"] = hook.get_cdi_job_sync_status(integration)
print(json.dumps(told))
