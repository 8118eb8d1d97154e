/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivering one cycle to one target: choosing the format, deciding between POST and PUT, and
 * getting the rest through when the gateway refuses a family.
 *
 * POST leaves families that have vanished at the gateway for ever. So the state keeps the set
 * sent since the last confirmed PUT; when one of them is missing now, or the set is unknown,
 * the cycle goes out as PUT.
 */
#pragma once

#include "metric/metrics.h"
#include "metric/state.h"
#include "push/sink.h"
#include "push/url.h"

enum target_format { TARGET_AUTO, TARGET_TEXT, TARGET_PROTOBUF };

enum target_compression { TARGET_GZIP_AUTO, TARGET_GZIP_NEVER, TARGET_GZIP_ALWAYS };

struct target_conf {
	struct sink_conf sink;
	struct group group;
	enum target_format format;
	enum target_compression compression;
	bool always_put;
	int64_t timeout_ns;
};

struct target {
	struct target_conf conf;
	struct sink sink;
	struct arena arena; /* lives as long as the target */
	struct str path;    /* of the group */
	struct str key;     /* prefix of its entries in the state */
	struct state *state;
	void (*save)(void *arg); /* makes the state durable before a family is first sent */
	void *save_arg;
	bool gzip;
	struct buf body, packed, names;
};

struct delivery {
	enum sink_result result;
	int status;          /* HTTP, or 0 */
	struct str message;  /* why not, for a person; in the scratch arena */
	struct str rejected; /* names of families the gateway refused this time */
	bool put;
	size_t bytes; /* on the wire, of the last attempt */
};

/*
 * Checks URL and group; sends nothing. The conf's slices must outlive the target. 0 or -EINVAL
 * with ret_why.
 */
int target_open(struct target *target, const struct target_conf *conf, struct state *state,
		struct str *ret_why);
void target_close(struct target *target);

/* Takes out what the gateway refused a short while ago, as a delivery does before it sends. */
void target_drop_rejected(struct target *target, struct metrics *metrics, struct arena *scratch);

/* Sends the metrics within the target's timeout, however many requests that takes. */
void target_deliver(struct target *target, struct metrics *metrics,
		    const struct sink_waiter *waiter, struct arena *scratch, struct delivery *ret);

/*
 * Asks who answers at the URL, without storing anything. SINK_OK when it can be pushed to;
 * the message then says what it is ("Pushgateway 1.5.1").
 */
void target_probe(struct target *target, struct arena *scratch, struct delivery *ret);

/* Deletes the group. */
void target_delete(struct target *target, const struct sink_waiter *waiter, struct arena *scratch,
		   struct delivery *ret);

/* One word for logs and for peekpush_pushes_total{result}. */
const char *sink_result_name(enum sink_result result);
