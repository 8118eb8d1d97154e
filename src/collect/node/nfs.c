/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NFS, as a client and as a server. Sources: net/rpc/nfs and net/rpc/nfsd (net/sunrpc/stats.c,
 * fs/nfsd/stats.c), lines of a word and numbers. A line procN begins with how many procedures the
 * kernel knows; of a version of the protocol that it was built without there is none, and all is 0.
 */
#include "collect/collector.h"

#include <errno.h>

#define CLIENT(line, name, help, ...) \
	ROW_COUNTER(line, "node_nfs_" name "_total", help, __VA_ARGS__)
#define SERVER(line, name, help, ...) \
	ROW_COUNTER(line, "node_nfsd_" name "_total", help, __VA_ARGS__)
#define LABEL(name, value) .label = { STR(name), STR(value) }

/* clang-format off */
static const struct table_row client_rows[] = {
	CLIENT("net", "packets", "Packets, by protocol.", .column = 1, LABEL("protocol", "udp")),
	CLIENT("net", "packets", "Packets, by protocol.", .column = 2, LABEL("protocol", "tcp")),
	CLIENT("net", "connections", "TCP connections.", .column = 3),
	CLIENT("rpc", "rpcs", "Remote procedure calls."),
	CLIENT("rpc", "rpc_retransmissions", "Calls that were sent again.", .column = 1),
	CLIENT("rpc", "rpc_authentication_refreshes", "Credentials refreshed.", .column = 2),
};

static const struct table_row server_rows[] = {
	SERVER("rc", "reply_cache_hits", "Calls whose reply was in the cache."),
	SERVER("rc", "reply_cache_misses", "Calls that had to go into the cache.", .column = 1),
	SERVER("rc", "reply_cache_nocache", "Calls that need no cache.", .column = 2),
	SERVER("fh", "file_handles_stale", "Stale file handles that clients sent."),
	SERVER("io", "disk_bytes_read", "Bytes read for clients."),
	SERVER("io", "disk_bytes_written", "Bytes written for clients.", .column = 1),
	ROW_GAUGE("th", "node_nfsd_server_threads", "Threads of the server."),
	ROW_GAUGE("ra", "node_nfsd_read_ahead_cache_size_blocks", "Size of the read-ahead cache."),
	SERVER("ra", "read_ahead_cache_not_found", "Reads it did not help.", .column = 11),
	SERVER("net", "packets", "Packets, by protocol.", .column = 1, LABEL("proto", "udp")),
	SERVER("net", "packets", "Packets, by protocol.", .column = 2, LABEL("proto", "tcp")),
	SERVER("net", "connections", "TCP connections.", .column = 3),
	SERVER("rpc", "server_rpcs", "Remote procedure calls."),
	SERVER("rpc", "rpc_errors", "Calls refused, by why.", .column = 2, LABEL("error", "fmt")),
	SERVER("rpc", "rpc_errors", "Calls refused, by why.", .column = 3, LABEL("error", "auth")),
	SERVER("rpc", "rpc_errors", "Calls refused, by why.", .column = 4, LABEL("error", "cInt")),
};
/* clang-format on */

/* Procedures in the kernel's order; "-": not told. */
struct procedures {
	const char *line, *version, *names;
};

#define VERSION_2                                                                        \
	" GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename " \
	"Link SymLink MkDir RmDir ReadDir FsStat"
#define VERSION_3                                                                               \
	" GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove " \
	"RmDir Rename Link ReadDir ReadDirPlus FsStat FsInfo PathConf Commit"

static const struct procedures client_procedures[] = {
	{ "proc2", "2", "Null" VERSION_2 },
	{ "proc3", "3", "Null" VERSION_3 },
	{ "proc4", "4",
	  "Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close Setattr FsInfo "
	  "Renew SetClientID SetClientIDConfirm Lock Lockt Locku Access Getattr Lookup LookupRoot "
	  "Remove Rename Link Symlink Create Pathconf StatFs ReadLink ReadDir ServerCaps "
	  "DelegReturn GetACL SetACL FsLocations ReleaseLockowner Secinfo FsidPresent ExchangeID "
	  "CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete GetDeviceInfo "
	  "LayoutGet LayoutCommit LayoutReturn SecinfoNoName TestStateID FreeStateID "
	  "GetDeviceList BindConnToSession DestroyClientID Seek Allocate DeAllocate LayoutStats "
	  "Clone" },
	{ 0 },
};

