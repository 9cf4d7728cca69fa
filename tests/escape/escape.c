/* escape NAME ARG…: one small attempt; ends with 0 when it worked. */
#include "escape.h"

#include <string.h>

static int try_in(const struct attempt *attempts, size_t n, const char *name,
                  char **args)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(attempts[i].name, name) == 0) {
            return attempts[i].run(args) ? 0 : 1;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    static char none[] = "";
    char *args[4] = {none, none, none, none};
    for (int i = 2; i < argc && i < 6; i++) {
        args[i - 2] = argv[i];
    }
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "control") == 0) {
        return 0;
    }
    int code = argc < 4 ? -1 : try_in(start_attempts, n_start_attempts, name, argv + 2);
    code = code >= 0 ? code : try_in(file_attempts, n_file_attempts, name, args);
    code = code >= 0 ? code : try_in(process_attempts, n_process_attempts, name, args);
    code = code >= 0 ? code : try_in(socket_attempts, n_socket_attempts, name, args);
    code = code >= 0 ? code : try_in(kernel_attempts, n_kernel_attempts, name, args);
    return code >= 0 ? code : 2;
}
