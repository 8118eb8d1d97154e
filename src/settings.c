/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#define SECOND INT64_C(1000000000)

/* Reachable from the file and --set like any other, though meant for the command line. */
static const struct opt main_opts[] = {
	{ OPT_ROW("config", OPT_STRING, struct main_conf, config,
		  SYSCONFDIR "/peekpush/peekpush.conf", "FILE",
		  "read FILE, and conf.d/*.conf in its directory"),
	  .flag = "config", .letter = 'c', .env = "PEEKPUSH_CONFIG" },
	{ OPT_ROW("verbose", OPT_BOOL, struct main_conf, verbose, "false", NULL,
		  "say more, also of what went well"),
	  .flag = "verbose", .letter = 'v' },
	{ OPT_ROW("quiet", OPT_BOOL, struct main_conf, quiet, "false", NULL, "say errors only"),
	  .flag = "quiet", .letter = 'q' },
	{ OPT_ROW("version", OPT_BOOL, struct main_conf, version, "false", NULL,
		  "print the version and exit"),
	  .flag = "version" },
	{ 0 },
};

const struct opt_section section_main = {
	.path = "main",
	.help = "general",
	.opts = main_opts,
	.size = sizeof(struct main_conf),
};

#define ROOT(field, preset_path, what)                                           \
	OPT_ROW(#field, OPT_STRING, struct host_conf, field, preset_path, "DIR", \
		"read " what " below DIR"),                                      \
		.flag = #field

static const struct opt host_opts[] = {
	{ ROOT(procfs, "/proc", "/proc") },
	{ ROOT(sysfs, "/sys", "/sys") },
	{ ROOT(rootfs, "/", "file systems and /etc") },
	{ ROOT(udev, "/run/udev", "udev's data") },
	{ 0 },
};

const struct opt_section section_host = {
	.path = "host",
	.help = "where the host is read",
	.opts = host_opts,
	.size = sizeof(struct host_conf),
};

static const struct opt push_opts[] = {
	{ OPT_ROW("url", OPT_STRING, struct push_conf, url, "http://127.0.0.1:9091", "URL",
		  "the Pushgateway: http://, https://, file:///PATH or stdout:"),
	  .flag = "url", .env = "PEEKPUSH_URL" },
	{ OPT_ROW("job", OPT_STRING, struct push_conf, job, "peekpush", "NAME",
		  "value of the grouping label job"),
	  .flag = "job", .env = "PEEKPUSH_JOB" },
	{ OPT_ROW("instance", OPT_STRING, struct push_conf, instance, "", "NAME",
		  "value of the grouping label instance; empty: the host name"),
	  .flag = "instance", .env = "PEEKPUSH_INSTANCE" },
	{ OPT_ROW("labels", OPT_MAP, struct push_conf, labels, "", "KEY=VALUE",
		  "a further grouping label; may be given more than once"),
	  .flag = "label", .letter = 'l', .env = "PEEKPUSH_LABELS" },
	{ OPT_ROW("interval", OPT_DURATION, struct push_conf, interval_ns, "15s", "TIME",
		  "time between two pushes of the agent, or of the timer that calls push"),
	  .flag = "interval", .min = SECOND / 100, .max = 86400 * SECOND },
	{ OPT_ROW("timeout", OPT_DURATION, struct push_conf, timeout_ns, "5s", "TIME",
		  "limit for one delivery, everything included; kept below the interval"),
	  .flag = "push-timeout", .min = SECOND / 200, .max = 600 * SECOND },
	{ OPT_ROW("splay", OPT_DURATION, struct push_conf, splay_ns, "auto", "auto|TIME",
		  "where in the interval the agent pushes; auto: by a hash of the group"),
	  .choices = "auto" },
	{ OPT_ROW("method", OPT_CHOICE, struct push_conf, method, "POST", "POST|PUT",
		  "POST replaces families (and the group when one has gone), PUT always the "
		  "group"),
	  .choices = "POST|PUT" },
	{ OPT_ROW("format", OPT_CHOICE, struct push_conf, format, "auto", "auto|text|protobuf",
		  "encoding; auto: protobuf where a Pushgateway answers, else text"),
	  .choices = "auto|text|protobuf" },
	{ OPT_ROW("compression", OPT_CHOICE, struct push_conf, compression, "auto",
		  "auto|none|gzip",
		  "compression of what is sent; auto: gzip, but not over loopback"),
	  .choices = "auto|none|gzip" },
	{ OPT_ROW("delete_on_stop", OPT_BOOL, struct push_conf, delete_on_stop, "false", NULL,
		  "an orderly stop deletes the group (short-lived hosts)") },
	{ OPT_ROW("user", OPT_STRING, struct push_conf, user, "", "NAME",
		  "user for basic authentication") },
	{ OPT_ROW("password_file", OPT_STRING, struct push_conf, password_file, "", "FILE",
		  "file whose first line is the password") },
	{ OPT_ROW("bearer_token_file", OPT_STRING, struct push_conf, bearer_token_file, "", "FILE",
		  "file whose first line is a bearer token") },
	{ 0 },
};

