CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, applied_ts DateTime64(3, 'UTC')) ENGINE = ReplacingMergeTree ORDER BY version;
INSERT INTO schema_migrations SELECT 1, 'sessions_segments_moments', now64(3);
INSERT INTO segments (project_id, session_id, window_id, seq, start_ts, end_ts, events, received_ts, user_id, urls, class, object, object_length)
VALUES ('shop', '0199a1b2-0000-7000-8000-000000000001', 'window-1', 0, 1763791872, 1763791873, 10, 1763791874, 'Anna', ['https://shop.example/'], 'normal', 'v1/shop/normal/a.pack', 100),
       ('shop', '0199a1b2-0000-7000-8000-000000000001', 'window-1', 1, 1763791873, 1763791874, 20, 1763791875, 'Anna', ['https://shop.example/Cart'], 'normal', 'v1/shop/normal/b.pack', 200);
INSERT INTO moments (project_id, session_id, window_id, seq, event, ts, kind, text, trace_id)
VALUES ('shop', '0199a1b2-0000-7000-8000-000000000001', 'window-1', 1, 3, 1763791873, 'request', 'GET /cart', '0af7651916cd43dd8448eb211c80319c');
INSERT INTO sessions (project_id, session_id, start_ts, end_ts, user_id, urls, events, errors, segments, version)
VALUES ('shop', '0199a1b2-0000-7000-8000-000000000001', 1763791872, 1763791873, 'Anna', ['https://shop.example/'], 10, 0, 1, 1763791874000000000),
       ('shop', '0199a1b2-0000-7000-8000-000000000001', 1763791872, 1763791874, 'Anna', ['https://shop.example/', 'https://shop.example/Cart'], 30, 1, 2, 1763791875000000000);
