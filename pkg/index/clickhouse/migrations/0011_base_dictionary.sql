-- The dictionary of its site that a base was made with.
ALTER TABLE segments{local} {on_cluster} ADD COLUMN IF NOT EXISTS base_dictionary LowCardinality(String) AFTER base_raw_bytes;
ALTER TABLE keyframes{local} {on_cluster} ADD COLUMN IF NOT EXISTS base_dictionary LowCardinality(String) AFTER base_raw_bytes;
