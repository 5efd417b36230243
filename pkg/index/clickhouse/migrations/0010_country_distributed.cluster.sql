ALTER TABLE segments {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;
ALTER TABLE sessions {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;
ALTER TABLE sessions_by_start {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String) AFTER user_agent;
