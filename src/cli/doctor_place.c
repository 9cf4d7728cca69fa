#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/audit_verify.h"
#include "cli/doctor.h"
#include "store/store.h"

#define DISK_LEAST (UINT64_C(16) << 20)  // below this nothing can be recorded
#define DISK_LOW   (UINT64_C(512) << 20) // below this somebody should look

static void program(struct doctor *d)
{
    char path[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    doctor_say(d, DOCTOR_OK, "program", NULL, "farhand %s, %s", FARHAND_VERSION,
               n > 0 ? path : "from where is not known");
}

static const char *bad_mode(const char *path, mode_t forbidden)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? NULL : "it cannot be looked at";
    }
    if (st.st_uid != geteuid()) {
        return "it belongs to another user";
    }
    return (st.st_mode & forbidden) != 0 ? "other users can read or write it" : NULL;
}

static bool permissions(struct doctor *d)
{
    static const struct {
        const char *name;
        mode_t forbidden;
    } files[] = {{"", S_IWGRP | S_IWOTH},
                 {"/state.db", S_IRWXG | S_IRWXO},
                 {"/audit.jsonl", S_IRWXG | S_IRWXO},
                 {"/keys", S_IRWXG | S_IRWXO},
                 {"/keys/host.key", S_IRWXG | S_IRWXO},
                 {"/keys/relay.key", S_IRWXG | S_IRWXO}};
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[PATH_MAX];
        char fix[PATH_MAX + 32];
        if (text_format(path, sizeof(path), "%s%s", d->home, files[i].name) != OK) {
            continue;
        }
        const char *why = bad_mode(path, files[i].forbidden);
        if (why != NULL &&
            text_format(fix, sizeof(fix), "chmod go-rwx '%s'", path) == OK) {
            doctor_say(d, DOCTOR_FAIL, "state folder", fix, "%s: %s", path, why);
            return false;
        }
    }
    return true;
}

static void folder(struct doctor *d)
{
    if (d->home[0] == '\0') {
        doctor_say(d, DOCTOR_FAIL, "state folder",
                   "set HOME or FARHAND_HOME, or give --home DIR: a folder of yours "
                   "that others cannot write to",
                   "it cannot be used");
        return;
    }
    if (access(d->home, W_OK | X_OK) != 0) {
        doctor_say(d, DOCTOR_FAIL, "state folder", "make it writable for this user",
                   "%s: %s", d->home, strerrordesc_np(errno));
        return;
    }
    if (permissions(d)) {
        doctor_say(d, DOCTOR_OK, "state folder", NULL, "%s, private", d->home);
    }
}

static void disk(struct doctor *d)
{
    struct statvfs fs;
    if (d->home[0] == '\0' || statvfs(d->home, &fs) != 0) {
        return;
    }
    const uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    const unsigned long long mib = left >> 20;
    if ((fs.f_flag & ST_RDONLY) != 0) {
        doctor_say(d, DOCTOR_FAIL, "disk", "mount it writable, or give --home DIR",
                   "the file system of %s is read-only", d->home);
    } else if (left < DISK_LEAST) {
        doctor_say(d, DOCTOR_FAIL, "disk",
                   "free some space: what cannot be recorded is refused",
                   "%llu MiB are left", mib);
    } else if (left < DISK_LOW) {
        doctor_say(d, DOCTOR_WARN, "disk", "free some space soon", "%llu MiB are left",
                   mib);
    } else {
        doctor_say(d, DOCTOR_OK, "disk", NULL, "%llu MiB are left", mib);
    }
}

static void database(struct doctor *d)
{
    char path[PATH_MAX];
    struct diag why = {.text = ""};
    struct stat st;
    if (d->home[0] == '\0' ||
        text_format(path, sizeof(path), "%s/state.db", d->home) != OK) {
        return;
    }
    if (stat(path, &st) != 0) {
        doctor_say(d, DOCTOR_SKIP, "state", NULL,
                   "none yet: 'farhand up' makes it at its first start");
    } else if (store_check(path, &why) != OK) {
        doctor_say(d, DOCTOR_FAIL, "state",
                   "stop the host, keep a copy of state.db, and restore it from a "
                   "backup; without one remove it and pair the devices again",
                   "%s: %s", path, why.text);
    } else {
        doctor_say(d, DOCTOR_OK, "state", NULL, "state.db is whole");
    }
}

static void log_file(struct doctor *d)
{
    char path[PATH_MAX];
    struct audit_report r;
    const struct audit_verify_options o = {.threads = 0};
    if (d->home[0] == '\0' ||
        text_format(path, sizeof(path), "%s/audit.jsonl", d->home) != OK) {
        return;
    }
    const enum err e = audit_verify(path, &o, &r);
    if (e == ERR_NOT_FOUND) {
        doctor_say(d, DOCTOR_SKIP, "audit log", NULL, "none yet");
    } else if (e != OK) {
        doctor_say(d, DOCTOR_FAIL, "audit log", "look at its owner and permissions",
                   "%s cannot be read: %s", path, err_text(e));
    } else if (r.broken != 0) {
        doctor_say(d, DOCTOR_FAIL, "audit log",
                   "somebody or something changed it: compare it with a backup or an "
                   "export ('farhand audit verify')",
                   "record %llu: %s", (unsigned long long)r.broken, r.fault);
    } else {
        doctor_say(d, DOCTOR_OK, "audit log", NULL,
                   "%llu records, unbroken; %llu signed decisions",
                   (unsigned long long)r.records, (unsigned long long)r.decisions);
    }
}

void doctor_place(struct doctor *d)
{
    program(d);
    folder(d);
    disk(d);
    database(d);
    log_file(d);
    doctor_sandbox(d);
}
