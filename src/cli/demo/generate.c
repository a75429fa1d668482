/* generate.c: makes the events of the demo: the same lines for the same seed, with everything that goes wrong in real
 * ones. */
#include "cli/demo/demo.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { GENERATOR_VERSION = 1, SECONDS_A_DAY = 82800, LINE_MAX_BYTES = 512 };

static const char *const regions[] = {"north", "south", "east", "west", "overseas"};
static const char *const plans[] = {"free", "free", "free", "plus", "pro"};
static const char *const categories[] = {"books", "electronics", "garden", "groceries",
                                         "music", "shoes",       "sports", "toys"};

typedef enum fault { SOUND, NO_EVENT_ID, NO_USER_ID, NOT_POSITIVE, ABSURD, STRANGER, N_FAULTS } fault;

typedef struct writer {
    const demo_landing *landing;
    FILE *files[DEMO_DAYS];
    uint64_t state; /* of the random numbers */
    int64_t written;
} writer;

typedef struct event {
    int64_t number;
    int day, second, arrival, type; /* day of the event, day of the file it is in */
    int64_t user, cents;
    int category, spelling; /* how amount and time are written */
    fault fault;
} event;

/* splitmix64 */
static uint64_t next(writer *w) {
    uint64_t z = w->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int below(writer *w, int n) { return (int)(next(w) % (uint64_t)n); }
static double unit(writer *w) { return (double)(next(w) >> 11) * 0x1p-53; }

const char *demo_day(char out[static 11], int day) {
    time_t at = 1772496000 + (time_t)day * 86400; /* 2026-03-03, so that the last of DEMO_DAYS is 2026-06-30 */
    struct tm tm;
    strftime(out, 11, "%Y-%m-%d", gmtime_r(&at, &tm));
    return out;
}

void demo_landing_file(char *out, size_t size, const char *folder, int day) {
    char date[11];
    snprintf(out, size, "%s/day=%s.jsonl", folder, demo_day(date, day));
}

void demo_landing_plan(demo_landing *landing) {
    landing->duplicates = landing->lines / 21;
    landing->broken = landing->lines / 200;
    landing->users = landing->lines / 52;
    if (landing->users > 20000) landing->users = 20000;
}

/* Numbers of 40 bits that look random and never repeat: an odd factor is a bijection. */
static void put_id(char out[static 16], const writer *w, int64_t number) {
    uint64_t id = ((uint64_t)number * 0x9e3779b97fu + w->landing->seed * 0x1000193u) & 0xffffffffffu;
    snprintf(out, 16, "e%010" PRIx64, id);
}

static void put_amount(char out[static 48], const event *e) {
    int64_t units = e->cents / 100, cents = e->cents % 100;
    const char *sign = e->spelling % 10 == 6 ? "\\u20ac" : e->spelling % 10 >= 7 ? "$" : "";
    if (e->fault == ABSURD)
        snprintf(out, 48, "9999999%" PRId64 ".00", units);
    else if (e->fault == NOT_POSITIVE)
        snprintf(out, 48, "%s%" PRId64 ".%02" PRId64, units ? "-" : "", units, cents);
    else if (*sign && units >= 1000)
        snprintf(out, 48, "\"%s%" PRId64 ",%03" PRId64 ".%02" PRId64 "\"", sign, units / 1000, units % 1000, cents);
    else if (*sign)
        snprintf(out, 48, "\"%s%" PRId64 ".%02" PRId64 "\"", sign, units, cents);
    else
        snprintf(out, 48, "%" PRId64 ".%02" PRId64, units, cents);
}

/* Returns the bytes of the line, its end included. */
static size_t put_line(char out[static LINE_MAX_BYTES], const writer *w, const event *e) {
    static const char *const types[] = {"page_view", "search", "add_to_cart", "purchase"};
    char id[16] = "", user[32] = "null", amount[48] = "null", category[32] = "null", date[11], time[32];
    put_id(id, w, e->number);
    if (e->fault != NO_USER_ID)
        snprintf(user, sizeof user, "\"u%05" PRId64 "\"", e->user + (e->fault == STRANGER ? 900000 : 0));
    if (e->type >= 2) put_amount(amount, e);
    if (e->type != 1) snprintf(category, sizeof category, "\"%s\"", categories[e->category]);
    bool slashes = e->spelling >= 70;
    demo_day(date, e->day);
    if (slashes) date[4] = date[7] = '/';
    snprintf(time, sizeof time, "%s%c%02d:%02d:%02d%s", date, slashes ? ' ' : 'T', e->second / 3600,
             e->second / 60 % 60, e->second % 60, slashes ? "" : "Z");
    const char *quote = e->fault == NO_EVENT_ID ? "" : "\"";
    int n = snprintf(
        out, LINE_MAX_BYTES,
        "{\"event_id\":%s%s%s,\"user_id\":%s,\"event_type\":\"%s\",\"category\":%s,\"amount\":%s,\"ts\":\"%s\"}\n",
        quote, e->fault == NO_EVENT_ID ? "null" : id, quote, user, types[e->type], category, amount, time);
    return (size_t)n;
}

static void write_line(writer *w, int day, const char *line, size_t n) {
    fwrite(line, 1, n, w->files[day < DEMO_DAYS ? day : DEMO_DAYS - 1]);
    w->written++;
}

static int arrival(writer *w) {
    int n = below(w, 100);
    return n < 92 ? 0 : n < 96 ? 1 : n < 98 ? 2 : DEMO_LATE_DAYS;
}

static void make_event(writer *w, int64_t i, int64_t n, event *e) {
    double a = unit(w), b = unit(w), u = unit(w), m = unit(w);
    int type = below(w, 100);
    e->number = i;
    e->day = (int)(i * DEMO_DAYS / n);
    e->second = (int)((a + b) / 2 * SECONDS_A_DAY);
    e->arrival = e->day + arrival(w);
    e->type = type < 55 ? 0 : type < 65 ? 1 : type < 82 ? 2 : 3;
    e->user = (int64_t)(u * u * (double)w->landing->users);
    e->cents = 500 + (int64_t)(m * m * m * 200000);
    e->category = below(w, 8);
    e->spelling = below(w, 100);
    /* The last one is sound, so that a duplicate that is still owed has something to repeat. */
    e->fault = below(w, 100) || i + 1 == n ? SOUND : (fault)(1 + below(w, N_FAULTS - 1));
    if (e->fault == NOT_POSITIVE || e->fault == ABSURD) e->type = 3;
    if (e->fault == NOT_POSITIVE && e->spelling % 2) e->cents = 0;
}

/* Every other one is the same line again, every other one a later word on the same event. */
static void write_duplicate(writer *w, event *e, bool restated) {
    char line[LINE_MAX_BYTES];
    int latest = e->day + DEMO_LATE_DAYS;
    e->arrival += below(w, 3);
    if (e->arrival > latest) e->arrival = latest;
    if (restated) {
        e->second += 60 + below(w, 3480);
        e->cents += 100 + below(w, 900);
    }
    write_line(w, e->arrival, line, put_line(line, w, e));
}

/* A line torn off in its middle, or bytes that are no JSON: of ISO 8859-1, without control characters. */
static void write_broken(writer *w, const event *e, bool torn) {
    char line[LINE_MAX_BYTES];
    size_t n = put_line(line, w, e);
    if (torn)
        n = 1 + (size_t)below(w, (int)n - 3);
    else
        n = 8 + (size_t)below(w, 80);
    for (size_t i = 0; i < n && !torn; i++) line[i] = (char)(below(w, 2) ? '#' + below(w, 90) : 0xa1 + below(w, 90));
    line[n] = '\n';
    write_line(w, e->arrival, line, n + 1);
}

static void write_events(writer *w) {
    const demo_landing *l = w->landing;
    int64_t n = l->lines - l->duplicates - l->broken, duplicates = 0, broken = 0;
    char line[LINE_MAX_BYTES];
    for (int64_t i = 0; i < n; i++) {
        event e;
        make_event(w, i, n, &e);
        /* Spread evenly: as many as should have been written by now. */
        if (broken < (i + 1) * l->broken / n) write_broken(w, &e, broken++ % 2 == 0);
        write_line(w, e.arrival, line, put_line(line, w, &e));
        if (e.fault == SOUND && duplicates < (i + 1) * l->duplicates / n) write_duplicate(w, &e, duplicates++ % 2);
        if (l->day_done && (i + 1) * DEMO_DAYS / n > i * DEMO_DAYS / n) l->day_done(l->state);
    }
}

static tarn_code write_users(const demo_landing *l, tarn_error *error) {
    char path[PATH_MAX], day[11];
    writer w = {.landing = l, .state = l->seed ^ 0x7573657273u};
    snprintf(path, sizeof path, "%s/users.csv", l->folder);
    FILE *f = fopen(path, "we");
    if (!f) return cli_error(error, TARN_IO, "demo: cannot write %s: %s", path, strerror(errno));
    fputs("user_id,region,plan,signup_date\n", f);
    for (int64_t i = 0; i < l->users; i++) {
        int region = below(&w, 5), plan = below(&w, 5);
        fprintf(f, "u%05" PRId64 ",%s,%s,%s\n", i, regions[region], plans[plan], demo_day(day, -1 - below(&w, 1000)));
    }
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) return cli_error(error, TARN_IO, "demo: cannot write %s: %s", path, strerror(errno));
    return TARN_OK;
}

