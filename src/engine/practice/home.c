#include "engine/practice/home.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#define CONFIG_MAX (256u * 1024) // ours is 1 KiB; Codex adds projects and notices

static const char config_head[] =
    "# Written by farhand for its practice model; other settings may follow below.\n"
    "model = \"practice\"\n"
    "model_provider = \"practice\"\n"
    "approval_policy = \"on-request\"\n"
    "sandbox_mode = \"workspace-write\"\n"
    "check_for_update_on_startup = false\n"
    "suppress_unstable_features_warning = true\n"
    "web_search = \"disabled\"\n";

static const char config_tables[] = "\n"
                                    "[features]\n"
                                    "apps = false\n"
                                    "plugins = false\n"
                                    "request_permissions_tool = true\n"
                                    "default_mode_request_user_input = true\n"
                                    "\n"
                                    "[analytics]\n"
                                    "enabled = false\n"
                                    "\n"
                                    "[feedback]\n"
                                    "enabled = false\n"
                                    "\n"
                                    "[model_providers.practice]\n"
                                    "name = \"Farhand practice model\"\n"
                                    "wire_api = \"responses\"\n"
                                    "requires_openai_auth = false\n"
                                    "request_max_retries = 1\n"
                                    "stream_max_retries = 1\n"
                                    "stream_idle_timeout_ms = 600000\n";

/* One model, described as Codex's own catalogue does (0.169). */
static const char catalogue[] =
    "{\"models\":[{\"slug\":\"practice\",\"display_name\":\"Practice model\","
    "\"description\":\"A script without intelligence: type help.\","
    "\"default_reasoning_level\":\"low\",\"supported_reasoning_levels\":"
    "[{\"effort\":\"low\",\"description\":\"the only one\"}],"
    "\"shell_type\":\"unified_exec\",\"visibility\":\"list\",\"supported_in_api\":true,"
    "\"priority\":1,\"availability_nux\":null,\"upgrade\":null,"
    "\"base_instructions\":\"You are a script.\",\"supports_reasoning_summaries\":true,"
    "\"default_reasoning_summary\":\"auto\",\"support_verbosity\":false,"
    "\"default_verbosity\":null,\"apply_patch_tool_type\":\"freeform\","
    "\"truncation_policy\":{\"mode\":\"tokens\",\"limit\":10000},"
    "\"supports_parallel_tool_calls\":true,\"context_window\":272000,"
    "\"max_context_window\":272000,\"effective_context_window_percent\":95,"
    "\"experimental_supported_tools\":[],\"input_modalities\":[\"text\",\"image\"]}]}\n";

/* A PNG: a red square of eight pixels. */
static const uint8_t image[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49,
    0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x08, 0x02,
    0x00, 0x00, 0x00, 0x4b, 0x6d, 0x29, 0xdc, 0x00, 0x00, 0x00, 0x11, 0x49, 0x44,
    0x41, 0x54, 0x78, 0xda, 0x63, 0xb8, 0x60, 0x60, 0x80, 0x15, 0x31, 0x0c, 0x2d,
    0x09, 0x00, 0xda, 0x7b, 0x4c, 0x01, 0x96, 0x79, 0xb5, 0x84, 0x00, 0x00, 0x00,
    0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

/* A TOML basic string. Paths with control characters are not worth the trouble. */
static enum err put_quoted(struct buf *out, const char *text)
{
    enum err e = buf_put_u8(out, '"');
    for (const char *c = text; e == OK && *c != '\0'; c++) {
        if ((uint8_t)*c < 0x20 || *c == 0x7f) {
            return ERR_USAGE;
        }
        if (*c == '"' || *c == '\\') {
            e = buf_put_u8(out, '\\');
        }
        if (e == OK) {
            e = buf_put_u8(out, (uint8_t)*c);
        }
    }
    return e == OK ? buf_put_u8(out, '"') : e;
}

static enum err put_trust(struct buf *out, const char *folder)
{
    if (folder == NULL) {
        return OK;
    }
    enum err e = buf_put_str(out, "\n[projects.");
    if (e == OK) {
        e = put_quoted(out, folder);
    }
    return e == OK ? buf_put_str(out, "]\ntrust_level = \"trusted\"\n") : e;
}

static enum err put_config(struct buf *out, const char *dir, uint16_t port,
                           const char *trusted)
{
    char model_path[PATH_MAX];
    enum err e = text_format(model_path, sizeof(model_path), "%s/model.json", dir);
    if (e == OK) {
        e = buf_put_str(out, config_head);
    }
    if (e == OK) {
        e = buf_put_str(out, "model_catalog_json = ");
    }
    if (e == OK) {
        e = put_quoted(out, model_path);
    }
    if (e == OK) {
        e = buf_putf(out, "\n%sbase_url = \"http://127.0.0.1:%u/v1\"\n", config_tables,
                     (unsigned)port);
    }
    return e == OK ? put_trust(out, trusted) : e;
}

static bool starts_with(struct bytes whole, struct bytes head)
{
    return whole.len >= head.len && bytes_equal(bytes_sub(whole, 0, head.len), head);
}

static enum err write_config(const char *dir, uint16_t port, const char *trusted)
{
    char path[PATH_MAX];
    struct buf want;
    struct buf have;
    buf_init(&want, CONFIG_MAX);
    buf_init(&have, CONFIG_MAX);
    enum err e = text_format(path, sizeof(path), "%s/config.toml", dir);
    if (e == OK) {
        e = put_config(&want, dir, port, trusted);
    }
    if (e == OK && file_read(path, &have) == OK &&
        starts_with(buf_bytes(&have), buf_bytes(&want))) {
        goto out;
    }
    if (e == OK) {
        e = file_replace(path, buf_bytes(&want), 0600);
    }
out:
    buf_fini(&want);
    buf_fini(&have);
    return e;
}

static enum err write_beside(const char *dir, const char *name, struct bytes content)
{
    char path[PATH_MAX];
    const enum err e = text_format(path, sizeof(path), "%s/%s", dir, name);
    return e == OK ? file_replace(path, content, 0600) : e;
}

enum err home_write(const char *dir, uint16_t port, const char *trusted)
{
    enum err e = file_make_dir(dir, 0700);
    if (e == OK) {
        e = write_beside(dir, "model.json", BYTES_LIT(catalogue));
    }
    if (e == OK) {
        e = write_beside(dir, HOME_IMAGE, BYTES_OF(image));
    }
    return e == OK ? write_config(dir, port, trusted) : e;
}
