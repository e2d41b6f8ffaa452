"""What of a driver's text may be repeated in logs and mails: sentences that are known to hold nothing of a row.

A driver quotes the value that it could not read (``Could not convert string 'ann@example.org' to INT32``), and nobody
knows all the sentences of all databases. So nothing is repeated but what matches one of the patterns below, and of
that only what the pattern catches: fixed words, numbers, and plain names of tables, columns, schemas, functions, roles
and hosts. The pieces of SQL at which a parser stumbled are left out, for a literal may be a person's address.
"""

from __future__ import annotations

import re

from airflow_provider_cdi.hooks.sql.driver_codes import text_of

_WORD = r"[^\W\d][\w$-]{0,127}"
_WORDS = rf"{_WORD}(?:[.:]{_WORD}){{0,3}}"
#: A plain name, in the quotes that it came in. A name with an @ or a space is none: it may be a value.
_NAME = rf"(?:\"{_WORDS}\"|'{_WORDS}'|`{_WORDS}`|\[{_WORDS}\]|{_WORDS})"
_PATH = rf"{_NAME}(?:\.{_NAME}){{0,3}}"
#: The name ends here, and is not the beginning of something longer.
_END = r"(?=[.,;:!?)]{0,2}(?:\s|$))"
_TYPES = r"[\w ,.\[\]()]*"
_FILE = r'"[\w./-]+"'
_HOST = r"['\"]?[\w.:/-]+['\"]?"

_CONNECTING = (
    "Connection refused",
    "Connection timed out",
    "No route to host",
    "Network is unreachable",
    "timeout expired",
    "server closed the connection unexpectedly",
    "server does not support SSL, but SSL was required",
    "SSL error: certificate verify failed",
    rf"root certificate file {_FILE} does not exist",
    rf"server certificate for {_HOST}(?: \(and \d+ other names?\))? does not match host name {_HOST}",
    "fe_sendauth: no password supplied",
    f"password authentication failed for user {_NAME}",
    f"(?:role|database) {_NAME} does not exist",
    r"(?:no pg_hba\.conf entry|pg_hba\.conf rejects connection) for "
    rf'host "[\da-fA-F.:]+", user {_NAME}, database {_NAME}(?:, [\w ]+)?',
    f"permission denied for database {_NAME}",
    "sorry, too many clients already",
    r"remaining connection slots are reserved",
    r"the database system is (?:starting up|shutting down|in recovery mode)",
)

_POSTGRES = (
    rf"(?:relation|schema|database|role|column|type) {_PATH} does not exist",
    rf"function {_PATH}\({_TYPES}\) does not exist",
    rf"operator does not exist: {_TYPES} [-+*/<>=~!@#%^&|`?]{{1,4}} {_TYPES}",
    rf"permission denied for (?:[a-z]+ ){{1,3}}{_PATH}",
    rf"column {_PATH} must appear in the GROUP BY clause or be used in an aggregate function",
    rf"column reference {_PATH} is ambiguous",
    rf"missing FROM-clause entry for table {_PATH}",
    r"(syntax error) at or near [\s\S]*?\n(LINE \d+):",
    r"syntax error at end of input",
    r"canceling statement due to (?:statement timeout|user request|lock timeout|conflict with recovery)",
    r"terminating connection due to (?:administrator command|idle[\w-]* timeout|conflict with recovery)",
    r"server closed the connection unexpectedly",
    r"(?:SSL )?connection (?:has been |is |already )?closed(?: unexpectedly)?",
    r"(?:integer|bigint|smallint) out of range",
    # Redshift's.
    r"exceeded the maximum size allowed for the total set of cursor data: \d+ ?MB",
    r"Serializable isolation violation on table - \d+",
    rf"could not translate host name {_HOST} to address",
    rf"failed to resolve host {_HOST}",
    rf"(?:connection failed: )?(?:connection to server (?:at|on socket) {_HOST}(?: \([\da-fA-F.:]+\))?, port \d+ "
    rf"failed: (?:FATAL: +)?)?(?:{'|'.join(_CONNECTING)})",
)

_DUCKDB = (
    rf"Catalog Error: (?:Table|View|Schema|Type|(?:[A-Z][a-z]+ )?Function) with name {_PATH} does not exist!",
    rf"Binder Error: Referenced (?:column|table) {_PATH} not found",
    rf"Binder Error: Ambiguous reference to column name {_PATH}",
    rf"Binder Error: column {_PATH} must appear in the GROUP BY clause",
    rf"Binder Error: No function matches the given name and argument types '[\w+*/<>=%|&~^!-]+\({_TYPES}\)'",
    r"(Parser Error: syntax error) at or near [\s\S]*?\n(LINE \d+):",
    r"Parser Error: (?:syntax error at end of input|unterminated quoted string)",
    r"Invalid Input Error: (?:Division by zero|More than one row returned by a subquery|Map keys must be unique)",
    # Not the value, but the column that holds it.
    rf"(Conversion Error): [\s\S]*(when casting from source column {_WORD})(?=\n|$)",
    r"Out of Memory Error: [A-Za-z ]+ of size [\d.]+ \w+(?: \([\d.]+ \w+/[\d.]+ \w+ used\))?",
    rf"IO Error: Could not set lock on file {_FILE}: Conflicting lock is held in [\w./-]+(?: \(deleted\))? \(PID \d+\)",
    rf"IO Error: Cannot open database {_FILE} in read-only mode: database does not exist",
    rf"IO Error: Cannot open (?:file|database) {_FILE}(?:: No such file or directory)?",
    r"Connection Error: Can't open a connection to same database file with a different configuration",
)

