-- A file of the first schema with a little of everything, as `sqlite3 halley.db .dump` writes it. It stays as it is, whatever the schema becomes.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version VALUES(1,0,1,'2026-11-22 18:58:26');
INSERT INTO goose_db_version VALUES(2,1,1,'2026-11-22 18:58:26');
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('epoch',12345);
CREATE TABLE chat (
	id       TEXT    PRIMARY KEY,
	service  TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	phase    TEXT    NOT NULL,
	key_hash BLOB    NOT NULL,
	started  INTEGER NOT NULL,
	ended    INTEGER            -- NULL while it goes on for the customer
) STRICT, WITHOUT ROWID;
INSERT INTO chat VALUES('chat-1','support',2,'wrap-up',X'ab00000000000000000000000000000000000000000000000000000000000000',1767323045000600,1767323105000600);
INSERT INTO chat VALUES('chat-2','support',1,'waiting',X'cd00000000000000000000000000000000000000000000000000000000000000',1767323045000600,NULL);
CREATE TABLE chat_count (
	phase TEXT    PRIMARY KEY,
	n     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO chat_count VALUES('waiting',1);
INSERT INTO chat_count VALUES('wrap-up',1);
CREATE TABLE event (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	chat_id    TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	idx        INTEGER NOT NULL, -- in the transcript; 0: not part of it
	at         INTEGER NOT NULL,
	actor_kind TEXT    NOT NULL,
	actor_user TEXT    NOT NULL,
	kind       TEXT    NOT NULL,
	body       TEXT    NOT NULL
) STRICT;
INSERT INTO event VALUES(5,'chat-1',1,1,1767323045000600,'customer','','message-sent','{"text":"hello"}');
INSERT INTO event VALUES(6,'chat-1',2,0,1767323045000600,'agent','dana','of-old','{"a": 1.0}');
INSERT INTO event VALUES(7,'chat-2',1,0,1767323045000600,'system','','of-old','{}');
CREATE TABLE agent (
	user_id TEXT    PRIMARY KEY,
	version INTEGER NOT NULL,
	state   TEXT    NOT NULL
) STRICT;
INSERT INTO agent VALUES('dana',3,'{"userId":"dana","refId":7}');
CREATE TABLE work (
	chat_id  TEXT    PRIMARY KEY,
	queue    TEXT    NOT NULL,
	since    INTEGER NOT NULL,
	priority INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO work VALUES('chat-2','support',1767323045000600,1);
CREATE TABLE timer (
	kind TEXT    NOT NULL,
	key  TEXT    NOT NULL,
	at   INTEGER NOT NULL,
	data TEXT    NOT NULL,
	PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
INSERT INTO timer VALUES('customer','chat-1',1767326645000600,'{"chatId":"chat-1"}');
CREATE TABLE feed_head (
	subscriber TEXT    PRIMARY KEY,
	n          INTEGER NOT NULL CHECK (n < 2147483648)
) STRICT, WITHOUT ROWID;
INSERT INTO feed_head VALUES('agent:dana',9);
CREATE TABLE feed (
	id         INTEGER PRIMARY KEY,
	subscriber TEXT    NOT NULL,
	n          INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	topic      TEXT    NOT NULL,
	data       TEXT    NOT NULL
) STRICT;
INSERT INTO feed VALUES(8,'agent:dana',8,1767323045000600,'/v2/me/chats','{"n":8}');
INSERT INTO feed VALUES(9,'agent:dana',9,1767323045000600,'/v2/me/chats','{"n":9}');
CREATE TABLE answer (
	id     INTEGER PRIMARY KEY,
	key    TEXT    NOT NULL UNIQUE,
	sum    BLOB    NOT NULL,
	at     INTEGER NOT NULL,
	answer TEXT    NOT NULL
) STRICT;
INSERT INTO answer VALUES(1,'k',X'0100000000000000000000000000000000000000000000000000000000000000',1767323045000600,'{"refId":7}');
CREATE TABLE lease (
	name   TEXT    PRIMARY KEY,
	holder TEXT    NOT NULL,
	until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO lease VALUES('dispatcher','node-1',1767323050000600);
CREATE TABLE login (
	token_hash BLOB    PRIMARY KEY,
	user_id    TEXT    NOT NULL,
	csrf       TEXT    NOT NULL,
	created    INTEGER NOT NULL,
	seen       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO login VALUES(X'0200000000000000000000000000000000000000000000000000000000000000','dana','csrf',1767323045000600,1767323045000600);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',2);
INSERT INTO sqlite_sequence VALUES('event',7);
CREATE TRIGGER chat_counted AFTER INSERT ON chat BEGIN
	INSERT INTO chat_count (phase, n) VALUES (new.phase, 1) ON CONFLICT (phase) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER chat_moved AFTER UPDATE OF phase ON chat WHEN new.phase <> old.phase BEGIN
	UPDATE chat_count SET n = n - 1 WHERE phase = old.phase;
	INSERT INTO chat_count (phase, n) VALUES (new.phase, 1) ON CONFLICT (phase) DO UPDATE SET n = n + 1;
END;
CREATE UNIQUE INDEX event_of_chat ON event (chat_id, seq);
CREATE INDEX timer_due ON timer (at, kind, key);
CREATE UNIQUE INDEX feed_of_subscriber ON feed (subscriber, n);
COMMIT;