static tarn_code open_files(writer *w, tarn_error *error) {
    char path[PATH_MAX];
    for (int day = 0; day < DEMO_DAYS; day++) {
        demo_landing_file(path, sizeof path, w->landing->folder, day);
        w->files[day] = fopen(path, "we");
        if (!w->files[day]) return cli_error(error, TARN_IO, "demo: cannot write %s: %s", path, strerror(errno));
    }
    return TARN_OK;
}

static bool close_files(writer *w) {
    bool ok = true;
    for (int day = 0; day < DEMO_DAYS; day++) {
        if (!w->files[day]) continue;
        if (ferror(w->files[day])) ok = false;
        if (fclose(w->files[day]) != 0) ok = false;
    }
    return ok;
}

/* "generator 1, seed 42, 1050000 lines" and the files' bytes */
static void manifest_path(char out[static PATH_MAX], const demo_landing *l) {
    snprintf(out, PATH_MAX, "%s/made.txt", l->folder);
}

static void manifest_text(char *out, size_t size, const demo_landing *l) {
    snprintf(out, size, "generator %d, seed %" PRIu64 ", %" PRId64 " lines\n", GENERATOR_VERSION, l->seed, l->lines);
}

/* 0 when a file is missing. */
static int64_t bytes_of_files(const demo_landing *l) {
    char path[PATH_MAX];
    struct stat st;
    int64_t bytes = 0;
    for (int day = 0; day <= DEMO_DAYS; day++) {
        if (day < DEMO_DAYS)
            demo_landing_file(path, sizeof path, l->folder, day);
        else
            snprintf(path, sizeof path, "%s/users.csv", l->folder);
        if (stat(path, &st) != 0) return 0;
        bytes += (int64_t)st.st_size;
    }
    return bytes;
}

