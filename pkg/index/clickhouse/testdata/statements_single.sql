CREATE DATABASE IF NOT EXISTS playhead;


CREATE TABLE IF NOT EXISTS schema_migrations
(
    version    UInt32,
    name       String,
    applied_ts DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_ts)
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS segments
(
    project_id          LowCardinality(String),
    session_id          String,
    window_id           String,
    seq                 UInt32,
    page_id             String,
    start_ts            DateTime64(3, 'UTC'),
    end_ts              DateTime64(3, 'UTC'),
    clock_offset_ms     Int64,
    events              UInt32,
    raw_bytes           UInt64,
    full_snapshots      Array(DateTime64(3, 'UTC')),
    received_ts         DateTime64(3, 'UTC'),
    previous_session_id String,
    reason              LowCardinality(String),
    is_final            Bool,
    recorder_name       LowCardinality(String),
    recorder_version    LowCardinality(String),
    rrweb_version       LowCardinality(String),
    url                 String,
    referrer            String,
    viewport_width      Int64,
    viewport_height     Int64,
    user_id             String,
    user_attributes     Map(String, String),
    release             LowCardinality(String),
    environment         LowCardinality(String),
    user_agent          LowCardinality(String),
    pages               UInt32,
    clicks              UInt32,
    requests            UInt32,
    failed_requests     UInt32,
    errors              UInt32,
    urls                Array(String),
    class               LowCardinality(String),
    object              String,
    object_offset       Int64,
    object_length       Int64,
    dictionary          String,
    base_object         String,
    base_offset         Int64,
    base_length         Int64,
    base_raw_bytes      UInt64,
    expires_ts          DateTime('UTC') DEFAULT 4294967295,
    precedence          Int64 MATERIALIZED toUInt16(toDate(expires_ts)) - 65536 * toUnixTimestamp64Milli(received_ts)
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq)
TTL expires_ts
SETTINGS index_granularity = 256, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS moments
(
    project_id  LowCardinality(String),
    session_id  String,
    window_id   String,
    seq         UInt32,
    event       UInt32,
    page_id     String,
    ts          DateTime64(3, 'UTC'),
    kind        LowCardinality(String),
    name        LowCardinality(String),
    text        String,
    selector    String,
    url         String,
    trace_id    String,
    span_id     String,
    duration_ms Int64,
    status      Int32,
    attributes  Map(String, String),
    expires_ts  DateTime('UTC') DEFAULT 4294967295,
    precedence  Int64 MATERIALIZED toUInt16(toDate(expires_ts)) - 65536 * toUnixTimestamp64Milli(ts),
    INDEX ts ts TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq, event)
