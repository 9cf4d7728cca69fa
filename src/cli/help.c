#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

static const struct {
    int code;
    const char *text;
} exit_codes[] = {
#define EXIT_CODE_ROW(name, value, text) {(value), (text)},
    EXIT_CODE_LIST(EXIT_CODE_ROW)
#undef EXIT_CODE_ROW
};

static const struct {
    const char *name;
    const char *text;
} variables[] = {
    {"FARHAND_HOME", "the state folder, when --home does not name it (~/.farhand)"},
    {"FARHAND_CODEX", "the codex program, when --codex does not name it"},
    {"FARHAND_CODEX_ENDPOINT", "the app-server to join, as --codex-endpoint"},
    {"FARHAND_RELAY", "the relay, when --relay does not name it; so REMODEX_RELAY"},
    {"FARHAND_WEB", "the folder of the built page, as --web"},
    {"CODEX_HOME", "Codex's own folder (~/.codex)"},
    {"NO_COLOR", "set to anything: no colours"},
};

/* Of the state folder. */
static const struct {
    const char *name;
    const char *text;
} files[] = {
    {"config.toml", "profiles, and the relay of this host"},
    {"policy.toml", "rules of this host"},
    {"audit.jsonl", "who did what; 'farhand audit' reads and proves it"},
    {"state.db", "devices, decisions, counters"},
    {"keys/", "the keys of this host: never copy them to another one"},
    {"hosts/", "the hosts that this machine has joined"},
    {"run/", "sockets, process ids, logs"},
};

void help_overview(void)
{
    cli_say("%sfarhand%s: steer the coding agent on your own machine from anywhere\n",
            cli_bold(), cli_plain());
    cli_say("usage: farhand COMMAND [WORDS] [--OPTIONS]\n");
    for (size_t i = 0; i < n_commands; i++) {
        cli_say("  %s%-16s%s %s", cli_bold(), commands[i]->name, cli_plain(),
                commands[i]->summary);
    }
    cli_say(
        "\nBegin with 'farhand up'. 'farhand help COMMAND' says more; "
        "'farhand help exit-codes' lists the exit codes, 'farhand help environment' "
        "the variables.");
}

static void print_options(const struct cli_command *command)
{
    for (size_t i = 0; i < command->n_options; i++) {
        const struct cli_option *o = &command->options[i];
        char left[40];
        (void)snprintf(left, sizeof(left), "--%s %s", o->name,
                       o->value == NULL ? "" : o->value);
        cli_say("  %s%-24s%s %s", cli_bold(), left, cli_plain(), o->text);
    }
}

void help_command(const struct cli_command *command)
{
    cli_say("%sfarhand %s%s: %s\n", cli_bold(), command->name, cli_plain(),
            command->summary);
    cli_say("usage: farhand %s%s%s%s\n", command->name, command->words[0] ? " " : "",
            command->words, command->n_options == 0 ? "" : " [--OPTIONS]");
    if (command->text[0] != '\0') {
        cli_say("%s\n", command->text);
    }
    print_options(command);
}

void help_exit_codes(void)
{
    for (size_t i = 0; i < COUNT(exit_codes); i++) {
        cli_say("  %3d  %s", exit_codes[i].code, exit_codes[i].text);
    }
}

void help_environment(void)
{
    for (size_t i = 0; i < COUNT(variables); i++) {
        cli_say("  %-24s%s", variables[i].name, variables[i].text);
    }
}

/* man(7): a dot or quote at the start of a line and every backslash and minus are
 * special. */
static void man_text(const char *text)
{
    bool at_start = true;
    for (; *text != '\0'; text++) {
        if (at_start && (*text == '.' || *text == '\'')) {
            (void)fputs("\\&", stdout);
        }
        at_start = *text == '\n';
        if (*text == '\\') {
            (void)fputs("\\e", stdout);
        } else if (*text == '-') {
            (void)fputs("\\-", stdout);
        } else {
            (void)putchar(*text);
        }
    }
    (void)putchar('\n');
}

