-- +goose Up

-- A log-out ends the sessions of its log-in.
CREATE INDEX session_of_login ON session (login) WHERE ended IS NULL;
