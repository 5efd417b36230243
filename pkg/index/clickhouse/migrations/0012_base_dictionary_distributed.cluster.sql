ALTER TABLE segments {on_cluster} ADD COLUMN IF NOT EXISTS base_dictionary LowCardinality(String) AFTER base_raw_bytes;
ALTER TABLE keyframes {on_cluster} ADD COLUMN IF NOT EXISTS base_dictionary LowCardinality(String) AFTER base_raw_bytes;
