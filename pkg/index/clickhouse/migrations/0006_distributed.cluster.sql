-- In a cluster every server has the tables of its shard and, under their plain
-- names, tables that reach those of all shards. All rows of a session are on
-- one shard, so that they can collapse.
CREATE TABLE IF NOT EXISTS segments {on_cluster} AS segments_local ENGINE = {distributed}(segments_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS moments {on_cluster} AS moments_local ENGINE = {distributed}(moments_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS sessions {on_cluster} AS sessions_local ENGINE = {distributed}(sessions_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS sessions_by_start {on_cluster} AS sessions_by_start_local ENGINE = {distributed}(sessions_by_start_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS postings {on_cluster} AS postings_local ENGINE = {distributed}(postings_local, cityHash64(project_id, session_id));
CREATE TABLE IF NOT EXISTS terms {on_cluster} AS terms_local ENGINE = {distributed}(terms_local, cityHash64(project_id, term));
