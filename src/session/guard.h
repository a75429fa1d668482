/* guard.h: what a session may hand to DuckDB. Every statement passes here first. */
#ifndef TARN_SESSION_GUARD_H
#define TARN_SESSION_GUARD_H

#include "session/session.h"

/* The statement whose keywords match the start of the tokens longest; the cursor moves past them. INVALID with a caret
 * when none does: DuckDB's own statements (ATTACH, PRAGMA, COPY, SET …) are never handed on. */
TARN_MUST tarn_code tarn_guard_find(tarn_cx *cx, const tarn_lake *lake, tarn_cursor *cursor, const tarn_stmt **out);
/* DENIED when the principal lacks the statement's privilege. */
TARN_MUST tarn_code tarn_guard_check(tarn_cx *cx, const tarn_session *s, const tarn_stmt *stmt);
/* Names only DuckDB knows: information_schema, its system catalogs and functions' tables. */
bool tarn_session_is_engine_name(const tarn_name *name);

#endif
