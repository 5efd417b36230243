-- Where the browser was: two capital letters, empty when it is not known.
ALTER TABLE segments{local} {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;
ALTER TABLE sessions{local} {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;
ALTER TABLE sessions_by_start{local} {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;
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
    country,
    expires_ts,
    version
FROM sessions{local};
