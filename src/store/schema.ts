/**
 * The tables, version by version. Jobs and results rest as ranges: a million tasks that ended alike
 * are a row or a few; a row of its own is only for what differs.
 */

/** The version that this program writes. */
export const SCHEMA_VERSION = 4;

/** What brings a database from version `index` to version `index + 1`. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE jobs (
    generation INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    user TEXT NOT NULL,
    spec TEXT NOT NULL,             -- JSON, written once
    submitted_ms REAL NOT NULL,
    state TEXT NOT NULL,
    done INTEGER NOT NULL,
    counts TEXT NOT NULL,           -- JSON, tasks by state
    started_ms REAL,
    ended_ms REAL,
    reason TEXT,
    quarantined TEXT,
    waits_for INTEGER,
    pending BLOB                    -- from, to, next attempt, ...
  ) STRICT;
  CREATE INDEX jobs_by_name ON jobs (name, generation);
  CREATE INDEX jobs_by_state ON jobs (state, generation);
  CREATE INDEX jobs_open ON jobs (generation) WHERE done = 0;

  -- What a worker holds of a job, by attempt number.
  CREATE TABLE lanes (
    generation INTEGER NOT NULL,
    worker TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    assigned BLOB,                  -- from, to, ...
    recalled BLOB,                  -- from, to, ...
    running BLOB,                   -- from, to, started, ...
    stopping BLOB,                  -- from, to, ...
    PRIMARY KEY (generation, worker, attempt)
  ) STRICT;

  -- Who ever held anything of a job, and so may have logs of it.
  CREATE TABLE job_workers (
    generation INTEGER NOT NULL,
    worker TEXT NOT NULL,
    PRIMARY KEY (generation, worker)
  ) STRICT, WITHOUT ROWID;

  -- How tasks ended: tasks lo to hi (excluded) alike.
  CREATE TABLE results (
    generation INTEGER NOT NULL,
    lo INTEGER NOT NULL,
    hi INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER,
    worker TEXT,
    cause TEXT,
    code INTEGER,
    started_ms REAL,
    ended_ms REAL NOT NULL,
    PRIMARY KEY (generation, lo)
  ) STRICT, WITHOUT ROWID;

  -- What is to be said about the latest end of one task.
  CREATE TABLE details (
    generation INTEGER NOT NULL,
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (generation, task)
  ) STRICT, WITHOUT ROWID;

  -- What was charged to tasks that are tried again.
  CREATE TABLE charges (
    generation INTEGER NOT NULL,
    task INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    PRIMARY KEY (generation, task)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE workers (
    worker TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    token TEXT NOT NULL,
    hostname TEXT NOT NULL,
    version TEXT NOT NULL,
    pid INTEGER NOT NULL,
    cpu_milli INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- JSON: [generation, "end" or "success"], ...; null where waits_for of version 1 holds
  ALTER TABLE jobs ADD COLUMN waits TEXT;
  ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE jobs ADD COLUMN eligible_ms REAL;
  -- JSON: workers that tasks avoid; null where pending is that of version 1, without the last two:
  -- from, to, next attempt, worker to avoid, not before, ...
  ALTER TABLE jobs ADD COLUMN avoided TEXT;
  ALTER TABLE jobs ADD COLUMN parent INTEGER;
  ALTER TABLE jobs ADD COLUMN retry_of INTEGER;

  ALTER TABLE lanes ADD COLUMN preempted BLOB;  -- from, to, started, ...
  ALTER TABLE lanes ADD COLUMN disbanded BLOB;  -- from, to, started, ...

  ALTER TABLE charges ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;

  ALTER TABLE workers ADD COLUMN resources TEXT NOT NULL DEFAULT '{}';   -- JSON
  ALTER TABLE workers ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';  -- JSON
  `,
  `
  -- What a submit called itself, and a digest of what it asked for: the same again is the same job.
  ALTER TABLE jobs ADD COLUMN submit_key TEXT;
  ALTER TABLE jobs ADD COLUMN submit_digest TEXT;
  CREATE INDEX jobs_ended ON jobs (ended_ms) WHERE done = 1;
  CREATE INDEX jobs_by_key ON jobs (user, submit_key) WHERE submit_key IS NOT NULL;

  -- Every change, in order; seq is the cursor and never used twice.
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms REAL NOT NULL,
    kind TEXT NOT NULL,
    job TEXT,
    generation INTEGER,
    worker TEXT,
    data TEXT NOT NULL              -- JSON
  ) STRICT;
  `,
  `
  -- Where tasks can be reached, as they said themselves; gone with the attempt.
  CREATE TABLE endpoints (
    generation INTEGER NOT NULL,
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,          -- host:port
    metadata TEXT NOT NULL,         -- JSON
    PRIMARY KEY (generation, name, task)
  ) STRICT, WITHOUT ROWID;

  -- Jobs that were purged and of which rows are still to be removed.
  CREATE TABLE forgotten (
    generation INTEGER PRIMARY KEY
  ) STRICT;

  -- What tasks handed back at the latest end: JSON with result and progress.
  CREATE TABLE returned (
    generation INTEGER NOT NULL,
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (generation, task)
  ) STRICT, WITHOUT ROWID;

  -- Of assigned and recalled, those for which the worker fetches what they need: from, to, ...
  ALTER TABLE lanes ADD COLUMN building BLOB;

  -- Of what each worker is suspected, so that a restart gives no new credit.
  CREATE TABLE worker_strikes (
    worker TEXT PRIMARY KEY,
    at_ms REAL NOT NULL,            -- of the last change
    strikes TEXT NOT NULL           -- JSON
  ) STRICT, WITHOUT ROWID;

  -- What users and Iris itself decided about a worker, and when: drained, set aside.
  ALTER TABLE workers ADD COLUMN drained TEXT;     -- why, null for not
  ALTER TABLE workers ADD COLUMN set_aside TEXT;   -- why, null for not
  ALTER TABLE workers ADD COLUMN set_aside_until REAL;
  ALTER TABLE workers ADD COLUMN certificate TEXT; -- what its server shows, PEM

  -- Tokens that were given out: who shows one is told by its hash, the token itself is nowhere.
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,             -- SHA-256 of the whole token, hex
    role TEXT NOT NULL,
    user TEXT NOT NULL,
    created_ms REAL NOT NULL,
    created_by TEXT NOT NULL,
    expires_ms REAL,                -- null for never
    used_ms REAL                    -- to some minutes; null for never
  ) STRICT, WITHOUT ROWID;

  -- A user sees jobs of his own alone.
  CREATE INDEX jobs_by_user ON jobs (user, generation);

  -- Which bundles jobs refer to. Only of the spec, which never changes: an update costs nothing.
  CREATE INDEX jobs_by_bundle ON jobs (json_extract(spec, '$.bundle'))
    WHERE json_extract(spec, '$.bundle') IS NOT NULL;

  -- Which jobs want somebody to be called at their end; likewise.
  CREATE INDEX jobs_by_webhook ON jobs (json_extract(spec, '$.webhook'))
    WHERE json_extract(spec, '$.webhook') IS NOT NULL;
  `,
];
