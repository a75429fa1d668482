/* driver.c: runs a fuzz target over the files given, and over the files in the folders given: a fuzz target as a plain
 * regression test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_SIZE = 4096 };

static int n_inputs;

/* A copy of exactly the input's size, so that a sanitizer sees every byte read past it. */
static int run_file(const char *path) {
    FILE *file = fopen(path, "rbe");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        if (file) fclose(file);
        return 1;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *data = malloc(n ? n : 1);
    size_t got = data ? fread(data, 1, n, file) : 0;
    fclose(file);
    if (got == n && data) LLVMFuzzerTestOneInput(data, n);
    free(data);
    if (got != n) fprintf(stderr, "%s: cannot be read whole\n", path);
    n_inputs++;
    return got != n;
}

static int run_folder(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return 1;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char file[PATH_SIZE];
        if (entry->d_name[0] == '.') continue;
        if (snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < (int)sizeof file) failed |= run_file(file);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0;
    uint8_t none[1] = {0};
    LLVMFuzzerTestOneInput(none, 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            printf("%s: not there, skipped\n", argv[i]);
            continue;
        }
        failed |= S_ISDIR(st.st_mode) ? run_folder(argv[i]) : run_file(argv[i]);
    }
    printf("%d inputs\n", n_inputs + 1);
    return failed;
}
