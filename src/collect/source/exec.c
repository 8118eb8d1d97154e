/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands whose output is metrics. Each runs in a session of its own, with an environment that
 * has nothing of ours, and with no privilege but that of being its user: our capabilities are for
 * reading what the host says, not for whatever somebody calls from a script.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/caps.h"
#include "collect/source/relabel.h"
#include "collect/source/relay.h"

#define SECOND INT64_C(1000000000)
#define SIZE_LIMIT (UINT64_C(64) << 20)

/* Of the exit status, as shells have it. */
enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

struct command_conf {
	struct str name;
	struct opt_list command;
	int64_t interval_ns, timeout_ns, max_age_ns;
	struct str user, directory;
	struct opt_map environment, labels;
	uint64_t max_size;
	struct metrics_filter filter;
};

struct exec_conf {
	struct opt_groups commands;
};

static const struct opt command_opts[] = {
	{ OPT_ROW("name", OPT_STRING, struct command_conf, name, NULL, "NAME",
		  "what it is called in logs and metrics") },
	{ OPT_ROW("command", OPT_LIST, struct command_conf, command, NULL, "WORD,...",
		  "the program and its arguments, each a word; no shell is between") },
	{ OPT_ROW("interval", OPT_DURATION, struct command_conf, interval_ns, "1m", "TIME",
		  "time between two starts"),
	  .min = SECOND, .max = 86400 * SECOND },
	{ OPT_ROW("timeout", OPT_DURATION, struct command_conf, timeout_ns, "10s", "TIME",
		  "how long it may run"),
	  .min = SECOND / 100, .max = 86400 * SECOND },
	{ OPT_ROW("max_age", OPT_DURATION, struct command_conf, max_age_ns, "auto", "auto|TIME",
		  "how long a result is pushed; auto: three intervals and the timeout"),
	  .choices = "auto", .min = SECOND, .max = 31 * 86400 * SECOND },
	{ OPT_ROW("user", OPT_STRING, struct command_conf, user, "", "NAME",
		  "whom it runs as; empty: as peekpush itself") },
	{ OPT_ROW("directory", OPT_STRING, struct command_conf, directory, "/", "DIR",
		  "where it runs") },
	{ OPT_ROW("environment", OPT_MAP, struct command_conf, environment, "", "KEY=VALUE",
		  "variables beside PATH, HOME, USER and LOGNAME") },
	{ OPT_ROW("max_size", OPT_SIZE, struct command_conf, max_size, "1M", "SIZE",
		  "a command that prints more is ended and its output not used") },
	{ OPT_ROW("labels", OPT_MAP, struct command_conf, labels, "", "KEY=VALUE",
		  "added to samples that have none of that name") },
	METRICS_FILTER_OPTS(struct command_conf, filter),
	{ 0 },
};

static int check_command(const void *data, struct arena *arena, struct str *ret_why)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-";
	const struct command_conf *conf = data;

	if (conf->name.n > 64 || strspn(conf->name.p, legal) != conf->name.n)
		*ret_why = STR("name: expected up to 64 of letters, digits, _ and -");
	else if (!conf->command.n || !conf->command.v[0].n)
		*ret_why = STR("command: expected a program, such as (\"/bin/df\", \"/srv\")");
	else if (!conf->directory.n || conf->directory.p[0] != '/')
		*ret_why = STR("directory: expected one that begins with /");
	else if (!conf->max_size || conf->max_size > SIZE_LIMIT)
		*ret_why = STR("max_size: expected up to 64M");
	else
		return relabel_check_labels(&conf->labels, arena, ret_why);
	return -EINVAL;
}

static const struct opt_section section_command = {
	.path = "exec.commands",
	.help = "a command",
	.opts = command_opts,
	.size = sizeof(struct command_conf),
	.check = check_command,
};

static const struct opt exec_opts[] = {
	{ OPT_ROW("commands", OPT_GROUPS, struct exec_conf, commands, "", "({...})",
		  "commands whose output is pushed"),
	  .group = &section_command },
	{ 0 },
};

