-- Attempt ids sort by time, so rows are only ever added at the end.  Money is an integer number of nano-dollars; times are RFC 3339 UTC, so text order is time order.
CREATE TABLE charges (
    attempt_id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    first_byte_ms INTEGER,
    app TEXT NOT NULL,
    user_id TEXT NOT NULL,
    route TEXT NOT NULL,
    model_requested TEXT NOT NULL,
    model TEXT NOT NULL,
    upstream TEXT NOT NULL,
    outcome TEXT NOT NULL,
    error_type TEXT,
    status INTEGER,
    attempt INTEGER NOT NULL,
    stop_reason TEXT,
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER NOT NULL,
    web_searches INTEGER NOT NULL,
    service_tier TEXT,
    speed TEXT,
    geo TEXT,
    max_tokens INTEGER NOT NULL,
    held INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    exactness TEXT NOT NULL,
    price_version TEXT NOT NULL,
    upstream_request_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_by_time ON charges (started_at);

CREATE TABLE adjustments (
    adjusts TEXT NOT NULL,
    at TEXT NOT NULL,
    source TEXT NOT NULL,
    cost_delta INTEGER NOT NULL,
    PRIMARY KEY (adjusts, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE refusals (
    at TEXT NOT NULL,
    call_id TEXT NOT NULL,
    app TEXT NOT NULL,
    user_id TEXT NOT NULL,
    route TEXT NOT NULL,
    model TEXT NOT NULL,
    reason TEXT NOT NULL,
    scope TEXT NOT NULL
) STRICT;
CREATE INDEX refusals_by_time ON refusals (at);
