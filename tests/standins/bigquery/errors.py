"""BigQuery's own errors: what the service says, with the reason and the status it says it with."""

from __future__ import annotations

from typing import Any

import duckdb
import grpc

#: Reason -> HTTP status, Google's name of the status, gRPC code.
_STATUSES: dict[str, tuple[int, str, grpc.StatusCode]] = {
    "invalid": (400, "INVALID_ARGUMENT", grpc.StatusCode.INVALID_ARGUMENT),
    "invalidQuery": (400, "INVALID_ARGUMENT", grpc.StatusCode.INVALID_ARGUMENT),
    "bytesBilledLimitExceeded": (400, "INVALID_ARGUMENT", grpc.StatusCode.INVALID_ARGUMENT),
    "failedPrecondition": (400, "FAILED_PRECONDITION", grpc.StatusCode.FAILED_PRECONDITION),
    "authError": (401, "UNAUTHENTICATED", grpc.StatusCode.UNAUTHENTICATED),
    "accessDenied": (403, "PERMISSION_DENIED", grpc.StatusCode.PERMISSION_DENIED),
    "notFound": (404, "NOT_FOUND", grpc.StatusCode.NOT_FOUND),
    "duplicate": (409, "ALREADY_EXISTS", grpc.StatusCode.ALREADY_EXISTS),
    "stopped": (499, "CANCELLED", grpc.StatusCode.CANCELLED),
    "backendError": (503, "UNAVAILABLE", grpc.StatusCode.UNAVAILABLE),
}


class ServiceError(Exception):
    """What a call fails with.

    :param reason: BigQuery's word for it; decides the statuses.
    :param message: BigQuery's sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.http_status, self.status, self.grpc_code = _STATUSES[reason]

    def proto(self) -> dict[str, str]:
        """Return the error as a job's status shows it."""
        return {"reason": self.reason, "message": self.message}

    def body(self) -> dict[str, Any]:
        """Return the error as an HTTP answer shows it."""
        detail = {**self.proto(), "domain": "global"}
        return {
            "error": {
                "code": self.http_status,
                "message": self.message,
                "errors": [detail],
                "status": self.status,
            }
        }


def engine_error(error: duckdb.Error) -> ServiceError:
    """Say in BigQuery's terms what the engine found wrong with a statement or with a value in it."""
    said = str(error).splitlines()[0]
    if isinstance(error, duckdb.InterruptException):
        return ServiceError("stopped", "Job execution was cancelled: User requested cancellation")
    if isinstance(error, duckdb.ConversionException) and "'" in said:
        value = said.split("'")[1]
        return ServiceError("invalidQuery", f"Bad int64 value: {value}")
    if isinstance(error, duckdb.BinderException) and said.startswith("Binder Error: Referenced column"):
        name = said.split('"')[1]
        return ServiceError("invalidQuery", f"Unrecognized name: {name} at [1:8]")
    return ServiceError("invalidQuery", f"Syntax error: {said}")
