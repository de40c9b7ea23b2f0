-- +goose Up

-- CometD sessions that read a feed. One whose client has gone stays for as long as the feed that it read, for the record of deliveries. Of the
-- client id, which lets its bearer in, there is the hash alone. meta 'beat' is when a server last ran: time without one is nobody's absence.
--
-- Whoever gives the file another epoch deletes these rows: their positions are in a history that is gone.
CREATE TABLE session (
	id         INTEGER PRIMARY KEY,
	key        BLOB    NOT NULL UNIQUE,
	handle     TEXT    NOT NULL,
	subscriber TEXT    NOT NULL,
	user_id    TEXT    NOT NULL,
	login      TEXT    NOT NULL,
	term       INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	turn       INTEGER NOT NULL,
	confirmed  INTEGER NOT NULL,
	expires    INTEGER,          -- NULL: a server holds it
	begun      INTEGER NOT NULL,
	ended      INTEGER,          -- NULL: it goes on
	details    TEXT    NOT NULL
) STRICT;
CREATE INDEX session_of_subscriber ON session (subscriber, begun);

-- What each session subscribes to, or did.
CREATE TABLE subscription (
	id      INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
	channel TEXT    NOT NULL,
	after   INTEGER NOT NULL, -- the position after which it begins
	until   INTEGER           -- NULL: it goes on
) STRICT;
CREATE INDEX subscription_of_session ON subscription (session);

-- What became of stretches of a feed on their way to a session. A row holds what was noted at one time, as [[kind, transport, after, to, at], ...], where
-- the numbers are above those of the row's columns. id grows in commit order, for pruning.
CREATE TABLE delivery (
	id      INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
	at      INTEGER NOT NULL,
	after   INTEGER NOT NULL, -- the lowest and
	upto    INTEGER NOT NULL, -- the highest position
	steps   TEXT    NOT NULL
) STRICT;
CREATE INDEX delivery_of_session ON delivery (session, upto, after);
