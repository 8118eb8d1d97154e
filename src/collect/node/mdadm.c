/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software RAID. Source: /proc/mdstat (drivers/md/md.c, md_seq_show): an array is a line that
 * is not indented, with its members, then indented lines for size, recovery and bitmap, in
 * this order and each only where there is something to say. Counts of missing disks are in
 * sysfs.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

enum array_state { ACTIVE, INACTIVE, RECOVERING, RESYNCING, CHECKING, N_STATES, OTHER = N_STATES };

static const struct str state_names[N_STATES] = {
	[ACTIVE] = { "active", 6 },          [INACTIVE] = { "inactive", 8 },
	[RECOVERING] = { "recovering", 10 }, [RESYNCING] = { "resync", 6 },
	[CHECKING] = { "check", 5 },
};

struct array {
	struct str name;
	enum array_state state;
	bool has_size;
	uint64_t active, required, failed, spare, blocks, synced;
};

enum { STATE, DISKS, REQUIRED, BLOCKS, SYNCED, RAID_DISKS, DEGRADED, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[STATE] = { "node_md_state", "1 for the state that the array is in.", METRIC_GAUGE },
	[DISKS] = { "node_md_disks", "Disks of the array by their state.", METRIC_GAUGE },
	[REQUIRED] = { "node_md_disks_required", "Disks that the array has when it is complete.",
		       METRIC_GAUGE },
	[BLOCKS] = { "node_md_blocks", "Size of the array in blocks of 1024 bytes.", METRIC_GAUGE },
	[SYNCED] = { "node_md_blocks_synced",
		     "Blocks that are in sync; while it recovers, those of the member that is "
		     "behind.",
		     METRIC_GAUGE },
	[RAID_DISKS] = { "node_md_raid_disks", "Disks that the array was made for.", METRIC_GAUGE },
	[DEGRADED] = { "node_md_degraded", "Disks that the array lacks.", METRIC_GAUGE },
};

static bool contains(struct str s, struct str wanted)
{
	return s.n >= wanted.n && memmem(s.p, s.n, wanted.p, wanted.n) != NULL;
}

static uint64_t count(struct str s, struct str wanted)
{
	uint64_t n = 0;

	for (; s.n >= wanted.n; s = str_skip(s, 1))
		n += str_starts(s, wanted);
	return n;
}

/* "md6 : active (read-only) raid1 sdb2[2](F) sdc[1](S) sda2[0]" */
static int parse_device(struct str line, struct array *ret)
{
	struct str rest = line, colon, state;
	struct array array = { 0 };

	if (!str_word(&rest, &array.name) || !str_word(&rest, &colon) || !str_eq(colon, STR(":")) ||
	    !str_word(&rest, &state))
		return -EBADMSG;
	array.state = str_eq(state, STR("active"))     ? ACTIVE
		      : str_eq(state, STR("inactive")) ? INACTIVE
						       : OTHER;
	array.failed = count(rest, STR("(F)"));
	array.spare = count(rest, STR("(S)"));
	/* raid0 and linear print no [n/m]: all of their members are needed. */
	if (array.state != INACTIVE)
		array.active = array.required = count(rest, STR("["));
	*ret = array;
	return 0;
}

/* "10240 blocks super 1.2 level 5, 512k chunk, algorithm 2 [4/3] [UU_U]" */
static int parse_size(struct str line, struct array *array)
{
	struct str rest = line, word;
	uint64_t required, active;

	if (!num_take_u64(&rest, &array->blocks))
		return -EBADMSG;
	array->synced = array->blocks;
	array->has_size = true;
	if (array->state == INACTIVE)
		return 0;
	while (str_word(&rest, &word)) {
		if (!str_starts(word, STR("[")) || str_find(word, '/') == word.n)
			continue;
		word = str_skip(word, 1);
		if (!num_take_u64(&word, &required) || !str_starts(word, STR("/")))
			return -EBADMSG;
		word = str_skip(word, 1);
		if (!num_take_u64(&word, &active) || !str_eq(word, STR("]")))
			return -EBADMSG;
		array->required = required;
		array->active = active;
		break;
	}
	return 0;
}

/*
 * "[=>....]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec", or
 * "resync=DELAYED", PENDING, REMOTE: then nothing is done yet, or not by this host.
 */
static int parse_progress(struct str line, struct array *array)
{
	static const struct {
		struct str word;
		enum array_state state;
	} actions[] = {
		{ { "recovery", 8 }, RECOVERING },
		{ { "reshape", 7 }, OTHER },
		{ { "check", 5 }, CHECKING },
		{ { "resync", 6 }, RESYNCING },
	};
	struct str rest = line, piece;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (contains(line, actions[i].word)) {
			array->state = actions[i].state;
			break;
		}
	array->synced = 0;
	if (contains(line, STR("=DELAYED")) || contains(line, STR("=PENDING")) ||
	    contains(line, STR("=REMOTE")))
		return 0;
	if (!str_cut(&rest, '(', &piece) || !num_take_u64(&rest, &array->synced) ||
	    !str_starts(rest, STR("/")))
		return -EBADMSG;
	return 0;
}

