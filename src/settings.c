/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#define SECOND INT64_C(1000000000)

/* Reachable from the file and --set like any other, though meant for the command line. */
static const struct opt main_opts[] = {
	{
		.name = "config",
		.type = OPT_STRING,
		.offset = offsetof(struct main_conf, config),
		.preset = SYSCONFDIR "/peekpush/peekpush.conf",
		.flag = "config",
		.letter = 'c',
		.env = "PEEKPUSH_CONFIG",
		.arg = "FILE",
		.help = "read FILE, and conf.d/*.conf in its directory",
	},
	{
		.name = "verbose",
		.type = OPT_BOOL,
		.offset = offsetof(struct main_conf, verbose),
		.preset = "false",
		.flag = "verbose",
		.letter = 'v',
		.help = "say more, also of what went well",
	},
	{
		.name = "quiet",
		.type = OPT_BOOL,
		.offset = offsetof(struct main_conf, quiet),
		.preset = "false",
		.flag = "quiet",
		.letter = 'q',
		.help = "say errors only",
	},
	{
		.name = "version",
		.type = OPT_BOOL,
		.offset = offsetof(struct main_conf, version),
		.preset = "false",
		.flag = "version",
		.help = "print the version and exit",
	},
	{ 0 },
};

const struct opt_section section_main = {
	.path = "main",
	.help = "general",
	.opts = main_opts,
	.size = sizeof(struct main_conf),
};

#define ROOT(field, preset_path, what)                                                           \
	{                                                                                        \
		.name = #field, .type = OPT_STRING, .offset = offsetof(struct host_conf, field), \
		.preset = preset_path, .flag = #field, .arg = "DIR",                             \
		.help = "read " what " below DIR",                                               \
	}

static const struct opt host_opts[] = {
	ROOT(procfs, "/proc", "/proc"),
	ROOT(sysfs, "/sys", "/sys"),
	ROOT(rootfs, "/", "file systems and /etc"),
	ROOT(udev, "/run/udev", "udev's data"),
	{ 0 },
};

const struct opt_section section_host = {
	.path = "host",
	.help = "where the host is read",
	.opts = host_opts,
	.size = sizeof(struct host_conf),
};

static const struct opt push_opts[] = {
	{
		.name = "url",
		.type = OPT_STRING,
		.offset = offsetof(struct push_conf, url),
		.preset = "http://127.0.0.1:9091",
		.flag = "url",
		.env = "PEEKPUSH_URL",
		.arg = "URL",
		.help = "the Pushgateway: http://, https://, file:///PATH or stdout:",
	},
	{
		.name = "job",
		.type = OPT_STRING,
		.offset = offsetof(struct push_conf, job),
		.preset = "peekpush",
		.flag = "job",
		.env = "PEEKPUSH_JOB",
		.arg = "NAME",
		.help = "value of the grouping label job",
	},
	{
		.name = "instance",
		.type = OPT_STRING,
		.offset = offsetof(struct push_conf, instance),
		.preset = "",
		.flag = "instance",
		.env = "PEEKPUSH_INSTANCE",
		.arg = "NAME",
		.help = "value of the grouping label instance; empty: the host name",
	},
	{
		.name = "labels",
		.type = OPT_MAP,
		.offset = offsetof(struct push_conf, labels),
		.preset = "",
		.flag = "label",
		.letter = 'l',
		.env = "PEEKPUSH_LABELS",
		.arg = "KEY=VALUE",
		.help = "a further grouping label; may be given more than once",
	},
	{
		.name = "interval",
		.type = OPT_DURATION,
		.offset = offsetof(struct push_conf, interval_ns),
		.preset = "15s",
		.flag = "interval",
		.arg = "TIME",
		.help = "time between two pushes of the agent, or of the timer that calls push",
		.min = SECOND / 100,
		.max = 86400 * SECOND,
	},
	{
		.name = "timeout",
		.type = OPT_DURATION,
		.offset = offsetof(struct push_conf, timeout_ns),
		.preset = "5s",
		.flag = "push-timeout",
		.arg = "TIME",
		.help = "limit for one delivery, everything included; kept below the interval",
		.min = SECOND / 200,
		.max = 600 * SECOND,
	},
	{
		.name = "splay",
		.type = OPT_DURATION,
		.offset = offsetof(struct push_conf, splay_ns),
		.preset = "auto",
		.choices = "auto",
		.arg = "auto|TIME",
		.help = "where in the interval the agent pushes; auto: by a hash of the group",
	},
	{
		.name = "method",
		.type = OPT_CHOICE,
		.offset = offsetof(struct push_conf, method),
		.preset = "POST",
		.choices = "POST|PUT",
		.arg = "POST|PUT",
		.help = "POST replaces families (and the group when one has gone), PUT always the "
			"group",
	},
	{
		.name = "format",
		.type = OPT_CHOICE,
		.offset = offsetof(struct push_conf, format),
		.preset = "auto",
		.choices = "auto|text|protobuf",
		.arg = "auto|text|protobuf",
		.help = "encoding; auto: protobuf where a Pushgateway answers, else text",
	},
	{
		.name = "compression",
		.type = OPT_CHOICE,
		.offset = offsetof(struct push_conf, compression),
		.preset = "auto",
		.choices = "auto|none|gzip",
		.arg = "auto|none|gzip",
		.help = "compression of what is sent; auto: gzip, but not over loopback",
	},
	{
		.name = "delete_on_stop",
		.type = OPT_BOOL,
		.offset = offsetof(struct push_conf, delete_on_stop),
		.preset = "false",
		.help = "an orderly stop deletes the group (short-lived hosts)",
	},
	{
		.name = "user",
		.type = OPT_STRING,
		.offset = offsetof(struct push_conf, user),
		.preset = "",
		.arg = "NAME",
		.help = "user for basic authentication",
	},
	{
		.name = "password_file",
		.type = OPT_STRING,
		.offset = offsetof(struct push_conf, password_file),
		.preset = "",
		.arg = "FILE",
		.help = "file whose first line is the password",
	},
	{
		.name = "bearer_token_file",
		.type = OPT_STRING,
		.offset = offsetof(struct push_conf, bearer_token_file),
		.preset = "",
		.arg = "FILE",
		.help = "file whose first line is a bearer token",
	},
	{ 0 },
};