static bool read_manifest(const demo_landing *l, int64_t *bytes) {
    char path[PATH_MAX], wanted[128], line[128];
    manifest_path(path, l);
    manifest_text(wanted, sizeof wanted, l);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool same = fgets(line, sizeof line, f) && strcmp(line, wanted) == 0 && fscanf(f, "%" SCNd64, bytes) == 1;
    fclose(f);
    return same;
}

bool demo_landing_known(const demo_landing *l) {
    int64_t bytes;
    return read_manifest(l, &bytes);
}

bool demo_landing_whole(const demo_landing *l, int64_t *bytes) {
    int64_t wanted;
    *bytes = bytes_of_files(l);
    return *bytes > 0 && read_manifest(l, &wanted) && wanted == *bytes;
}

tarn_code demo_landing_remember(const demo_landing *l, tarn_error *error) {
    char path[PATH_MAX], text[128];
    manifest_path(path, l);
    manifest_text(text, sizeof text, l);
    FILE *f = fopen(path, "we");
    if (!f) return cli_error(error, TARN_IO, "demo: cannot write %s: %s", path, strerror(errno));
    fprintf(f, "%s%" PRId64 "\n", text, bytes_of_files(l));
    if (fclose(f) != 0) return cli_error(error, TARN_IO, "demo: cannot write %s: %s", path, strerror(errno));
    return TARN_OK;
}

static tarn_code make_folder(const char *folder, tarn_error *error) {
    char path[PATH_MAX];
    if (strlen(folder) >= sizeof path - 32)
        return cli_error(error, TARN_INVALID, "demo: the path %.60s… is too long", folder);
    for (size_t i = 0; folder[i]; i++) {
        path[i] = folder[i];
        path[i + 1] = 0;
        if (i == 0 || (folder[i + 1] && folder[i + 1] != '/')) continue;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return cli_error(error, TARN_IO, "demo: cannot make %s: %s", path, strerror(errno));
    }
    return TARN_OK;
}

tarn_code demo_generate(const demo_landing *l, tarn_error *error) {
    writer w = {.landing = l, .state = l->seed};
    char path[PATH_MAX];
    tarn_code code = make_folder(l->folder, error);
    if (code != TARN_OK) return code;
    manifest_path(path, l);
    if (!demo_landing_known(l)) unlink(path);
    code = write_users(l, error);
    if (code == TARN_OK) code = open_files(&w, error);
    if (code == TARN_OK) write_events(&w);
    if (!close_files(&w) && code == TARN_OK)
        return cli_error(error, TARN_IO, "demo: cannot write below %s; is the disk full?", l->folder);
    return code;
}
