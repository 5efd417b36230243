ALTER TABLE moments {on_cluster} ADD COLUMN IF NOT EXISTS part UInt32 AFTER event, ADD COLUMN IF NOT EXISTS received_ts DateTime64(3, 'UTC') AFTER attributes;
ALTER TABLE sessions {on_cluster} ADD COLUMN IF NOT EXISTS signals Map(LowCardinality(String), UInt64) AFTER errors;
ALTER TABLE sessions_by_start {on_cluster} ADD COLUMN IF NOT EXISTS url_keys Array(UInt32) AFTER urls, ADD COLUMN IF NOT EXISTS signals Array(LowCardinality(String)) AFTER has_errors;
CREATE TABLE IF NOT EXISTS signals {on_cluster} AS signals_local ENGINE = {distributed}(signals_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS texts {on_cluster} AS texts_local ENGINE = {distributed}(texts_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS keyframes {on_cluster} AS keyframes_local ENGINE = {distributed}(keyframes_local, cityHash64(project_id, session_id));