const struct opt_section section_push = {
	.path = "push",
	.help = "where to and how",
	.opts = push_opts,
	.size = sizeof(struct push_conf),
};

static const struct opt stop_opts[] = {
	{
		.name = "last",
		.type = OPT_BOOL,
		.offset = offsetof(struct stop_conf, last),
		.preset = "false",
		.flag = "last",
		.help = "say peekpush_running 0: the last push before an orderly stop",
	},
	{ 0 },
};

const struct opt_section section_stop = {
	.path = "stop",
	.help = "the end",
	.opts = stop_opts,
	.size = sizeof(struct stop_conf),
};

static const struct opt tls_opts[] = {
	{
		.name = "ca",
		.type = OPT_STRING,
		.offset = offsetof(struct tls_conf, ca),
		.preset = "",
		.arg = "FILE",
		.help = "certificates to trust instead of the system's",
	},
	{
		.name = "cert",
		.type = OPT_STRING,
		.offset = offsetof(struct tls_conf, cert),
		.preset = "",
		.arg = "FILE",
		.help = "client certificate",
	},
	{
		.name = "key",
		.type = OPT_STRING,
		.offset = offsetof(struct tls_conf, key),
		.preset = "",
		.arg = "FILE",
		.help = "key of the client certificate",
	},
	{
		.name = "insecure",
		.type = OPT_BOOL,
		.offset = offsetof(struct tls_conf, insecure),
		.preset = "false",
		.help = "do not verify the gateway's certificate",
	},
	{ 0 },
};

const struct opt_section section_tls = {
	.path = "push.tls",
	.help = "TLS to the gateway",
	.opts = tls_opts,
	.size = sizeof(struct tls_conf),
};

static const struct opt state_opts[] = {
	{
		.name = "dir",
		.type = OPT_STRING,
		.offset = offsetof(struct state_conf, dir),
		.preset = "",
		.flag = "state-dir",
		.env = "PEEKPUSH_STATE_DIR",
		.arg = "DIR",
		.help = "where to keep counters and undelivered results; empty: " LOCALSTATEDIR
			"/lib/peekpush for root and its owner, else $XDG_STATE_HOME/peekpush",
	},
	{ 0 },
};

const struct opt_section section_state = {
	.path = "state",
	.help = "what is kept between cycles",
	.opts = state_opts,
	.size = sizeof(struct state_conf),
};

static const struct opt limits_opts[] = {
	{
		.name = "series",
		.type = OPT_INT,
		.offset = offsetof(struct limits_conf, series),
		.preset = "50000",
		.arg = "N",
		.help = "series in one push; what exceeds it is dropped and counted",
		.min = 1,
		.max = 10000000,
	},
	{
		.name = "series_per_family",
		.type = OPT_INT,
		.offset = offsetof(struct limits_conf, series_per_family),
		.preset = "20000",
		.arg = "N",
		.help = "series of one metric name",
		.min = 1,
		.max = 10000000,
	},
	{ 0 },
};

const struct opt_section section_limits = {
	.path = "limits",
	.help = "bounds",
	.opts = limits_opts,
	.size = sizeof(struct limits_conf),
};
