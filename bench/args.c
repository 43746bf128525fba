/* SPDX-License-Identifier: MIT */
/* The command line of the workloads: numbers, words and flags, each checked against its limits.
 *
 * Positional arguments may be left out from the right and then keep their defaults; options may
 * stand anywhere. A message names the argument, what it got and what it takes.
 */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hk_bench_program *running;

static bool is_option(const char *name)
{
    return strncmp(name, "--", 2) == 0;
}

void hk_bench_usage_error(const struct hk_bench_program *program, const char *message)
{
    fprintf(stderr, "%s: %s\n%s: try --help\n", program->name, message, program->name);
    exit(2);
}

static _Noreturn void bad_value(const struct hk_bench_arg *arg, const char *text)
{
    fprintf(stderr, "%s: %s cannot be '%s': it takes ", running->name, arg->name, text);
    if (arg->words == NULL) {
        fprintf(stderr, "a number from %" PRIu64 " to %" PRIu64 "\n", arg->min, arg->max);
    } else {
        for (size_t i = 0; arg->words[i] != NULL; i++) {
            fprintf(stderr, "%s%s", i == 0 ? "" : " or ", arg->words[i]);
        }
        fprintf(stderr, "\n");
    }
    exit(2);
}

static uint64_t parse_word(const struct hk_bench_arg *arg, const char *text)
{
    for (size_t i = 0; arg->words[i] != NULL; i++) {
        if (strcmp(arg->words[i], text) == 0) {
            return i;
        }
    }
    bad_value(arg, text);
}

static uint64_t parse_number(const struct hk_bench_arg *arg, const char *text)
{
    char *end = NULL;

    /* strtoull takes a minus sign and leading blanks, neither of which makes sense here */
    if (text[0] < '0' || text[0] > '9') {
        bad_value(arg, text);
    }
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < arg->min || number > arg->max) {
        bad_value(arg, text);
    }
    return number;
}

static void store(const struct hk_bench_arg *arg, const char *text)
{
    *arg->value = arg->words != NULL ? parse_word(arg, text) : parse_number(arg, text);
}

static void print_arg(const struct hk_bench_arg *arg)
{
    printf("  %-14s %s", arg->name, arg->help);
    if (arg->words != NULL) {
        printf(" (");
        for (size_t i = 0; arg->words[i] != NULL; i++) {
            printf("%s%s", i == 0 ? "" : ", ", arg->words[i]);
        }
        printf("; default %s)", arg->words[*arg->value]);
    } else if (!arg->flag) {
        printf(" (%" PRIu64 "..%" PRIu64 ", default %" PRIu64 ")", arg->min, arg->max, *arg->value);
    }
    printf("\n");
}

static _Noreturn void print_help(void)
{
    printf("usage: %s", running->name);
    for (const struct hk_bench_arg *arg = running->args; arg->name != NULL; arg++) {
        printf(is_option(arg->name) ? (arg->flag ? " [%s]" : " [%s N]") : " [%s]", arg->name);
    }
    printf("\n%s\n\n", running->summary);
    for (const struct hk_bench_arg *arg = running->args; arg->name != NULL; arg++) {
        print_arg(arg);
    }
    printf("\nPrints one line: workload= ops= seconds= ops_per_s= peak_rss_kib=. An operation is\n"
           "one malloc, one calloc, one realloc or one free. Exit status: 0, 1 if the run failed,\n"
           "2 for bad arguments.\n");
    exit(0);
}

static const struct hk_bench_arg *find_option(const char *name)
{
    for (const struct hk_bench_arg *arg = running->args; arg->name != NULL; arg++) {
        if (is_option(arg->name) && strcmp(arg->name, name) == 0) {
            return arg;
        }
    }
    fprintf(stderr, "%s: unknown option '%s'; try --help\n", running->name, name);
    exit(2);
}

/* -> the first positional argument from `arg` on; the closing entry if there is none. */
static const struct hk_bench_arg *skip_options(const struct hk_bench_arg *arg)
{
    while (arg->name != NULL && is_option(arg->name)) {
        arg++;
    }
    return arg;
}

/* -> how many words of the command line the option took beside its name */
static int parse_option(const char *name, const char *value)
{
    if (strcmp(name, "--help") == 0) {
        print_help();
    }
    const struct hk_bench_arg *option = find_option(name);
    if (option->flag) {
        *option->value = 1;
        return 0;
    }
    if (value == NULL) {
        fprintf(stderr, "%s: %s needs a value; try --help\n", running->name, name);
        exit(2);
    }
    store(option, value);
    return 1;
}

void hk_bench_parse(const struct hk_bench_program *program, int argc, char **argv)
{
    running = program;
    const struct hk_bench_arg *next = skip_options(program->args);

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            /* argv ends with a NULL, so the word after the last one may be looked at */
            i += parse_option(argv[i], argv[i + 1]);
            continue;
        }
        if (next->name == NULL) {
            fprintf(stderr, "%s: '%s' is one argument too many; try --help\n", program->name,
                    argv[i]);
            exit(2);
        }
        store(next, argv[i]);
        next = skip_options(next + 1);
    }
}
