/* folder.c: makes and removes the folders of tests. */
#include "support/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

void test_folder(const char *name, char *out, unsigned size) {
    int n = snprintf(out, size, "/tmp/%s XXXXXX", name);
    if (n < 0 || (unsigned)n >= size || !mkdtemp(out)) abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void test_folder_remove(const char *folder) {
    if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) abort();
}
