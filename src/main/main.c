/* farhand: the program that is typed. `sandbox` runs here, with nothing to load; every other
 * command is in the core (core.h), which lies beside this program, or in ../lib/farhand. */
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "cli/cli.h"
#include "main/core.h"

#define EXIT_NO_CORE 70

static core_main_fn *load_core(void)
{
    static const char *const places[] = {"", "../lib/farhand/"};
    char self[PATH_MAX];
    char path[PATH_MAX];
    core_main_fn *entry = NULL;
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(self, '/');
    for (size_t i = 0; i < COUNT(places) && slash != NULL && entry == NULL; i++) {
        if (text_format(path, sizeof(path), "%.*s/%s%s", (int)(slash - self), self,
                        places[i], CORE_NAME) != OK) {
            continue;
        }
        void *core = access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW) : NULL;
        void *found = core == NULL ? NULL : dlsym(core, CORE_ENTRY);
        memcpy(&entry, &found, sizeof(entry)); // ISO C has no cast for this
    }
    return entry;
}

int main(int argc, char **argv)
{
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "sandbox") == 0) {
        return cli_main(argc, argv);
    }
    core_main_fn *core = load_core();
    if (core == NULL) {
        const char *why = dlerror();
        (void)fprintf(stderr, "farhand: %s cannot be loaded: %s\n", CORE_NAME,
                      why == NULL ? "it is not beside the program" : why);
        return EXIT_NO_CORE;
    }
    return core(argc, argv);
}