_SQLITE = (
    rf"no such (?:table|column|function|module|collation sequence): {_PATH}",
    r"near [\s\S]*: (syntax error)$",
    r"database is locked",
    r"(?:unable to open database file|database or disk is full|attempt to write a readonly database)",
    r"(?:disk I/O error|file is not a database|database disk image is malformed|interrupted|malformed JSON)",
    r"(?:integer overflow|string or blob too big|too many terms in compound SELECT)",
    rf"Could not decode to UTF-8 column {_NAME}",
)

_SNOWFLAKE = tuple(
    # In front of it stand "SQL compilation error: error line 1 at position 7", or where the log-in was tried.
    rf"(?:SQL (?:compilation|access control|execution) error:\s*)?(?:error line \d+ at position \d+\s+)?"
    rf"(?:Failed to connect to DB: [\w.:-]+\s+)?{pattern}"
    for pattern in (
        rf"(?:[A-Z]\w+ ){{1,2}}{_PATH} does not exist or not authorized",
        rf"invalid identifier {_PATH}",
        r"syntax error line \d+ at position \d+",
        rf"Insufficient privileges to operate on (?:[a-z]+ ){{1,2}}{_PATH}",
        rf"Unknown (?:user-defined )?(?:table )?function {_PATH}",
        r"No active warehouse selected in the current session",
        rf"Warehouse {_PATH} cannot be resumed because resource monitor {_PATH} has exceeded its quota",
        r"Cannot perform \w+\. This session does not have a current (?:database|schema)",
        rf"Role {_NAME} specified in the connect string does not exist or not authorized",
        r"Incorrect username or password was specified",
        r"JWT token is invalid",
        r"User temporarily locked",
        r"(?:OAuth access token|Programmatic access token|Authentication token) (?:is invalid|has expired|expired)",
        r"Incoming request with IP/Token [\da-fA-F.:]+ is not allowed to access Snowflake",
        r"Statement reached its statement or warehouse timeout of [\d,]+ second\(s\) and was canceled",
        r"SQL execution canceled",
        r"Could not connect to Snowflake backend after \d+ attempt\(s\)",
        r"Division by zero",
        r"The private_key_file and private_key_content extra fields are mutually exclusive",
        r"(?:HTTP )?[45]\d\d:? (?:Bad Request|Unauthorized|Forbidden|Not Found|Service Unavailable|Gateway Timeout)",
    )
)

_BIGQUERY = (
    r"Not found: (?:Table|Dataset|Project|Routine|Model|Job) [\w.:-]+(?: was not found in location [\w-]+)?",
    rf"Unrecognized name: {_PATH}(?:; Did you mean {_PATH}\?)? at \[\d+:\d+\]",
    rf"Function not found: {_PATH}(?:; Did you mean {_PATH}\?)? at \[\d+:\d+\]",
    r"(Syntax error): [\s\S]*?(at \[\d+:\d+\])",
    r"Access Denied: (?:Table|View|Dataset|Project) [\w.:-]+: User does not have "
    r"(?:permission to query table|[\w.]+ permission (?:in|for|on) \w+) [\w.:-]+",
    r"request failed: the user does not have '[\w.]+' permission for '[\w./:-]+'",
    rf"Table {_PATH} must be qualified with a dataset",
    r"Cannot query over table '[\w.:-]+' without a filter over column\(s\) '\w+'(?:, '\w+')*",
    r"Query exceeded limit for bytes billed: \d+\. \d+ or higher required",
    r"Resources exceeded during query execution",
    r"Response too large to return",
    r"\(?'?(invalid_grant|invalid_client|unauthorized_client|account_not_found)\b",
)

_DATABRICKS = (
    rf"The (?:table or view|schema|catalog) {_PATH} cannot be found",
    rf"Table or view not found: {_PATH}",
    rf"A column[\w ,]* with name {_PATH} cannot be resolved",
    rf"Cannot resolve (?:routine|function) {_PATH}",
    rf"(?:Insufficient privileges:\s+)?(?:User|Principal) does not have (?:permission )?[A-Z _]+ on [\w ]+? {_PATH}",
    r"(Syntax error) at or near [\s\S]*?(\(line \d+, pos \d+\))",
    r"Division by zero",
)

_AWS = (
    r"An error occurred \(\w+\) when calling the \w+ operation",
    r"Unable to locate credentials",
    r"The config profile \([\w-]+\) could not be found",
    r"You must specify a region",
)

