/* SPDX-License-Identifier: Apache-2.0 */
/* What main builds once and every command gets. */
#pragma once

#include "base/conf.h"
#include "base/log.h"
#include "settings.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,       /* the command line or the configuration */
	EXIT_UNDELIVERED = 3, /* sampled, but not delivered */
	EXIT_WRAPPER = 125,   /* `run`: our own failure before CMD started */
};

/* Where the host has its state: root's, and that of the user whom the service runs as. */
#define HOST_STATE LOCALSTATEDIR "/lib/peekpush"

struct app {
	struct conf *conf;
	struct log log;
	bool conf_private; /* `run` and `metric` only: the file is not for this user to read */
	bool conf_broken;  /* `run` only: the file is unusable, conf holds the rest */
	int argc;
	char **argv; /* as main got them */
	/* Reads file, environment and command line anew. 0 or an exit status, having said why. */
	int (*reload)(struct app *app, struct conf **ret);
};

struct command {
	const char *name;
	const char *args;    /* "[--] CMD [ARG...]" */
	const char *help;    /* one sentence, for the list of commands */
	const char *details; /* further paragraphs for COMMAND --help; may be NULL */
	const struct opt_section *const *sections; /* whose options it takes; the first wins */
	int usage_status;         /* exit status for bad usage, EXIT_USAGE unless set */
	bool survives_bad_config; /* runs with conf_broken or conf_private instead of failing */
	int (*main)(struct app *app, int argc, char *argv[]);
};

/*
 * Opens the state directory, making it when it is missing. Returns the fd or -errno; then
 * ret_why tells, naming the directory.
 */
int app_state_dir(const struct app *app, struct arena *arena, struct str *ret_why);

/* Opens it only where it is there. The fd or -errno. */
int app_find_state_dir(const struct app *app, struct arena *arena);

/* Ends the message of a command that takes no further words: EXIT_USAGE. */
int app_no_words(const struct app *app, int argc, char *argv[]);

/*
 * Logs why a value that parses cannot be used. Where the reason begins with a key, "push.url: ",
 * it is told with the file and line, or the option, that the value comes from.
 */
void app_bad_value(const struct app *app, struct str why);