TTL expires_ts
SETTINGS index_granularity = 4096, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS sessions
(
    project_id          LowCardinality(String),
    session_id          String,
    previous_session_id String,
    class               LowCardinality(String),
    start_ts            DateTime64(3, 'UTC'),
    end_ts              DateTime64(3, 'UTC'),
    user_id             String,
    user_attributes     Map(String, String),
    urls                Array(String),
    windows             UInt32,
    events              UInt64,
    raw_bytes           UInt64,
    pages               UInt64,
    clicks              UInt64,
    requests            UInt64,
    failed_requests     UInt64,
    errors              UInt64,
    release             LowCardinality(String),
    environment         LowCardinality(String),
    user_agent          LowCardinality(String),
    recorder_version    LowCardinality(String),
    stored_bytes        UInt64,
    segments            UInt64,
    last_received_ts    DateTime64(3, 'UTC'),
    expires_ts          DateTime('UTC') DEFAULT 4294967295,
    version             UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(expires_ts)
ORDER BY (project_id, session_id)
TTL expires_ts
SETTINGS index_granularity = 256, min_compress_block_size = 16384, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS sessions_by_start
(
    project_id  LowCardinality(String),
    start_ts    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    session_id  String,
    end_ts      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    user_id     String,
    urls        String,                  -- lower case, a line each
    has_errors  Bool,
    release     LowCardinality(String),
    environment LowCardinality(String),
    user_agent  LowCardinality(String),  -- lower case
    expires_ts  DateTime('UTC'),
    version     UInt64 CODEC(Delta, ZSTD(1)),
    INDEX end_ts end_ts TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(expires_ts)
PRIMARY KEY (project_id, start_ts)
ORDER BY (project_id, start_ts, session_id)
TTL expires_ts
SETTINGS index_granularity = 2048, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_to_sessions_by_start TO sessions_by_start AS
SELECT
    project_id,
    start_ts,
    session_id,
    end_ts,
    user_id,
    lowerUTF8(arrayStringConcat(urls, '\n')) AS urls,
    errors > 0 OR failed_requests > 0 AS has_errors,
    release,
    environment,
    lowerUTF8(user_agent) AS user_agent,
    expires_ts,
    version
FROM sessions;

CREATE TABLE IF NOT EXISTS postings
(
    project_id LowCardinality(String),
    key        UInt64,
    session_id String,
    expires_ts DateTime('UTC')
)
ENGINE = ReplacingMergeTree(expires_ts)
PARTITION BY toYYYYMM(expires_ts)
PRIMARY KEY (project_id, key)
ORDER BY (project_id, key, session_id)
TTL expires_ts
SETTINGS index_granularity = 512, min_compress_block_size = 16384, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS terms
(
    project_id LowCardinality(String),
    kind       LowCardinality(String),
    term       String,
    key        UInt64,
    expires_ts DateTime('UTC')
)
ENGINE = ReplacingMergeTree(expires_ts)
ORDER BY (project_id, kind, term)
TTL expires_ts
SETTINGS default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

ALTER TABLE segments MODIFY SETTING min_bytes_for_wide_part = 1000000000000000, min_rows_for_wide_part = 1000000000000000;

ALTER TABLE sessions MODIFY SETTING min_bytes_for_wide_part = 1000000000000000, min_rows_for_wide_part = 1000000000000000, min_compress_block_size = 65536;

ALTER TABLE terms ADD INDEX IF NOT EXISTS grams term TYPE ngrambf_v1(4, 16384, 1, 0) GRANULARITY 1;

ALTER TABLE terms MATERIALIZE INDEX grams;

ALTER TABLE moments ADD COLUMN IF NOT EXISTS part UInt32 AFTER event, MODIFY ORDER BY (project_id, session_id, window_id, seq, event, part);

ALTER TABLE moments ADD COLUMN IF NOT EXISTS received_ts DateTime64(3, 'UTC') DEFAULT ts AFTER attributes;

ALTER TABLE moments MODIFY COLUMN precedence Int64 MATERIALIZED toUInt16(toDate(expires_ts)) - 65536 * toUnixTimestamp64Milli(received_ts);

ALTER TABLE sessions ADD COLUMN IF NOT EXISTS signals Map(LowCardinality(String), UInt64) AFTER errors;

ALTER TABLE sessions_by_start ADD COLUMN IF NOT EXISTS url_keys Array(UInt32) AFTER urls, ADD COLUMN IF NOT EXISTS signals Array(LowCardinality(String)) AFTER has_errors;

ALTER TABLE sessions_by_start MODIFY COLUMN url_keys Array(UInt32) DEFAULT arrayMap(url -> reinterpretAsUInt32(substring(SHA256(concat('url', '\0', url)), 1, 4)), splitByChar('\n', urls));

ALTER TABLE sessions_to_sessions_by_start MODIFY QUERY
SELECT
    project_id,
    start_ts,
    session_id,
    end_ts,
    user_id,
    lowerUTF8(arrayStringConcat(urls, '\n')) AS urls,
    errors > 0 OR failed_requests > 0 AS has_errors,
    mapKeys(sessions.signals) AS signals,
    release,
    environment,
    lowerUTF8(user_agent) AS user_agent,
    expires_ts,
    version
FROM sessions;

CREATE TABLE IF NOT EXISTS signals
(
    project_id LowCardinality(String),
    session_id String,
    window_id  String,
    seq        UInt32,
    event      UInt32,
    part       UInt32,
    ts         DateTime64(3, 'UTC'),
    name       LowCardinality(String),
    url        String,
    element    String,
    received_ts DateTime64(3, 'UTC'),
    expires_ts DateTime('UTC'),
    precedence Int64 MATERIALIZED toUInt16(toDate(expires_ts)) - 65536 * toUnixTimestamp64Milli(received_ts),
    INDEX ts ts TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq, event, part)
TTL expires_ts
SETTINGS index_granularity = 1024, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS texts
(
    project_id LowCardinality(String),
    session_id String,
    window_id  String,
    page_id    String,
    text       String,
    first_ts   SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_ts    SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    expires_ts DateTime('UTC'),
    INDEX words lowerUTF8(text) TYPE text(tokenizer = splitByNonAlpha),
    INDEX first_ts first_ts TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, page_id, text)
TTL expires_ts
SETTINGS index_granularity = 1024, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS keyframes
(
    project_id      LowCardinality(String),
    session_id      String,
    window_id       String,
    seq             UInt32,
    page_id         String,
    ts              DateTime64(3, 'UTC'),
    clock_offset_ms Int64,
    raw_bytes       UInt64,
    class           LowCardinality(String),
    object          String,
    object_offset   Int64,
    object_length   Int64,
    dictionary      String,
    base_object     String,
    base_offset     Int64,
    base_length     Int64,
    base_raw_bytes  UInt64,
    expires_ts      DateTime('UTC'),
    precedence      UInt64 MATERIALIZED bitShiftLeft(toUInt64(toUInt16(toDate(expires_ts))), 48) + bitShiftRight(cityHash64(object, object_offset), 16)
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq)
TTL expires_ts
SETTINGS index_granularity = 256, min_bytes_for_wide_part = 1000000000000000, min_rows_for_wide_part = 1000000000000000, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

ALTER TABLE segments ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;

ALTER TABLE sessions ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;

ALTER TABLE sessions_by_start ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;

ALTER TABLE sessions_to_sessions_by_start MODIFY QUERY
SELECT
    project_id,
    start_ts,
    session_id,
    end_ts,
    user_id,
    lowerUTF8(arrayStringConcat(urls, '\n')) AS urls,
    errors > 0 OR failed_requests > 0 AS has_errors,
    mapKeys(sessions.signals) AS signals,
    release,
    environment,
    lowerUTF8(user_agent) AS user_agent,
    country,
    expires_ts,
    version
FROM sessions;

ALTER TABLE segments ADD COLUMN IF NOT EXISTS base_dictionary LowCardinality(String) AFTER base_raw_bytes;

ALTER TABLE keyframes ADD COLUMN IF NOT EXISTS base_dictionary LowCardinality(String) AFTER base_raw_bytes;

ALTER TABLE segments MODIFY SETTING auto_statistics_types = '';

ALTER TABLE moments MODIFY SETTING auto_statistics_types = '';

ALTER TABLE signals MODIFY SETTING auto_statistics_types = '';

ALTER TABLE texts MODIFY SETTING auto_statistics_types = '';

ALTER TABLE keyframes MODIFY SETTING auto_statistics_types = '';

ALTER TABLE sessions MODIFY SETTING auto_statistics_types = '';

ALTER TABLE postings ADD COLUMN IF NOT EXISTS begun_hour UInt32 DEFAULT 4294967295 AFTER session_id;

ALTER TABLE postings ADD COLUMN IF NOT EXISTS begun_hour UInt32 DEFAULT 4294967295 AFTER session_id;

ALTER TABLE segments MODIFY SETTING default_compression_codec = 'ZSTD(6)';

ALTER TABLE moments MODIFY SETTING default_compression_codec = 'ZSTD(6)';

ALTER TABLE texts MODIFY SETTING default_compression_codec = 'ZSTD(6)';

DELETE FROM sessions_by_start WHERE project_id = {project:String};

DELETE FROM sessions WHERE project_id = {project:String};

DELETE FROM postings WHERE project_id = {project:String};

DELETE FROM terms WHERE project_id = {project:String};

DELETE FROM texts WHERE project_id = {project:String};

DELETE FROM keyframes WHERE project_id = {project:String};

DELETE FROM signals WHERE project_id = {project:String};

DELETE FROM moments WHERE project_id = {project:String};

DELETE FROM segments WHERE project_id = {project:String};
