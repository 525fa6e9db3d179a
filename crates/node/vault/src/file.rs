//! The vault's file: its tables, and how it is opened.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::VaultError;

/// `application_id` of the file: "CHVT".
const APPLICATION: i64 = 0x4348_5654;
/// `user_version`: of the tables below.
const LAYOUT: i64 = 1;
/// How long a connection waits for another one.
const BUSY: Duration = Duration::from_secs(10);

/// The tables that a backup copies.
pub(crate) const CONTENT: [&str; 4] = ["field_group", "term", "tombstone", "envelope"];

const TABLES: &str = "
    CREATE TABLE keys (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        value BLOB NOT NULL,
        restored INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE field_group (
        commitment BLOB PRIMARY KEY,
        request BLOB NOT NULL UNIQUE,
        context BLOB NOT NULL,
        permanent INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        data_key BLOB NOT NULL,
        content BLOB NOT NULL,
        terms BLOB NOT NULL
    ) STRICT;
    CREATE INDEX field_group_epoch ON field_group (epoch);
    CREATE TABLE term (
        tag BLOB NOT NULL,
        commitment BLOB NOT NULL,
        PRIMARY KEY (tag, commitment)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX term_commitment ON term (commitment);
    CREATE TABLE tombstone (
        commitment BLOB PRIMARY KEY,
        request BLOB UNIQUE,
        basis TEXT NOT NULL,
        erased INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE envelope (
        access TEXT PRIMARY KEY,
        kept INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE INDEX envelope_kept ON envelope (kept);
";

/// Makes a file with the tables and nothing in them; there must be none.
pub(crate) fn create(path: &Path) -> Result<Connection, VaultError> {
    // Made here, not by SQLite, so that nobody else can read it at any time.
    write_new(path, &[])?;
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {LAYOUT}; \
         {TABLES} COMMIT;"
    ))?;
    Ok(connection)
}

/// Opens a file that was just made or checked.
pub(crate) fn connect(path: &Path) -> Result<Connection, VaultError> {
    if !path.is_file() {
        return Err(VaultError::Missing);
    }
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    Ok(connection)
}

/// Opens a file, and checks that it is one of these and whole.
pub(crate) fn open(path: &Path) -> Result<Connection, VaultError> {
    let connection = connect(path)?;
    match check(&connection) {
        Err(VaultError::Storage(error)) if is_corrupt(&error) => {
            Err(VaultError::Damaged("the file is not whole"))
        }
        other => other.map(|()| connection),
    }
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    code == Some(ErrorCode::DatabaseCorrupt) || code == Some(ErrorCode::NotADatabase)
}

fn check(connection: &Connection) -> Result<(), VaultError> {
    let pragma = |name: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    if pragma("application_id")? != APPLICATION || pragma("user_version")? != LAYOUT {
        return Err(VaultError::Damaged("the file is of another layout"));
    }
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(VaultError::Damaged("the file is not whole")) }
}

/// Erased bytes are overwritten, and nothing is spilled to files elsewhere.
fn prepare(connection: &Connection) -> Result<(), VaultError> {
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; \
         PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(())
}

/// Readers go on while one writes, and what is committed is on the disk.
pub(crate) fn use_log(connection: &Connection) -> Result<(), VaultError> {
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    Ok(())
}

/// Moves the log into the file and empties it, so that no page of before is left in it. While a
/// backup reads, that cannot be, and nobody waits for it: the backup does it when it ends.
pub(crate) fn empty_log(connection: &Connection) -> Result<(), VaultError> {
    connection.busy_timeout(Duration::ZERO)?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()));
    connection.busy_timeout(BUSY)?;
    Ok(emptied?)
}

/// What a query counts.
pub(crate) fn count(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<u64, VaultError> {
    let count: i64 = connection.query_row(sql, values, |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// A folder that its owner alone can enter; it may exist already.
pub(crate) fn make_folder(folder: &Path) -> Result<(), VaultError> {
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    Ok(())
}

/// A new file with these bytes, on the disk, that its owner alone can read.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

/// Waits until the folder's entries are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), VaultError> {
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Removes a file that a crash may have left.
pub(crate) fn remove_leftover(path: &Path) -> Result<(), VaultError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
