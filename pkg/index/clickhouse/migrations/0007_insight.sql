-- What is read a few sessions at a time and never by the column lies in compact
-- parts: a granule's columns side by side, and no more is decompressed than is
-- asked for.
ALTER TABLE segments{local} {on_cluster} MODIFY SETTING min_bytes_for_wide_part = 1000000000000000, min_rows_for_wide_part = 1000000000000000;
ALTER TABLE sessions{local} {on_cluster} MODIFY SETTING min_bytes_for_wide_part = 1000000000000000, min_rows_for_wide_part = 1000000000000000, min_compress_block_size = 65536;

-- Of the parts of four characters; terms that begin alike lie together.
ALTER TABLE terms{local} {on_cluster} ADD INDEX IF NOT EXISTS grams term TYPE ngrambf_v1(4, 16384, 1, 0) GRANULARITY 1;
ALTER TABLE terms{local} {on_cluster} MATERIALIZE INDEX grams;

-- Several things can have happened at an event: 0 is what it says itself.
ALTER TABLE moments{local} {on_cluster} ADD COLUMN IF NOT EXISTS part UInt32 AFTER event, MODIFY ORDER BY (project_id, session_id, window_id, seq, event, part);

-- Of two copies of a segment the one received first stays, and so do the moments
-- that were found with it; of those the ones that were written last.
ALTER TABLE moments{local} {on_cluster} ADD COLUMN IF NOT EXISTS received_ts DateTime64(3, 'UTC') DEFAULT ts AFTER attributes;
ALTER TABLE moments{local} {on_cluster} MODIFY COLUMN precedence Int64 MATERIALIZED toUInt16(toDate(expires_ts)) - 65536 * toUnixTimestamp64Milli(received_ts);

-- How many signals of each name.
ALTER TABLE sessions{local} {on_cluster} ADD COLUMN IF NOT EXISTS signals Map(LowCardinality(String), UInt64) AFTER errors;

-- url_keys are the low halves of the keys that the URLs have in postings.
ALTER TABLE sessions_by_start{local} {on_cluster} ADD COLUMN IF NOT EXISTS url_keys Array(UInt32) AFTER urls, ADD COLUMN IF NOT EXISTS signals Array(LowCardinality(String)) AFTER has_errors;
ALTER TABLE sessions_by_start{local} {on_cluster} MODIFY COLUMN url_keys Array(UInt32) DEFAULT arrayMap(url -> reinterpretAsUInt32(substring(SHA256(concat('url', '\0', url)), 1, 4)), splitByChar('\n', urls));
ALTER TABLE sessions_to_sessions_by_start{local} {on_cluster} MODIFY QUERY
SELECT
    project_id,
    start_ts,
    session_id,
    end_ts,
    user_id,
    lowerUTF8(arrayStringConcat(urls, '\n')) AS urls,
    errors > 0 OR failed_requests > 0 AS has_errors,
    mapKeys(sessions{local}.signals) AS signals,
    release,
    environment,
    lowerUTF8(user_agent) AS user_agent,
    expires_ts,
    version
FROM sessions{local};

-- The moments of kind signal, which are few, again: sessions are summed up and
-- series are counted from them.
CREATE TABLE IF NOT EXISTS signals{local} {on_cluster}
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
ENGINE = {replacing}(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq, event, part)
TTL expires_ts
SETTINGS index_granularity = 1024, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- Text that was seen. A text that is written again keeps its first and its
-- last instant. It is read by words as well as by session.
CREATE TABLE IF NOT EXISTS texts{local} {on_cluster}
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
ENGINE = {aggregating}
PARTITION BY toYYYYMM(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, page_id, text)
TTL expires_ts
SETTINGS index_granularity = 1024, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- Where to begin to read. Of two keyframes of one segment the one that is kept
-- longest stays, then any, but always the same.
CREATE TABLE IF NOT EXISTS keyframes{local} {on_cluster}
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
ENGINE = {replacing}(precedence)
PARTITION BY toDate(expires_ts)
PRIMARY KEY (project_id, session_id)
ORDER BY (project_id, session_id, window_id, seq)
TTL expires_ts
SETTINGS index_granularity = 256, min_bytes_for_wide_part = 1000000000000000, min_rows_for_wide_part = 1000000000000000, default_compression_codec = 'ZSTD(1)', fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
