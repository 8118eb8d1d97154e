/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of the network protocols, under their kernel names. Sources: net/netstat and
 * net/snmp (a line of names, then a line of numbers), net/snmp6 (a name and a number a line;
 * the protocol ends with the 6). Names come in the same order each time, so what the pattern
 * said of the 400 of them is remembered by place.
 */
#include "collect/collector.h"

#include <errno.h>

struct netstat_conf {
	struct opt_regex fields;
};

static const struct opt opts[] = {
	{ OPT_ROW("fields", OPT_REGEX, struct netstat_conf, fields,
		  ".*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)"
		  "|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans"
		  "|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs"
		  "|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams"
		  "|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors)",
		  "REGEX", "counters to take, as Protocol_Name") },
	{ 0 },
};

const struct opt_section section_collector_netstat = {
	.path = "collectors.netstat",
	.help = "counters of the network protocols",
	.opts = opts,
	.size = sizeof(struct netstat_conf),
};

/* A name seen before: "TcpExt_ListenDrops", and the metric's name if the pattern wants it. */
struct field {
	struct str key, metric, help;
};

struct self {
	struct arena arena;
	struct field *fields;
	size_t n, cap;
};

struct walk {
	struct collect *c;
	struct self *self;
	size_t at; /* the next field */
};

/* printf() for each of 400 names would cost more than reading them. */
static struct str join_key(struct arena *arena, struct str protocol, struct str name)
{
	size_t n = protocol.n + 1 + name.n;
	char *key = arena_alloc(arena, n + 1);

	memcpy(key, protocol.p, protocol.n);
	key[protocol.n] = '_';
	memcpy(key + protocol.n + 1, name.p, name.n);
	key[n] = '\0';
	return (struct str){ key, n };
}

static struct field new_field(struct walk *walk, struct str protocol, struct str name)
{
	const struct netstat_conf *conf = walk->c->conf;
	struct arena *arena = &walk->self->arena;
	struct field field = { .key = join_key(arena, protocol, name) };

	if (opt_regex_match(&conf->fields, field.key)) {
		field.metric = arena_printf(arena, "node_netstat_%s", field.key.p);
		field.help = arena_printf(arena, "%.*s of protocol %.*s, as the kernel counts it.",
					  STR_ARG(name), STR_ARG(protocol));
	}
	return field;
}

static bool is_field(const struct field *field, struct str protocol, struct str name)
{
	struct str key = field->key;

	return key.n == protocol.n + 1 + name.n && memcmp(key.p, protocol.p, protocol.n) == 0 &&
	       memcmp(key.p + protocol.n + 1, name.p, name.n) == 0;
}

static const struct field *next_field(struct walk *walk, struct str protocol, struct str name)
{
	struct self *self = walk->self;

	if (walk->at < self->n && is_field(&self->fields[walk->at], protocol, name))
		return &self->fields[walk->at++];
	/* Another order than last time (a protocol came or went): learnt anew from here. */
	self->n = walk->at;
	if (self->n == self->cap) {
		size_t cap = self->cap ? self->cap * 2 : 512;

		self->fields =
			arena_resize(&self->arena, self->fields, self->cap * sizeof(*self->fields),
				     cap * sizeof(*self->fields));
		self->cap = cap;
	}
	self->fields[self->n++] = new_field(walk, protocol, name);
	return &self->fields[walk->at++];
}

static bool parse_value(struct str text, double *ret)
{
	uint64_t value;
	int64_t negative;

	if (num_u64(text, &value) == 0)
		*ret = (double)value;
	else if (num_i64(text, &negative) == 0) /* Tcp_MaxConn is -1 */
		*ret = (double)negative;
	else
		return false;
	return true;
}

static bool take_value(struct walk *walk, struct str protocol, struct str name, struct str text)
{
	const struct field *field = next_field(walk, protocol, name);
	double value;

	if (!field->metric.n)
		return true;
	if (!parse_value(text, &value))
		return false;
	family_add(metrics_family_named(walk->c->out, field->metric, field->help, METRIC_UNTYPED),
		   metrics_no_labels(walk->c->out), value);
	return true;
}

static size_t count_words(struct str line)
{
	struct str word;
	size_t n = 0;

	while (str_word(&line, &word))
		n++;
	return n;
}

/* "TcpExt: SyncookiesSent ..." and "TcpExt: 0 ...": false where the two do not fit. */
static bool take_lines(struct walk *walk, struct str names, struct str values)
{
	struct str protocol, again, name, value;

	if (!str_cut(&names, ':', &protocol) || !str_cut(&values, ':', &again) ||
	    !str_eq(protocol, again) || !metric_name_valid(protocol) ||
	    count_words(names) != count_words(values))
		return false;
	while (str_word(&names, &name) && str_word(&values, &value))
		if (!take_value(walk, protocol, name, value))
			return false;
	return true;
}

static int run_pairs(struct walk *walk, const char *path)
{
	struct str text, names, values = { 0 };
	size_t number = 0;
	int r = collect_read(walk->c, HOST_PROC, path, &text);

	if (r < 0)
		return r;
	for (; str_line(&text, &names); number += 2) {
		bool pair = str_line(&text, &values);

		if ((!pair || !take_lines(walk, names, values)) && r == 0)
			r = collect_fail(walk->c, -EBADMSG,
					 "/proc/%s: lines %zu and %zu do not fit together", path,
					 number + 1, number + 2);
	}
	return number ? r : collect_fail(walk->c, -EBADMSG, "/proc/%s is empty", path);
}

static int run_snmp6(struct walk *walk)
{
	struct str text, line, key, value;
	size_t number = 0;
	int r = collect_read(walk->c, HOST_PROC, "net/snmp6", &text);

	/* A kernel without IPv6. */
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	while (str_line(&text, &line)) {
		size_t six;

		number++;
		if (!str_word(&line, &key))
			continue;
		six = str_find(key, '6');
		if (six == key.n)
			continue;

		struct str protocol = { key.p, six + 1 };

		if ((!str_word(&line, &value) ||
		     !take_value(walk, protocol, str_skip(key, six + 1), value)) &&
		    r == 0)
			r = collect_fail(walk->c, -EBADMSG, "/proc/net/snmp6: line %zu: \"%.*s\"",
					 number, STR_ARG(key));
	}
	return number ? r : collect_fail(walk->c, -EBADMSG, "/proc/net/snmp6 is empty");
}

static int run(struct collect *c)
{
	struct walk walk = { .c = c, .self = c->self };
	int r = run_pairs(&walk, "net/netstat");
	int r4 = run_pairs(&walk, "net/snmp"), r6 = run_snmp6(&walk);

	/* Learning again and again must not grow: forget it all once it is much. */
	if (walk.self->arena.total > 1 << 20) {
		arena_reset(&walk.self->arena);
		walk.self->fields = NULL;
		walk.self->n = walk.self->cap = 0;
	}
	return r < 0 ? r : r4 < 0 ? r4 : r6;
}

static void release(struct collect *c)
{
	arena_release(&((struct self *)c->self)->arena);
}

const struct collector collector_netstat = {
	.name = "netstat",
	.help = "counters of the network protocols",
	.reads = "/proc/net/netstat, /proc/net/snmp, /proc/net/snmp6",
	.on = true,
	.section = &section_collector_netstat,
	.self_size = sizeof(struct self),
	.run = run,
	.close = release,
};
