-- What is written once and read a few sessions at a time takes a sixth less at
-- this level, and is read as fast. Parts that are there change when they merge.
ALTER TABLE segments{local} {on_cluster} MODIFY SETTING default_compression_codec = 'ZSTD(6)';
ALTER TABLE moments{local} {on_cluster} MODIFY SETTING default_compression_codec = 'ZSTD(6)';
ALTER TABLE texts{local} {on_cluster} MODIFY SETTING default_compression_codec = 'ZSTD(6)';