static void man_command(const struct cli_command *c)
{
    (void)printf(".SS \"farhand %s %s\"\n", c->name, c->words);
    man_text(c->summary);
    if (c->text[0] != '\0') {
        (void)puts(".PP");
        man_text(c->text);
    }
    for (size_t i = 0; i < c->n_options; i++) {
        (void)printf(".TP\n.B \\-\\-%s %s\n", c->options[i].name,
                     c->options[i].value == NULL ? "" : c->options[i].value);
        man_text(c->options[i].text);
    }
}

void help_man(void)
{
    (void)printf(".TH FARHAND 1 \"\" \"farhand %s\"\n", FARHAND_VERSION);
    (void)puts(".SH NAME\nfarhand \\- steer the coding agent on your own machine from "
               "anywhere\n.SH SYNOPSIS\n.B farhand\n.I command\n[words] [options]\n"
               ".SH COMMANDS");
    for (size_t i = 0; i < n_commands; i++) {
        man_command(commands[i]);
    }
    (void)puts(".SH EXIT STATUS");
    for (size_t i = 0; i < COUNT(exit_codes); i++) {
        (void)printf(".TP\n.B %d\n", exit_codes[i].code);
        man_text(exit_codes[i].text);
    }
    (void)puts(".SH ENVIRONMENT");
    for (size_t i = 0; i < COUNT(variables); i++) {
        (void)printf(".TP\n.B %s\n", variables[i].name);
        man_text(variables[i].text);
    }
    (void)puts(".SH FILES");
    for (size_t i = 0; i < COUNT(files); i++) {
        (void)printf(".TP\n.I %s\n", files[i].name);
        man_text(files[i].text);
    }
}

static void completion_bash(void)
{
    (void)puts("_farhand() {\n    local cur=${COMP_WORDS[COMP_CWORD]}\n"
               "    if [ \"$COMP_CWORD\" = 1 ]; then");
    (void)fputs("        COMPREPLY=($(compgen -W \"", stdout);
    for (size_t i = 0; i < n_commands; i++) {
        (void)printf("%s ", commands[i]->name);
    }
    (void)puts(
        "\" -- \"$cur\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in");
    for (size_t i = 0; i < n_commands; i++) {
        (void)printf("    %s) COMPREPLY=($(compgen -W \"", commands[i]->name);
        for (size_t k = 0; k < commands[i]->n_options; k++) {
            (void)printf("--%s ", commands[i]->options[k].name);
        }
        (void)puts("\" -- \"$cur\")) ;;");
    }
    (void)puts("    esac\n}\ncomplete -o default -F _farhand farhand");
}

/* A text inside single quotes: `escape` stands for a quote in the shell's own way. */
static void put_quoted(const char *text, const char *escape)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs(escape, stdout);
        } else {
            (void)putchar(*text);
        }
    }
}

static void completion_zsh(void)
{
    (void)puts("#compdef farhand\n_farhand() {\n    local -a commands\n    commands=(");
    for (size_t i = 0; i < n_commands; i++) {
        (void)printf("        '%s:", commands[i]->name);
        put_quoted(commands[i]->summary, "'\\''");
        (void)puts("'");
    }
    (void)puts(
        "    )\n    if (( CURRENT == 2 )); then _describe command commands; return; "
        "fi\n    case $words[2] in");
    for (size_t i = 0; i < n_commands; i++) {
        (void)printf("    %s) _arguments", commands[i]->name);
        for (size_t k = 0; k < commands[i]->n_options; k++) {
            const struct cli_option *o = &commands[i]->options[k];
            (void)printf(" '--%s%s'", o->name, o->value == NULL ? "" : "=");
        }
        (void)puts(" '*:: :_files' ;;");
    }
    (void)puts("    esac\n}\n_farhand \"$@\"");
}

static void completion_fish(void)
{
    for (size_t i = 0; i < n_commands; i++) {
        const struct cli_command *c = commands[i];
        (void)printf("complete -c farhand -f -n __fish_use_subcommand -a %s -d '",
                     c->name);
        put_quoted(c->summary, "\\'");
        (void)puts("'");
        for (size_t k = 0; k < c->n_options; k++) {
            (void)printf(
                "complete -c farhand -n '__fish_seen_subcommand_from %s' -l %s%s\n",
                c->name, c->options[k].name, c->options[k].value == NULL ? "" : " -r");
        }
    }
}

enum err help_completion(const char *shell)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {
        {"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    for (size_t i = 0; i < COUNT(shells); i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].print();
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}
