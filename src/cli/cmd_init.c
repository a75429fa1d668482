/* cmd_init.c: tarn init: creates a warehouse. */
#include "cli.h"

const char cmd_init_usage[] =
    "tarn init [URI]\n"
    "Creates the warehouse URI (else -w, $TARN_WAREHOUSE, ./lake); one that is there is left as it is.\n"
    "Every other command does this, too, when it is needed.\n";

int cmd_init(const cli_globals *g, int argc, char **argv) {
    cli_globals at = *g;
    tarn_lake *lake = NULL;
    tarn_error error = {.size = sizeof error};
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) return cli_unknown("init", argv[argc - 1]);
    if (argc == 2) at.warehouse = argv[1];
    if (cli_open(&at, &lake, &error) != TARN_OK) return cli_fail(&error);
    tarn_close(lake);
    if (!g->quiet) printf("warehouse %s is ready\n", at.warehouse);
    return CLI_DONE;
}
