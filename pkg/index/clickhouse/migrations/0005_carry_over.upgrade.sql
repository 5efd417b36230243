INSERT INTO segments (project_id, session_id, window_id, seq, page_id, start_ts, end_ts, clock_offset_ms, events, raw_bytes, full_snapshots, received_ts, previous_session_id, reason, is_final, recorder_name, recorder_version, rrweb_version, url, referrer, viewport_width, viewport_height, user_id, user_attributes, release, environment, user_agent, pages, clicks, requests, failed_requests, errors, urls, class, object, object_offset, object_length, dictionary, expires_ts)
SELECT project_id, session_id, window_id, seq, page_id, start_ts, end_ts, clock_offset_ms, events, raw_bytes, full_snapshots, received_ts, previous_session_id, reason, is_final, recorder_name, recorder_version, rrweb_version, url, referrer, viewport_width, viewport_height, user_id, user_attributes, release, environment, user_agent, pages, clicks, requests, failed_requests, errors, urls, class, object, object_offset, object_length, dictionary, expires_ts FROM segments_0001;

INSERT INTO moments (project_id, session_id, window_id, seq, event, page_id, ts, kind, name, text, selector, url, trace_id, span_id, duration_ms, status, attributes, expires_ts)
SELECT project_id, session_id, window_id, seq, event, page_id, ts, kind, name, text, selector, url, trace_id, span_id, duration_ms, status, attributes, expires_ts FROM moments_0001;

INSERT INTO terms (project_id, kind, term, key, expires_ts)
SELECT project_id, kind, term, reinterpretAsUInt64(substring(SHA256(concat(kind, '\0', term)), 1, 8)), max(expires_ts)
FROM (SELECT project_id, 'url' AS kind, lowerUTF8(arrayJoin(urls)) AS term, expires_ts FROM segments_0001
      UNION ALL SELECT project_id, 'user' AS kind, lowerUTF8(user_id) AS term, expires_ts FROM segments_0001 WHERE user_id != '')
GROUP BY project_id, kind, term;

INSERT INTO postings (project_id, key, session_id, expires_ts)
SELECT project_id, reinterpretAsUInt64(substring(SHA256(concat(kind, '\0', term)), 1, 8)) AS key, session_id, max(expires_ts)
FROM (SELECT project_id, 'url' AS kind, lowerUTF8(arrayJoin(urls)) AS term, session_id, expires_ts FROM segments_0001
      UNION ALL SELECT project_id, 'user' AS kind, lowerUTF8(user_id) AS term, session_id, expires_ts FROM segments_0001 WHERE user_id != ''
      UNION ALL SELECT project_id, 'trace' AS kind, lowerUTF8(trace_id) AS term, session_id, expires_ts FROM moments_0001 WHERE trace_id != '')
GROUP BY project_id, key, session_id;

-- Last: a session that is listed has its segments and moments.
INSERT INTO sessions (project_id, session_id, previous_session_id, class, start_ts, end_ts, user_id, user_attributes, urls, windows, events, raw_bytes, pages, clicks, requests, failed_requests, errors, release, environment, user_agent, recorder_version, stored_bytes, segments, last_received_ts, expires_ts, version)
SELECT project_id, session_id, previous_session_id, class, start_ts, end_ts, user_id, user_attributes, urls, windows, events, raw_bytes, pages, clicks, requests, failed_requests, errors, release, environment, user_agent, recorder_version, stored_bytes, segments, last_received_ts, expires_ts, version FROM sessions_0001;

TRUNCATE TABLE segments_0001;
TRUNCATE TABLE moments_0001;
TRUNCATE TABLE sessions_0001;
