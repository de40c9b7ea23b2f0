-- +goose Up

-- The chats that agents have put aside. A workbin is whatever its id names: a user's, or a group's.
CREATE TABLE bin (
	chat_id TEXT    PRIMARY KEY,
	workbin TEXT    NOT NULL,
	by_user TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	crc     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bin_of_workbin ON bin (workbin, at, chat_id);
