-- Every write is repeated until it succeeds, by several servers, so every
-- table collapses repeats by identity: ReplacingMergeTree, read with FINAL.
-- fsync_* make an acknowledged insert survive a power cut;
-- non_replicated_deduplication_window makes a repeated batch cost nothing.

-- Where to read. Of two copies of a segment the one received first stays, in
-- whatever order they are written.
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
    precedence          Int64 MATERIALIZED -toUnixTimestamp64Milli(received_ts)
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (project_id, session_id, window_id, seq)
SETTINGS default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

-- One row a session, computed from its segments after each write. The start is
-- not in the key: it moves when an earlier segment comes late, and two rows
-- would stay. Session ids of our recorder begin with their time (UUIDv7), so
-- that the indexes on time still skip most of the table.
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
    -- the server's clock in ns, read before the segments were
    version             UInt64,
    INDEX start_ts start_ts TYPE minmax GRANULARITY 1,
    INDEX end_ts end_ts TYPE minmax GRANULARITY 1,
    INDEX user_id user_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, session_id)
SETTINGS default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1;

-- What happened. The identity is the event; its time is not in the key,
-- because a segment that was sent twice can be given two clock corrections.
-- The smaller is nearer to the truth (a slow network only adds), so the
-- earlier time stays.
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
    precedence  Int64 MATERIALIZED -toUnixTimestamp64Milli(ts),
    INDEX ts ts TYPE minmax GRANULARITY 1,
    INDEX trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (project_id, session_id, window_id, seq, event)
SETTINGS default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;
