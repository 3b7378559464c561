-- Version 1. Times are milliseconds since 1970, UTC.

CREATE TABLE actors (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  -- Counts every change of the actor's records.
  seq INTEGER NOT NULL DEFAULT 0,
  -- Changes when records go before their time: what was read of them before is void.
  epoch INTEGER NOT NULL DEFAULT 0,
  events INTEGER NOT NULL DEFAULT 0,
  records INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  actor INTEGER NOT NULL,
  session TEXT NOT NULL,
  turn TEXT NOT NULL,
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  at INTEGER NOT NULL,
  tools TEXT NOT NULL DEFAULT '[]',
  took INTEGER,
  model TEXT,
  UNIQUE (actor, turn, role)
) STRICT;
CREATE INDEX events_of_a_session ON events (actor, session, at, id);
CREATE INDEX events_of_an_actor ON events (actor, at, id);
CREATE INDEX events_by_age ON events (at);

-- Turns from which nothing was concluded yet.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  actor INTEGER NOT NULL,
  turn TEXT NOT NULL,
  UNIQUE (actor, turn)
) STRICT;

CREATE TABLE records (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
  actor INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  content TEXT NOT NULL,
  -- What it is about, as far as the words say.
  subject TEXT,
  at INTEGER NOT NULL,
  session TEXT NOT NULL,
  -- The event of the question it comes from.
  event INTEGER NOT NULL,
  superseded_by INTEGER,
  -- The count of the actor when it was changed last.
  seq INTEGER NOT NULL,
  vector BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_change ON records (actor, seq);
CREATE INDEX records_by_kind ON records (actor, namespace, at, id);
CREATE INDEX records_of_a_session ON records (actor, session);
CREATE INDEX records_of_an_event ON records (actor, event);
CREATE INDEX records_by_age ON records (at);

CREATE TRIGGER events_come AFTER INSERT ON events BEGIN
  UPDATE actors SET events = events + 1 WHERE id = new.actor;
END;
CREATE TRIGGER events_go AFTER DELETE ON events BEGIN
  UPDATE actors SET events = events - 1 WHERE id = old.actor;
END;
CREATE TRIGGER records_come AFTER INSERT ON records BEGIN
  UPDATE actors SET records = records + 1 WHERE id = new.actor;
END;
CREATE TRIGGER records_go AFTER DELETE ON records BEGIN
  UPDATE actors SET records = records - 1 WHERE id = old.actor;
END;
