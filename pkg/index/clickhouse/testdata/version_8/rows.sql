INSERT INTO schema_migrations SELECT arrayJoin([4, 6, 7, 8]), 'tables', now64(3);
INSERT INTO segments (project_id, session_id, window_id, seq, start_ts, end_ts, events, received_ts, user_id, urls, errors, class, object, object_length)
VALUES ('shop', '0199a1b2-0000-7000-8000-000000000001', 'window-1', 0, 1763791872, 1763791873, 10, 1763791874, 'Anna', ['https://shop.example/'], 1, 'normal', 'v1/shop/normal/a.pack', 100),
       ('shop', '0199a1b2-0000-7000-8000-000000000001', 'window-1', 1, 1763791873, 1763791874, 20, 1763791875, 'Anna', ['https://shop.example/Cart'], 0, 'normal', 'v1/shop/normal/b.pack', 200);
INSERT INTO moments (project_id, session_id, window_id, seq, event, ts, kind, name, text, trace_id)
VALUES ('shop', '0199a1b2-0000-7000-8000-000000000001', 'window-1', 1, 3, 1763791873, 'request', 'GET', 'GET /cart', '0af7651916cd43dd8448eb211c80319c');
INSERT INTO postings (project_id, key, session_id, expires_ts)
SELECT 'shop', reinterpretAsUInt64(substring(SHA256(concat(t.1, '\0', t.2)), 1, 8)), '0199a1b2-0000-7000-8000-000000000001', toDateTime(4294967295)
FROM (SELECT arrayJoin([('url', 'https://shop.example/'), ('url', 'https://shop.example/cart'), ('user', 'anna'), ('trace', '0af7651916cd43dd8448eb211c80319c')]) AS t);
INSERT INTO terms (project_id, kind, term, key, expires_ts)
SELECT 'shop', t.1, t.2, reinterpretAsUInt64(substring(SHA256(concat(t.1, '\0', t.2)), 1, 8)), toDateTime(4294967295)
FROM (SELECT arrayJoin([('url', 'https://shop.example/'), ('url', 'https://shop.example/cart'), ('user', 'anna')]) AS t);
INSERT INTO sessions (project_id, session_id, class, start_ts, end_ts, user_id, urls, windows, events, errors, segments, last_received_ts, version)
VALUES ('shop', '0199a1b2-0000-7000-8000-000000000001', 'normal', 1763791872, 1763791874, 'Anna', ['https://shop.example/', 'https://shop.example/Cart'], 1, 30, 1, 2, 1763791875, 1763791875000000000);
