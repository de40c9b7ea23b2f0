-- +goose Up

-- Says of the file whose it is.
PRAGMA application_id = 1212238937; -- HALY

-- The checksum of the row's other columns (see seal.go), for the tables whose rows nothing else tells. NULL: the row is older than this column.
ALTER TABLE answer ADD COLUMN crc INTEGER;
ALTER TABLE chat   ADD COLUMN crc INTEGER;
ALTER TABLE event  ADD COLUMN crc INTEGER;
ALTER TABLE agent  ADD COLUMN crc INTEGER;
ALTER TABLE work   ADD COLUMN crc INTEGER;
ALTER TABLE timer  ADD COLUMN crc INTEGER;
ALTER TABLE feed   ADD COLUMN crc INTEGER;
ALTER TABLE login  ADD COLUMN crc INTEGER;