static const struct opt_section section_exec = {
	.path = "exec",
	.help = "commands whose output is metrics",
	.opts = exec_opts,
	.size = sizeof(struct exec_conf),
};

struct command {
	const struct command_conf *conf;
	char **argv;
	struct relabel relabel;
	struct feed_hook hook;
	struct metrics_filter filter;
	struct relay relay;
};

struct exec_self {
	struct arena arena, text;
	size_t n;
	struct command *commands;
	struct keeper_source *sources;
	struct keeper keeper;
};

static int complain(int status, const char *what, const char *why)
{
	(void)dprintf(STDERR_FILENO, "%s: %s\n", what, why);
	return status;
}

/* For good, also of what a set-user-ID program would give back. */
static int become(const struct passwd *user)
{
	if (user->pw_uid != geteuid() && (initgroups(user->pw_name, user->pw_gid) < 0 ||
					  setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
					  setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0))
		return complain(CANNOT_EXECUTE, user->pw_name,
				errno == EPERM ? "only root may run a command as another user"
					       : strerror(errno));
	if (geteuid() != 0 && caps_drop(CAPS_ALL) < 0)
		return complain(CANNOT_EXECUTE, user->pw_name, "capabilities are not given up");
	/* A change of user has unset it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

static void set_environment(const struct command_conf *conf, const struct passwd *user)
{
	(void)clearenv();
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (user) {
		(void)setenv("HOME", user->pw_dir, 1);
		(void)setenv("USER", user->pw_name, 1);
		(void)setenv("LOGNAME", user->pw_name, 1);
	}
	for (size_t i = 0; i < conf->environment.n; i++)
		(void)setenv(conf->environment.v[i].key.p, conf->environment.v[i].value.p, 1);
}

/* In a child of its own: whoever is asked for the user may take his time, too. */
static int execute(const struct keeper_source *source)
{
	const struct command *command = source->arg;
	const struct command_conf *conf = command->conf;
	const struct passwd *user = conf->user.n ? getpwnam(conf->user.p) : getpwuid(geteuid());
	int status = 0;

	if (conf->user.n && !user)
		return complain(CANNOT_EXECUTE, conf->user.p, "there is no such user");
	if (conf->user.n)
		status = become(user);
	else if (geteuid() != 0 && caps_drop(CAPS_ALL) < 0)
		status =
			complain(CANNOT_EXECUTE, command->argv[0], "capabilities are not given up");
	if (status)
		return status;
	set_environment(conf, user);
	if (chdir(conf->directory.p) < 0)
		return complain(CANNOT_EXECUTE, conf->directory.p, strerror(errno));
	(void)execvp(command->argv[0], command->argv);
	return complain(errno == ENOENT ? NOT_FOUND : CANNOT_EXECUTE, command->argv[0],
			errno == ENOENT
				? "not found (or the program that its first line names is not)"
				: strerror(errno));
}

static int64_t max_age(const struct command_conf *conf, const struct host *host)
{
	int64_t interval = conf->interval_ns;

	if (conf->max_age_ns >= 0)
		return conf->max_age_ns;
	if (interval < host->interval_ns)
		interval = host->interval_ns;
	return 3 * interval + conf->timeout_ns;
}

/* A result of another command, or of another user's, is not one of this. */
static uint64_t version(const struct command_conf *conf, struct arena *arena)
{
	struct str all = ARENA_CONCAT(arena, conf->user, STR("\n"), conf->directory);

	for (size_t i = 0; i < conf->command.n; i++)
		all = ARENA_CONCAT(arena, all, STR("\n"), conf->command.v[i]);
	for (size_t i = 0; i < conf->environment.n; i++)
		all = ARENA_CONCAT(arena, all, STR("\n"), conf->environment.v[i].key, STR("="),
				   conf->environment.v[i].value);
	return str_hash(all);
}

static const struct relay_kind kind = {
	.label = "command",
	.status = "exit status",
	.success = {
		"peekpush_exec_success",
		"1 when the command's newest result is one of success and all of it could be read.",
		METRIC_GAUGE,
	},
	.duration = {
		"peekpush_exec_duration_seconds",
		"Time that the command took for its newest result.",
		METRIC_GAUGE,
	},
	.timestamp = {
		"peekpush_exec_timestamp_seconds",
		"When the command's newest result was begun, in seconds since 1970.",
		METRIC_GAUGE,
	},
	.samples = {
		"peekpush_exec_samples",
		"Samples of the command's newest result, before filters and limits.",
		METRIC_GAUGE,
	},
};

static void open_command(struct exec_self *self, size_t i, const struct command_conf *conf,
			 const struct host *host)
{
	struct arena *arena = &self->arena;
	struct command *command = &self->commands[i];
	struct str words = { 0 };

	command->conf = conf;
	command->argv = arena_zalloc(arena, conf->command.n + 1, sizeof(*command->argv));
	for (size_t k = 0; k < conf->command.n; k++) {
		command->argv[k] = arena_cstr(arena, conf->command.v[k]);
		words = ARENA_CONCAT(arena, words, k ? STR(" ") : STR(""), conf->command.v[k]);
	}
	command->relabel = (struct relabel){ .labels = conf->labels };
	command->hook = (struct feed_hook){ relabel_sample, &command->relabel, false };
	command->relay = (struct relay){
		.kind = &kind,
		.name = conf->name,
		.reads = words,
		.hook = conf->labels.n ? &command->hook : NULL,
	};
	if (metrics_filter_open(&conf->filter, arena, &command->filter))
		command->relay.filter = &command->filter;
	self->sources[i] = (struct keeper_source){
		.name = arena_printf(arena, "exec.%.*s", STR_ARG(conf->name)),
		.version = version(conf, arena),
		.interval_ns = conf->interval_ns,
		.timeout_ns = conf->timeout_ns,
		.max_age_ns = max_age(conf, host),
		.max_size = conf->max_size,
		.fetch = execute,
		.arg = command,
	};
}

static int open_exec(struct collect *c)
{
	const struct exec_conf *conf = c->conf;
	const struct command_conf *commands = conf->commands.v;
	struct exec_self *self = c->self;

	self->n = conf->commands.n;
	self->commands = arena_zalloc(&self->arena, self->n + 1, sizeof(*self->commands));
	self->sources = arena_zalloc(&self->arena, self->n + 1, sizeof(*self->sources));
	for (size_t i = 0; i < self->n; i++)
		open_command(self, i, &commands[i], c->host);
	keeper_open(&self->keeper, c, "exec.", self->sources, self->n);
	return 0;
}

static void begin(struct collect *c)
{
	struct exec_self *self = c->self;

	keeper_start(&self->keeper);
}

static int run(struct collect *c)
{
	struct exec_self *self = c->self;

	if (!self->n)
		return collect_fail(c, -ENODATA, "no commands are configured");
	keeper_wait(&self->keeper);
	for (size_t i = 0; i < self->n; i++)
		relay_result(c, &self->commands[i].relay, &self->keeper, i, &self->text);
	return 0;
}

static void close_exec(struct collect *c)
{
	struct exec_self *self = c->self;

	keeper_close(&self->keeper);
	for (size_t i = 0; i < self->n; i++)
		metrics_filter_close(&self->commands[i].filter);
	arena_release(&self->text);
	arena_release(&self->arena);
}

static bool is_wanted(const struct conf *settings)
{
	const struct exec_conf *conf = conf_get(settings, &section_exec);

	return conf->commands.n > 0;
}

const struct collector collector_exec = {
	.name = "exec",
	.help = "metrics that commands print",
	.reads = "exec.commands",
	.live_only = "exec.commands",
	.on_by = is_wanted,
	.ours = true,
	.section = &section_exec,
	.self_size = sizeof(struct exec_self),
	.open = open_exec,
	.begin = begin,
	.run = run,
	.close = close_exec,
};
