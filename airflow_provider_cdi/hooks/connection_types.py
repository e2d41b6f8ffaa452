"""What is known of each connection type of a warehouse: who reads it, what is installed for it, fields of its extra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_cdi.hooks.address_rules import Address, AddressRule, HostPart, PerhapsUrl
from airflow_provider_cdi.hooks.field_readers import FieldReader, a_boolean, a_list, a_number, an_object, fields


@dataclass(frozen=True, slots=True)
class ConnectionType:
    """A connection type of a warehouse.

    :param hook: ``module:class`` of a warehouse that reads in a way of its own, imported when a task runs; every other
        one goes through its own ``DbApiHook``.
    :param package_extra: the extra of this package that brings the provider.
    :param readers: field of the extra -> how a text becomes what it must be. What is a text anyway is not named.
    :param addresses: field of the extra -> what it may be.
    """

    hook: str = "airflow_provider_cdi.hooks.sql.hook:SqlWarehouseHook"
    package_extra: str | None = None
    readers: Mapping[str, FieldReader] = field(default_factory=dict)
    addresses: Mapping[str, AddressRule] = field(default_factory=dict)


#: Connection types that rows are sent to, never read from.
DESTINATIONS = ("braze", "klaviyo")
_TOKENS = Address("https://oauth2.googleapis.com/token", is_url=True, takes_secrets=True)
_PROXY = Address("http://user:password@proxy.example.com:3128", has_login=True)
#: Fields in connections of any type: Airflow's hooks for PostgreSQL, MySQL and Redshift all know ``iam``.
EVERYWHERE: Mapping[str, FieldReader] = fields(a_boolean, "iam")

_BIGQUERY = ConnectionType(
    hook="airflow_provider_cdi.hooks.bigquery.hook:BigQueryWarehouseHook",
    package_extra="bigquery",
    readers={
        **fields(an_object, "labels", "api_resource_configs", "client_options"),
        **fields(a_boolean, "is_anonymous", "use_legacy_sql", "use_legacy_sql_dialect"),
        **fields(a_number, "num_retries"),
    },
    addresses={
        "storage_endpoint": Address("bigquerystorage-name.p.googleapis.com:443"),
        "idp_issuer_url": Address("https://idp.example.com/oauth/token", is_url=True, takes_secrets=True),
        "keyfile_dict.token_uri": _TOKENS,
        "credential_config_file.token_url": _TOKENS,
        "credential_config_file.service_account_impersonation_url": _TOKENS,
    },
)

CONNECTION_TYPES: Mapping[str, ConnectionType] = {
    "snowflake": ConnectionType(
        hook="airflow_provider_cdi.hooks.snowflake.hook:SnowflakeWarehouseHook",
        package_extra="snowflake",
        readers={
            **fields(an_object, "session_parameters"),
            **fields(
                a_boolean,
                "insecure_mode",
                "client_request_mfa_token",
                "client_store_temporary_credential",
                "json_result_force_utf8_decoding",
                "ocsp_fail_open",
            ),
            **fields(a_number, "proxy_port"),
        },
        addresses={
            "account": HostPart("myorg-account123"),
            "region": HostPart("eu-central-1"),
            "host": Address("xy12345.eu-central-1.snowflakecomputing.com"),
            # The connector puts http:// before it and takes the login from fields of their own.
            "proxy_host": Address("proxy.example.com", schemes=frozenset({"http"})),
            "token_endpoint": Address("https://idp.example.com/oauth2/token", is_url=True, takes_secrets=True),
            "authenticator": PerhapsUrl(Address("https://name.okta.com", is_url=True, takes_secrets=True)),
        },
    ),
    "redshift": ConnectionType(
        hook="airflow_provider_cdi.hooks.redshift.hook:RedshiftWarehouseHook",
        package_extra="redshift",
        readers={
            **fields(
                a_boolean,
                "auto_create",
                "is_serverless",
                "ssl",
                "ssl_insecure",
                "tcp_keepalive",
                "numeric_to_float",
                "database_metadata_current_db_only",
                "force_lowercase",
                "allow_db_user_override",
                "group_federation",
            ),
            **fields(
                a_number,
                "timeout",
                "max_prepared_statements",
                "client_protocol_version",
                "serverless_token_duration_seconds",
                "tcp_keepalive_idle",
                "tcp_keepalive_interval",
                "tcp_keepalive_count",
            ),
            **fields(a_list, "db_groups"),
        },
        addresses={
            "endpoint_url": Address("https://redshift.eu-central-1.amazonaws.com", is_url=True),
            "idp_host": Address("name.okta.com"),
            "login_url": Address("https://idp.example.com/saml2/redshift", is_url=True, takes_secrets=True),
            "issuer_url": Address("https://identity.example.com/start", is_url=True, takes_secrets=True),
            "token_endpoint": Address("https://idp.example.com/oauth2/token", is_url=True, takes_secrets=True),
        },
    ),
    "gcpbigquery": _BIGQUERY,
    "google_cloud_platform": _BIGQUERY,
    "databricks": ConnectionType(
        hook="airflow_provider_cdi.hooks.databricks.hook:DatabricksWarehouseHook",
        package_extra="databricks",
        readers={
            **fields(an_object, "session_configuration"),
            **fields(
                a_boolean,
                "enable_telemetry",
                "use_cloud_fetch",
                "use_azure_managed_identity",
                "use_default_azure_credential",
                "service_principal_oauth",
                "_tls_no_verify",
                "_tls_verify_hostname",
                "_use_arrow_native_complex_types",
                "_use_arrow_native_decimals",
                "_use_arrow_native_timestamps",
            ),
            **fields(
                a_number,
                "max_download_threads",
                "_retry_delay_min",
                "_retry_delay_max",
                "_retry_delay_default",
                "_retry_stop_after_attempts_count",
                "_retry_stop_after_attempts_duration",
                "_socket_timeout",
                "_port",
            ),
        },
        addresses={
            "host": Address("dbc-a1b2345c-d6e7.cloud.databricks.com"),
            "azure_ad_endpoint": Address("https://login.microsoftonline.us", is_url=True, takes_secrets=True),
            "http_proxy": _PROXY,
            "https_proxy": _PROXY,
            "_proxy_host": _PROXY,
            "proxies": PerhapsUrl(_PROXY),
        },
    ),
    "postgres": ConnectionType(
        readers=fields(
            a_number,
            "connect_timeout",
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "tcp_user_timeout",
        ),
    ),
    "mysql": ConnectionType(
        readers={**fields(a_boolean, "local_infile", "unix_socket_auth"), **fields(a_number, "connect_timeout")},
    ),
    "trino": ConnectionType(
        readers=fields(an_object, "session_properties"),
    ),
    "duckdb": ConnectionType(
        package_extra="duckdb",
        readers={
            **fields(an_object, "settings", "config"),
            **fields(a_boolean, "read_only"),
            **fields(a_list, "extensions"),
        },
        addresses={"s3_endpoint": Address("s3.example.com:9000"), "http_proxy": Address("proxy.example.com:3128")},
    ),
}
#: Of every other type.
OTHER = ConnectionType()


def connection_type(name: str | None) -> ConnectionType:
    """Return what is known of a type."""
    return CONNECTION_TYPES.get(name or "", OTHER)


def install(extra: str) -> str:
    """Say how an extra is installed, as the beginning of a sentence."""
    return f"Install it with pip install 'airflow-provider-cdi[{extra}]'"
