-- Every write is repeated until it succeeds, by several servers, so every
-- table collapses repeats by identity: ReplacingMergeTree, read with FINAL.
-- fsync_* make an acknowledged insert survive a power cut. The deduplication
-- windows are 0: a server that drops repeated inserts remembers also those
-- whose rows have been deleted since, and a project that was cleared could not
-- be written again.
--
-- expires_ts is a midnight, given by the server that received the segment and
-- the retention of its class. Tables that are read by session are partitioned
-- by that day: what expires goes as a whole partition, and a batch meets one
-- or two of them. Tables that are read by another key would have to look into
-- each partition, so they have one a month and their rows are taken out by
-- merges.

-- Where to read. Of two copies of a segment the one received first stays, in
-- whatever order they are written; of copies received at the same time the one
-- that is kept longest, so that a segment can be given a longer life.
CREATE TABLE IF NOT EXISTS segments{local} {on_cluster}
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
ENGINE = {replacing}(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq)
TTL expires_ts
SETTINGS index_granularity = 256, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- What happened. The identity is the event; its time is not in the key,
-- because a segment that was sent twice can be given two clock corrections.
-- The smaller is nearer to the truth (a slow network only adds), so the
-- earlier time stays.
CREATE TABLE IF NOT EXISTS moments{local} {on_cluster}
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
ENGINE = {replacing}(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq, event)
TTL expires_ts
SETTINGS index_granularity = 4096, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- One row a session, computed from its segments after each write. The start is
-- not in the key: it moves when an earlier segment comes late, and two rows
-- would stay. A few rows are read at a time, from anywhere, hence the small
-- granules and blocks.
CREATE TABLE IF NOT EXISTS sessions{local} {on_cluster}
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
    -- the server's clock in ns, read before the segments were
    version             UInt64
)
ENGINE = {replacing}(version)
PARTITION BY toYYYYMM(expires_ts)
ORDER BY (project_id, session_id)
TTL expires_ts
SETTINGS index_granularity = 256, min_compress_block_size = 16384, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- Which sessions to look at, by time: what sessions are filtered by, in the
-- order in which they are listed. It is read without FINAL and holds rows of
-- versions that are no more, also under a start that was corrected; the reader
-- compares what it finds with sessions.
CREATE TABLE IF NOT EXISTS sessions_by_start{local} {on_cluster}
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
ENGINE = {replacing}(version)
PARTITION BY toYYYYMM(expires_ts)
PRIMARY KEY (project_id, start_ts)
ORDER BY (project_id, start_ts, session_id)
TTL expires_ts
SETTINGS index_granularity = 2048, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_to_sessions_by_start{local} {on_cluster} TO sessions_by_start{local} AS
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
FROM sessions{local};

-- Which sessions have a term: a trace id, a user id, a URL. The key is of the
-- kind and of the term in lower case; two terms can share one, so the reader
-- compares what it finds with sessions.
CREATE TABLE IF NOT EXISTS postings{local} {on_cluster}
(
    project_id LowCardinality(String),
    key        UInt64,
    session_id String,
    expires_ts DateTime('UTC')
)
ENGINE = {replacing}(expires_ts)
PARTITION BY toYYYYMM(expires_ts)
PRIMARY KEY (project_id, key)
ORDER BY (project_id, key, session_id)
TTL expires_ts
SETTINGS index_granularity = 512, min_compress_block_size = 16384, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- The URLs that there are, in lower case: a part of a URL is looked for here,
-- and then the URLs in postings.
CREATE TABLE IF NOT EXISTS terms{local} {on_cluster}
(
    project_id LowCardinality(String),
    kind       LowCardinality(String),
    term       String,
    key        UInt64,
    expires_ts DateTime('UTC')
)
ENGINE = {replacing}(expires_ts)
ORDER BY (project_id, kind, term)
TTL expires_ts
SETTINGS default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
