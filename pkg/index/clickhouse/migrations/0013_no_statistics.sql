-- Rows of these tables are found by their key. Statistics of every column, which
-- newer servers make in each merge, would be as large as the rows of small parts,
-- and nothing asks them.
ALTER TABLE segments{local} {on_cluster} MODIFY SETTING auto_statistics_types = '';
ALTER TABLE moments{local} {on_cluster} MODIFY SETTING auto_statistics_types = '';
ALTER TABLE signals{local} {on_cluster} MODIFY SETTING auto_statistics_types = '';
ALTER TABLE texts{local} {on_cluster} MODIFY SETTING auto_statistics_types = '';
ALTER TABLE keyframes{local} {on_cluster} MODIFY SETTING auto_statistics_types = '';
ALTER TABLE sessions{local} {on_cluster} MODIFY SETTING auto_statistics_types = '';
