-- By when a session with a term had begun: an hour since 1970. What was written
-- before says that it was by the end of time. In a cluster the second table is
-- the one that reaches all shards; on one server it is the first again.
ALTER TABLE postings{local} {on_cluster} ADD COLUMN IF NOT EXISTS begun_hour UInt32 DEFAULT 4294967295 AFTER session_id;
ALTER TABLE postings {on_cluster} ADD COLUMN IF NOT EXISTS begun_hour UInt32 DEFAULT 4294967295 AFTER session_id;
