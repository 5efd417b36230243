-- The dictionary that a segment's frame needs; empty: none.
ALTER TABLE segments ADD COLUMN IF NOT EXISTS dictionary LowCardinality(String) AFTER object_length;

-- When a row may go. Rows of classes that are kept for ever have the last time
-- there is.
ALTER TABLE segments ADD COLUMN IF NOT EXISTS expires_ts DateTime('UTC') DEFAULT 4294967295 AFTER dictionary;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS expires_ts DateTime('UTC') DEFAULT 4294967295 AFTER last_received_ts;
ALTER TABLE moments ADD COLUMN IF NOT EXISTS expires_ts DateTime('UTC') DEFAULT 4294967295 AFTER attributes;

-- A server that drops repeated inserts remembers them when their rows have
-- been deleted: a project that was cleared could not be written again. Repeats
-- collapse by identity without it.
ALTER TABLE segments MODIFY SETTING non_replicated_deduplication_window = 0;
ALTER TABLE moments MODIFY SETTING non_replicated_deduplication_window = 0;
