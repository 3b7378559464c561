-- Version 2: what people see of conversations beside what was said.

-- Where the time of turns went. One may come before its turn.
CREATE TABLE timelines (
  actor INTEGER NOT NULL,
  turn TEXT NOT NULL,
  session TEXT NOT NULL,
  at INTEGER NOT NULL,
  told TEXT NOT NULL,
  PRIMARY KEY (actor, turn)
) STRICT;
CREATE INDEX timelines_of_a_session ON timelines (actor, session);
CREATE INDEX timelines_by_age ON timelines (at);

-- What conversations are called that were named by somebody.
CREATE TABLE titles (
  actor INTEGER NOT NULL,
  session TEXT NOT NULL,
  title TEXT NOT NULL,
  PRIMARY KEY (actor, session)
) STRICT;

CREATE TRIGGER answers_go AFTER DELETE ON events WHEN old.role = 'ASSISTANT' BEGIN
  DELETE FROM timelines WHERE actor = old.actor AND turn = old.turn;
END;
CREATE TRIGGER sessions_go AFTER DELETE ON events BEGIN
  DELETE FROM titles WHERE actor = old.actor AND session = old.session AND NOT EXISTS
    (SELECT 1 FROM events WHERE actor = old.actor AND session = old.session);
END;
