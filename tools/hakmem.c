/* SPDX-License-Identifier: MIT */
/* The command: run a program with the library preloaded, and say what was built.
 *
 * `run` replaces itself by the program (exec), so exit status, signals and standard streams are the
 * program's own. Our own failures follow the shell: 127 not found, 126 not to be started, 2 usage.
 */
#include "hakmem_config.h"
#include "preload.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EXIT_USAGE = 2,
    EXIT_NOT_STARTED = 126,
    EXIT_NOT_FOUND = 127,
};

static const char help[] =
    "usage: hakmem run [--lib PATH] [--stats[=FILE]] [--] CMD [ARG...]\n"
    "       hakmem config\n"
    "       hakmem help | --help | --version\n"
    "\n"
    "run      start CMD with the library in front of LD_PRELOAD; CMD's exit status is the result\n"
    "config   print version, variant and boxes that this build was configured with\n"
    "\n"
    "--stats  when CMD ends, add statistics of its memory to FILE, else print them on stderr;\n"
    "         so do the programs that CMD starts\n"
    "\n"
    "The library is PATH, else $HAKMEM_LIB, else the one that belongs to this command.\n"
    "Exit status: 2 bad usage or no library, 126 CMD cannot be started, 127 CMD was not found.\n";

/* What the options of run ask for. */
struct wishes {
    const char *library; /* NULL: find it */
    bool stats;
    const char *stats_file; /* NULL: standard error */
};

/* Print one line on stderr. -> EXIT_USAGE. */
static int usage_error(const char *what, const char *word)
{
    fprintf(stderr, "hakmem: %s '%s'; see: hakmem help\n", what, word);
    return EXIT_USAGE;
}

/* Put `library` in front of what LD_PRELOAD names already. -> 0 or errno. */
static int prepend_preload(const char *library)
{
    const char *old = getenv("LD_PRELOAD");
    char *both = NULL;

    if (old == NULL || *old == '\0') {
        return setenv("LD_PRELOAD", library, 1) == 0 ? 0 : errno;
    }
    if (asprintf(&both, "%s:%s", library, old) < 0) {
        return ENOMEM;
    }
    int err = setenv("LD_PRELOAD", both, 1) == 0 ? 0 : errno;
    free(both);
    return err;
}

/* Have the library report: to `file`, or to standard error if that is NULL. -> 0 or errno. */
static int ask_for_stats(const char *file)
{
    char *path = NULL;

    if (file != NULL && strcmp(file, "-") != 0) {
        path = hk_absolute_path(file);
        if (path == NULL) {
            return errno != 0 ? errno : ENOMEM;
        }
    }
    int err = setenv("HAKMEM_STATS", path != NULL ? path : "1", 1) == 0 ? 0 : errno;
    free(path);
    return err;
}

static int not_started(const char *command, int err)
{
    if (err == ENOENT) {
        fprintf(stderr, "hakmem: %s: command not found\n", command);
        return EXIT_NOT_FOUND;
    }
    fprintf(stderr, "hakmem: %s: cannot be started: %s\n", command, strerror(err));
    return EXIT_NOT_STARTED;
}

static int start(const struct wishes *wishes, const char *library, char **command)
{
    char *program = hk_find_program(command[0]);

    if (program == NULL) {
        return not_started(command[0], errno);
    }
    if (hk_is_privileged(program)) {
        fprintf(stderr,
                "hakmem: warning: %s gains privileges when started, so the loader would ignore the "
                "library; not started. Run it without hakmem, or (sudo) put 'hakmem run --' behind "
                "it\n",
                program);
        return EXIT_NOT_STARTED;
    }
    if (hk_is_static(program)) {
        fprintf(stderr, "hakmem: warning: %s is linked statically and keeps its own malloc\n",
                program);
    }
    int err = prepend_preload(library);
    if (err == 0 && wishes->stats) {
        err = ask_for_stats(wishes->stats_file);
    }
    if (err != 0) {
        return not_started(command[0], err);
    }
    execv(program, command);
    if (errno == ENOEXEC) {
        /* as execvp and the shells do with a script that names no interpreter */
        execvp(command[0], command);
    }
    if (errno == ENOENT) {
        fprintf(stderr, "hakmem: %s: its interpreter was not found\n", program);
        return EXIT_NOT_FOUND;
    }
    return not_started(command[0], errno);
}

/* Read one option of run; *argv is moved to its last word. -> 0 or EXIT_USAGE. */
static int read_option(char ***argv, struct wishes *wishes)
{
    char *word = **argv;

    if (strncmp(word, "--lib=", strlen("--lib=")) == 0) {
        wishes->library = word + strlen("--lib=");
    } else if (strcmp(word, "--lib") == 0) {
        if ((*argv)[1] == NULL) {
            return usage_error("a path is missing behind", word);
        }
        wishes->library = *++*argv;
    } else if (strcmp(word, "--stats") == 0) {
        wishes->stats = true;
        wishes->stats_file = NULL;
    } else if (strncmp(word, "--stats=", strlen("--stats=")) == 0) {
        wishes->stats = true;
        wishes->stats_file = word + strlen("--stats=");
        if (*wishes->stats_file == '\0') {
            return usage_error("a file is missing behind", word);
        }
    } else {
        return usage_error("run has no option", word);
    }
    return 0;
}

static int run(char **argv)
{
    struct wishes wishes = {0};

    for (; *argv != NULL && **argv == '-'; argv++) {
        if (strcmp(*argv, "--") == 0) {
            argv++;
            break;
        }
        if (strcmp(*argv, "--help") == 0) {
            return fputs(help, stdout) < 0;
        }
        int status = read_option(&argv, &wishes);
        if (status != 0) {
            return status;
        }
    }
    if (*argv == NULL) {
        return usage_error("no command to run; write", "hakmem run -- CMD [ARG...]");
    }
    char *library = hk_find_library(wishes.library);
    return library == NULL ? EXIT_USAGE : start(&wishes, library, argv);
}

static int config(char **argv)
{
    if (*argv != NULL) {
        return usage_error("config takes no argument, got", *argv);
    }
    fputs(HAKMEM_CONFIG_TEXT, stdout);
    return 0;
}

static int print(char **argv, const char *text)
{
    if (*argv != NULL) {
        return usage_error("nothing more is expected, got", *argv);
    }
    fputs(text, stdout);
    return 0;
}

/* -> exit status of the command named by argv[0]. */
static int dispatch(char **argv)
{
    const char *name = argv[0];

    if (strcmp(name, "run") == 0) {
        return run(argv + 1);
    }
    if (strcmp(name, "config") == 0) {
        return config(argv + 1);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return print(argv + 1, help);
    }
    if (strcmp(name, "--version") == 0) {
        return print(argv + 1, "hakmem " HAKMEM_VERSION "\n");
    }
    return usage_error(*name == '-' ? "unknown option" : "unknown command", name);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("hakmem: a command is missing: run, config or help; see: hakmem help\n", stderr);
        return EXIT_USAGE;
    }
    int status = dispatch(argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "hakmem: standard output: %s\n", strerror(errno));
        return 1;
    }
    return status;
}
