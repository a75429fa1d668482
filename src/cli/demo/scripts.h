/* scripts.h: the texts of demo/sql, compiled in by cmake/embed.cmake. */
#ifndef TARN_CLI_DEMO_SCRIPTS_H
#define TARN_CLI_DEMO_SCRIPTS_H

typedef struct demo_script_text {
    const char *name, *text;
} demo_script_text;

/* Ends with a NULL name. */
extern const demo_script_text demo_scripts[];

#endif