_MYSQL = (
    rf"Table {_PATH} doesn't exist",
    rf"Unknown column {_PATH} in '[\w ]+'",
    rf"Unknown (?:database|table) {_PATH}",
    rf"FUNCTION {_PATH} does not exist",
    r"(?:Access|[A-Z ]+ command) denied (?:for|to) user '[\w.%-]*'@'[\w.%:-]*'(?: \(using password: \w+\))?"
    rf"(?: (?:to database|for table|for column) {_NAME})?",
    r"(You have an error in your SQL syntax);[\s\S]*(at line \d+)$",
    # Not the value, but the column that should have taken it.
    rf"(Incorrect [\w ]+ value): [\s\S]*(for column {_NAME} at row \d+)$",
    rf"(?:Data too long|Out of range value) for column {_NAME} at row \d+",
    rf"Can't connect to (?:local )?(?:MySQL )?server (?:on|through socket) {_HOST}(?: \(\d+\))?",
    r"Lost connection to (?:MySQL )?server during query",
    r"(?:MySQL server has gone away|Too many connections)",
    r"(?:Lock wait timeout exceeded|Deadlock found when trying to get lock)",
    r"Query execution was interrupted",
)

_SQL_SERVER = (
    rf"Invalid (?:object|column) name {_PATH}",
    r"(Incorrect syntax) near",
    rf"The \w+ permission was denied on the object {_NAME}, database {_NAME}, schema {_NAME}",
    rf"Login failed for user {_NAME}",
    rf"Cannot open (?:server|database) {_NAME} requested by the login",
    r"Login timeout expired",
    r"(Conversion failed when converting the \w+ value) '[\s\S]*' (to data type \w+)",
    r"Error converting data type \w+ to \w+",
    rf"String or binary data would be truncated in table {_PATH}, column {_NAME}",
    r"Divide by zero error encountered",
)

_ORACLE = (
    r"ORA-00942: table or view does not exist",
    rf"ORA-00904: {_PATH}: invalid identifier",
    r"ORA-009\d\d: [a-z ,]+(?=\n|$)",
    r"ORA-01017: [\w ,;/]+(?=\n|$)",
    r"ORA-01031: insufficient privileges",
    r"ORA-01722: invalid number(?=\n|$)",
    r"ORA-0(?:1476|18[0-6]\d): [a-z ,'-]+(?=\n|$)",
    rf"ORA-12899: value too large for column {_PATH} \(actual: \d+, maximum: \d+\)",
    r"ORA-12\d\d\d: TNS:[\w ,'-]+(?=\n|$)",
)

_TRINO = (
    rf"line \d+:\d+: (?:Table|Schema|Catalog|Column|View|Function) {_PATH} "
    r"(?:does not exist|not found|cannot be resolved|not registered)",
    r"(line \d+:\d+): (mismatched input|extraneous input|no viable alternative)",
    rf"Access Denied: Cannot (?:select from|access|show) (?:table|catalog|schema|view) {_PATH}",
    rf"Access Denied: Cannot select from columns \[[\w, ]+\] in table or view {_PATH}",
    r"Division by zero",
)

#: What this package itself says of a result that broke off.
_OURS = (
    r"the result broke off \(\w+\)",
    r"the connection was stopped",
    r"\d+ of \d+ rows came",
    r"\d+ rows of the result have \w+",
)

_KNOWN = tuple(
    re.compile(f"(?:{pattern}){_END}")
    for pattern in (
        *_POSTGRES,
        *_DUCKDB,
        *_SQLITE,
        *_SNOWFLAKE,
        *_BIGQUERY,
        *_DATABRICKS,
        *_AWS,
        *_MYSQL,
        *_SQL_SERVER,
        *_ORACLE,
        *_TRINO,
        *_OURS,
    )
)

#: What drivers put in front of the database's sentence: numbers, classes and addresses of requests.
_IN_FRONT = re.compile(
    r"\d{4,6} \(\w{5}\): (?:(?:None|[\da-f-]{36}): )?"  # Snowflake, MySQL's own connector
    r"|\d{6}: (?:\d{6}: )?"
    r"|(?:\[[^\]\n]{1,80}\] ?)+"  # ODBC's layers, Databricks' class
    r"|[45]\d\d (?:(?:GET|POST|PUT|DELETE) https?://\S+: )?|(?:GET|POST|PUT|DELETE) https?://\S+: "  # Google
)


def known_words(error: BaseException) -> str | None:
    """Return what a driver says, as far as it is known to hold nothing of a row; None when it is not known.

    :param error: what the driver raised.
    """
    text = text_of(error)
    in_front = _IN_FRONT.match(text)
    for sentence in (text, text[in_front.end() :].lstrip()) if in_front else (text,):
        found = next(filter(None, (pattern.match(sentence) for pattern in _KNOWN)), None)
        if found and not _is_value_as_name(error):
            return " ".join(" … ".join(found.groups() or [found[0]]).split()).rstrip(".!")
    return None


def _is_value_as_name(error: BaseException) -> bool:
    """Whether PostgreSQL looked for a name that is a row's value (``name::regclass``): it tells no place in the SQL."""
    state = str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
    is_about_names = state.startswith(("42", "3D", "3F")) and state != "42501"
    return is_about_names and hasattr(error, "diag") and error.diag.statement_position is None