static bool is_progress(struct str line)
{
	return (contains(line, STR(" = ")) || contains(line, STR("sync=")) ||
		contains(line, STR("recovery="))) &&
	       !contains(line, STR("bitmap:"));
}

static void add(struct collect *c, struct family *const family[], const struct array *a)
{
	static const struct str disk_states[] = { { "active", 6 },
						  { "failed", 6 },
						  { "spare", 5 } };
	const uint64_t disks[] = { a->active, a->failed, a->spare };
	const struct label device = { STR("device"), a->name };
	const struct labels *labels = metrics_labels(c->out, 1, &device);

	for (size_t i = 0; i < N_STATES; i++)
		family_add(family[STATE],
			   METRIC_LABELS(c->out, device, { STR("state"), state_names[i] }),
			   i == a->state);
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
		family_add(family[DISKS],
			   METRIC_LABELS(c->out, device, { STR("state"), disk_states[i] }),
			   (double)disks[i]);
	family_add(family[REQUIRED], labels, (double)a->required);
	if (!a->has_size)
		return;
	family_add(family[BLOCKS], labels, (double)a->blocks);
	family_add(family[SYNCED], labels, (double)a->synced);
}

/* The first number: raid_disks is "5 (4)" while the array is reshaped. */
static bool first_number(struct collect *c, int dir, const char *name, uint64_t *ret)
{
	struct str text;

	return host_attr(dir, name, c->scratch, &text) == 0 && num_take_u64(&text, ret);
}

/* Kinds that can lack no disk have no `degraded`; node_exporter says 0 of them. */
static void add_sysfs(struct collect *c, struct family *const family[], int block, struct str name)
{
	_cleanup_fd_ int disk = openat(block, arena_cstr(c->scratch, name), O_PATH | O_CLOEXEC);
	_cleanup_fd_ int md = disk < 0 ? -1 : openat(disk, "md", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), name });
	uint64_t raid_disks, degraded;

	if (md < 0 || !first_number(c, md, "raid_disks", &raid_disks))
		return;
	family_add(family[RAID_DISKS], labels, (double)raid_disks);
	if (!first_number(c, md, "degraded", &degraded))
		degraded = 0;
	family_add(family[DEGRADED], labels, (double)degraded);
}

/* The indented lines of one array. Returns the number of the first that is wrong, or 0. */
static size_t parse_details(struct str *rest, size_t *number, struct array *array)
{
	size_t bad = 0;
	struct str line;

	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t') && str_line(rest, &line)) {
		int r = 0;

		++*number;
		if (!array->has_size && contains(line, STR(" blocks")))
			r = parse_size(line, array);
		else if (is_progress(line))
			r = parse_progress(line, array);
		if (r < 0 && !bad)
			bad = *number;
	}
	return bad;
}

static int run(struct collect *c)
{
	struct family *family[N_DESCS];
	struct str text, line;
	size_t number = 0, bad = 0;
	int r = collect_read(c, HOST_PROC, "mdstat", &text);

	if (r < 0)
		return r;
	if (!text.n)
		return collect_fail(c, -EBADMSG, "/proc/mdstat is empty");
	for (size_t i = 0; i < N_DESCS; i++)
		family[i] = metrics_family(c->out, &descs[i]);

	_cleanup_fd_ int block = host_open_dir(c->host, HOST_SYS, "block");

	while (str_line(&text, &line)) {
		struct array array;

		number++;
		if (!str_trim(line).n || str_starts(line, STR("Personalities")) ||
		    str_starts(line, STR("unused devices")))
			continue;

		size_t wrong = parse_device(line, &array) < 0 ? number : 0;

		if (!wrong) {
			wrong = parse_details(&text, &number, &array);
			/* An array whose disks are all gone has no size to tell. */
			if (!wrong && !array.has_size && array.state != INACTIVE)
				wrong = number;
		}
		if (wrong && !bad)
			bad = wrong;
		if (wrong)
			continue;
		add(c, family, &array);
		add_sysfs(c, family, block, array.name);
	}
	if (bad)
		return collect_fail(c, -EBADMSG, "/proc/mdstat: line %zu is not understood", bad);
	return 0;
}

const struct collector collector_mdadm = {
	.name = "mdadm",
	.help = "software RAID: state, disks and recovery",
	.reads = "/proc/mdstat, /sys/block/md*/md",
	.on = true,
	.run = run,
};