static const struct procedures server_procedures[] = {
	{ "proc2", "2", "-" VERSION_2 },
	{ "proc3", "3", "-" VERSION_3 },
	{ "proc4ops", "4",
	  "- - - Access Close Commit Create DelegPurge DelegReturn GetAttr GetFH Link Lock Lockt "
	  "Locku Lookup LookupRoot Nverify Open OpenAttr OpenConfirm OpenDgrd PutFH - - Read "
	  "ReadDir ReadLink Remove Rename Renew RestoreFH SaveFH SecInfo SetAttr SetClientID "
	  "SetClientIDConfirm Verify Write RelLockOwner" },
	{ "wdeleg_getattr", "4", "WdelegGetattr" },
	{ 0 },
};

/* Those that the kernel does not know are 0. */
static int add_procedures(struct collect *c, const char *path, struct str text,
			  struct family *family, const struct procedures *p)
{
	struct str line, word, names = str_of(p->names), name, numbers = { 0 };
	uint64_t count = 1, value;

	while (str_line(&text, &line))
		if (str_word(&line, &word) && str_eq(word, str_of(p->line)))
			numbers = line;
	/* The line wdeleg_getattr is a number alone. */
	if (numbers.n && str_starts(str_of(p->line), STR("proc")) &&
	    !num_take_u64(&numbers, &count))
		return collect_fail(c, -EBADMSG, "%s: %s without numbers", path, p->line);
	if (!numbers.n)
		count = 0;
	for (; str_word(&names, &name); count -= count > 0) {
		value = 0;
		if (count && !num_take_u64(&numbers, &value))
			return collect_fail(c, -EBADMSG, "%s: %s is too short", path, p->line);
		if (!str_eq(name, STR("-")))
			family_add(family,
				   METRIC_LABELS(c->out, { STR("method"), name },
						 { STR("proto"), str_of(p->version) }),
				   (double)value);
	}
	return 0;
}

static int add_all(struct collect *c, const char *path, struct str text,
		   const struct table_row *rows, size_t n, const struct metric_desc *desc,
		   const struct procedures *procedures)
{
	struct family *family = metrics_family(c->out, desc);
	int r = collect_known_lines(c, path, text, metrics_no_labels(c->out), rows, n);

	for (; procedures->line; procedures++) {
		int one = add_procedures(c, path, text, family, procedures);

		r = one < 0 ? one : r;
	}
	return r;
}

static int run_client(struct collect *c)
{
	static const struct metric_desc desc = { "node_nfs_requests_total",
						 "Requests to servers, by procedure.",
						 METRIC_COUNTER };
	struct str text;
	int r = collect_read(c, HOST_PROC, "net/rpc/nfs", &text);

	return r < 0 ? r
		     : add_all(c, "/proc/net/rpc/nfs", text, client_rows, ARRAY_SIZE(client_rows),
			       &desc, client_procedures);
}

static int run_server(struct collect *c)
{
	static const struct metric_desc desc = { "node_nfsd_requests_total",
						 "Requests of clients, by procedure.",
						 METRIC_COUNTER };
	struct str text;
	int r = collect_read(c, HOST_PROC, "net/rpc/nfsd", &text);

	return r < 0 ? r
		     : add_all(c, "/proc/net/rpc/nfsd", text, server_rows, ARRAY_SIZE(server_rows),
			       &desc, server_procedures);
}

const struct collector collector_nfs = {
	.name = "nfs",
	.help = "calls of the NFS client",
	.reads = "/proc/net/rpc/nfs",
	.on = true,
	.run = run_client,
};

const struct collector collector_nfsd = {
	.name = "nfsd",
	.help = "calls to the NFS server",
	.reads = "/proc/net/rpc/nfsd",
	.on = true,
	.run = run_server,
};
