-- Times are whole microseconds since 1970 in UTC. Payloads are JSON text, kept byte for byte; an empty text means none.
-- A migration that has been released is never edited: write the next one.

-- +goose Up

-- What holds for the whole file. 'epoch' is the upper part of every feed number: drawn anew whenever the history of feeds is not the one that
-- clients remember. It is never 0, so no feed number is below 2^31.
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('epoch', (random() & 0x3fffffff) % 4194303 + 1);

-- One row per chat: where its log ends, and what is asked about it without reading the log.
CREATE TABLE chat (
	id       TEXT    PRIMARY KEY,
	service  TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	phase    TEXT    NOT NULL,
	key_hash BLOB    NOT NULL,
	started  INTEGER NOT NULL,
	ended    INTEGER            -- NULL while it goes on for the customer
) STRICT, WITHOUT ROWID;

-- How many chats are in each phase, so that asking costs the same after a million chats. The triggers are the only writers.
CREATE TABLE chat_count (
	phase TEXT    PRIMARY KEY,
	n     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER chat_counted AFTER INSERT ON chat BEGIN
	INSERT INTO chat_count (phase, n) VALUES (new.phase, 1) ON CONFLICT (phase) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER chat_moved AFTER UPDATE OF phase ON chat WHEN new.phase <> old.phase BEGIN
	UPDATE chat_count SET n = n - 1 WHERE phase = old.phase;
	INSERT INTO chat_count (phase, n) VALUES (new.phase, 1) ON CONFLICT (phase) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- The logs of all chats. id grows in commit order, over all chats: it is a position in the log of everything. Rows are bigger than WITHOUT ROWID
-- likes, and appending keeps a commit's pages few.
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
CREATE UNIQUE INDEX event_of_chat ON event (chat_id, seq);

-- The state of each agent. version guards it: a writer names the version it has read.
CREATE TABLE agent (
	user_id TEXT    PRIMARY KEY,
	version INTEGER NOT NULL,
	state   TEXT    NOT NULL
) STRICT;

-- What waits in a queue. The table is as long as the queues are, so it is read whole and sorted.
CREATE TABLE work (
	chat_id  TEXT    PRIMARY KEY,
	queue    TEXT    NOT NULL,
	since    INTEGER NOT NULL,
	priority INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What must happen at a time.
CREATE TABLE timer (
	kind TEXT    NOT NULL,
	key  TEXT    NOT NULL,
	at   INTEGER NOT NULL,
	data TEXT    NOT NULL,
	PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (at, kind, key);

-- The number of each feed's last notification, without the epoch. Below 2^31, so that epoch and number together stay below 2^53.
CREATE TABLE feed_head (
	subscriber TEXT    PRIMARY KEY,
	n          INTEGER NOT NULL CHECK (n < 2147483648)
) STRICT, WITHOUT ROWID;

-- The feeds. id grows in commit order over all feeds: pruning goes along it, so it never tears a hole into a feed.
CREATE TABLE feed (
	id         INTEGER PRIMARY KEY,
	subscriber TEXT    NOT NULL,
	n          INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	topic      TEXT    NOT NULL,
	data       TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX feed_of_subscriber ON feed (subscriber, n);

-- Answers under their idempotency keys. id grows in commit order, for pruning.
CREATE TABLE answer (
	id     INTEGER PRIMARY KEY,
	key    TEXT    NOT NULL UNIQUE,
	sum    BLOB    NOT NULL,
	at     INTEGER NOT NULL,
	answer TEXT    NOT NULL
) STRICT;

-- Who does what only one may do at a time.
CREATE TABLE lease (
	name   TEXT    PRIMARY KEY,
	holder TEXT    NOT NULL,
	until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- HTTP log-ins, by the hash of their token: the token itself is nowhere.
CREATE TABLE login (
	token_hash BLOB    PRIMARY KEY,
	user_id    TEXT    NOT NULL,
	csrf       TEXT    NOT NULL,
	created    INTEGER NOT NULL,
	seen       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
