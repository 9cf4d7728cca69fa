/*
 * replay: run a fuzz target without libFuzzer, over its corpus, every prefix of each file and
 * every single bit flipped, so that `make test` proves with gcc what `make fuzz` once found.
 *
 * Usage      NAME_replay CORPUS-DIRECTORY (a missing directory is an empty corpus)
 * Limits     files over REPLAY_SWEEP octets are run whole only: the sweep is quadratic.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLAY_FILE_MAX = 1 << 20, REPLAY_SWEEP = 512 };

/* Exactly-sized heap copies: a read past the end is then ASan's to report. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size == 0 ? 1 : size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void sweep(uint8_t *data, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        run(data, n);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        run(data, size);
        data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void replay_file(const char *dir, const char *name)
{
    static uint8_t data[REPLAY_FILE_MAX];
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        abort();
    }
    const size_t size = fread(data, 1, sizeof(data), f);
    fclose(f);
    run(data, size);
    if (size <= REPLAY_SWEEP) {
        sweep(data, size);
    }
}

int main(int argc, char **argv)
{
    run((const uint8_t *)"", 0);
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            replay_file(argv[1], entry->d_name);
        }
    }
    closedir(dir);
    return 0;
}