const struct opt_section section_push = {
	.path = "push",
	.help = "where to and how",
	.opts = push_opts,
	.size = sizeof(struct push_conf),
};

static const struct opt stop_opts[] = {
	{ OPT_ROW("last", OPT_BOOL, struct stop_conf, last, "false", NULL,
		  "say peekpush_running 0: the last push before an orderly stop"),
	  .flag = "last" },
	{ 0 },
};

const struct opt_section section_stop = {
	.path = "stop",
	.help = "the end",
	.opts = stop_opts,
	.size = sizeof(struct stop_conf),
};

static const struct opt check_opts[] = {
	{ OPT_ROW("gateway", OPT_BOOL, struct check_conf, gateway, "false", NULL,
		  "look at all groups that the gateway has, for what is wrong with them"),
	  .flag = "gateway" },
	{ OPT_ROW("stale", OPT_DURATION, struct check_conf, stale_ns, "7d", "SPAN",
		  "a group that tells no interval is stale after SPAN without a push"),
	  .flag = "stale", .min = SECOND / 1000, .max = 3650 * 86400 * SECOND },
	{ 0 },
};

const struct opt_section section_check = {
	.path = "check",
	.help = "the gateway",
	.opts = check_opts,
	.size = sizeof(struct check_conf),
};

static const struct opt delete_opts[] = {
	{ OPT_ROW("group", OPT_LIST, struct delete_conf, group, "", "job=J,NAME=V,...",
		  "delete the group of just these labels; NAME@base64=V for any bytes"),
	  .flag = "group" },
	{ OPT_ROW("if_pushed", OPT_BOOL, struct delete_conf, if_pushed, "false", NULL,
		  "only where the state knows that this host has pushed the group"),
	  .flag = "if-pushed" },
	{ 0 },
};

const struct opt_section section_delete = {
	.path = "delete",
	.help = "which",
	.opts = delete_opts,
	.size = sizeof(struct delete_conf),
};

static const struct opt tls_opts[] = {
	{ OPT_ROW("ca", OPT_STRING, struct tls_conf, ca, "", "FILE",
		  "certificates to trust instead of the system's") },
	{ OPT_ROW("cert", OPT_STRING, struct tls_conf, cert, "", "FILE", "client certificate") },
	{ OPT_ROW("key", OPT_STRING, struct tls_conf, key, "", "FILE",
		  "key of the client certificate") },
	{ OPT_ROW("insecure", OPT_BOOL, struct tls_conf, insecure, "false", NULL,
		  "do not verify the gateway's certificate") },
	{ 0 },
};

const struct opt_section section_tls = {
	.path = "push.tls",
	.help = "TLS to the gateway",
	.opts = tls_opts,
	.size = sizeof(struct tls_conf),
};

static const struct opt state_opts[] = {
	{ OPT_ROW("dir", OPT_STRING, struct state_conf, dir, "", "DIR",
		  "where to keep counters and undelivered results; empty: " LOCALSTATEDIR
		  "/lib/peekpush for root and its owner, else $XDG_STATE_HOME/peekpush"),
	  .flag = "state-dir", .env = "PEEKPUSH_STATE_DIR" },
	{ 0 },
};

const struct opt_section section_state = {
	.path = "state",
	.help = "what is kept between cycles",
	.opts = state_opts,
	.size = sizeof(struct state_conf),
};

static const struct opt limits_opts[] = {
	{ OPT_ROW("series", OPT_INT, struct limits_conf, series, "50000", "N",
		  "series in one push; what exceeds it is dropped and counted"),
	  .min = 1, .max = 10000000 },
	{ OPT_ROW("series_per_family", OPT_INT, struct limits_conf, series_per_family, "20000", "N",
		  "series of one metric name"),
	  .min = 1, .max = 10000000 },
	{ 0 },
};

const struct opt_section section_limits = {
	.path = "limits",
	.help = "bounds",
	.opts = limits_opts,
	.size = sizeof(struct limits_conf),
};
