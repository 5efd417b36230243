-- The tables of versions 1 and 2 had keys and partitions that cannot be
-- altered. Their names are taken by the tables of version 4. They are emptied
-- by version 5 and never dropped here: that they exist is what keeps another
-- server, which does the same at the same time, from setting the new ones
-- aside.
RENAME TABLE segments TO segments_0001;
RENAME TABLE sessions TO sessions_0001;
RENAME TABLE moments TO moments_0001;

-- Version 1 did not have these. They are added under the new names: a table
-- that another server renames meanwhile cannot be altered.
ALTER TABLE segments_0001 ADD COLUMN IF NOT EXISTS dictionary String, ADD COLUMN IF NOT EXISTS expires_ts DateTime('UTC') DEFAULT 4294967295;
ALTER TABLE sessions_0001 ADD COLUMN IF NOT EXISTS expires_ts DateTime('UTC') DEFAULT 4294967295;
ALTER TABLE moments_0001 ADD COLUMN IF NOT EXISTS expires_ts DateTime('UTC') DEFAULT 4294967295;
