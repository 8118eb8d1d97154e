/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of containers from one cycle to the next, and when who is to be asked again. It
 * lies in the state as one value: a look at each of a thousand keys would cost more than all else.
 */
#pragma once

#include "base/buf.h"
#include "collect/container/known.h"
#include "metric/state.h"

enum { KEPT_MAX = 4096, KEPT_SIZE_MAX = 2 << 20 };

/* Who told it, and with that how a change is seen. */
enum kept_source { SOURCE_NONE, SOURCE_SOCKET, SOURCE_FILE };

struct kept {
	struct str id;           /* "UID:" before it when it is a user's */
	uint64_t group;          /* its control group: another one when it was started again */
	uint64_t settings;       /* with which it was made */
	int64_t asked;           /* Unix time in seconds; of the last answer, or the last failure */
	int64_t gone;            /* since when it has no group, or 0 */
	uint32_t failures;       /* since the last answer */
	enum kept_source source; /* NONE: nobody has known it */
	struct str socket;       /* that told it */
	int64_t watched_ns;      /* time of change of known.watch, or 0: it cannot be looked at */
	struct known known;
	bool seen; /* in this cycle */
};

/* A socket that does not answer as it should. */
struct kept_socket {
	struct str path, why;
	int64_t asked;
	uint32_t failures;
};

struct kept_table {
	struct arena *arena;
	size_t n, n_sockets;
	struct kept *v;
	struct kept_socket *sockets;
	uint32_t *slots;
	size_t n_slots;
	bool changed;
};

/* A damaged value is an empty table. All texts are copied into the arena. */
void kept_load(struct kept_table *table, struct arena *arena, struct str value);
/*
 * Forgets what has been gone for five minutes, and is to be called once in a cycle. False when
 * nothing has changed; else `out` has the new value. Of too many, those that are gone go first.
 */
bool kept_save(struct kept_table *table, int64_t now, struct buf *out);

struct kept *kept_find(const struct kept_table *table, struct str id);
/* A new one; NULL when there are too many. Moves the others. */
struct kept *kept_add(struct kept_table *table, struct str id);

struct kept_socket *kept_socket_find(const struct kept_table *table, struct str path);
/* Notes a failure, or with an empty `why` that it answers. */
void kept_socket_note(struct kept_table *table, struct str path, struct str why, int64_t now);

/* Whether it is time again after so many failures: a minute, two, four, ... up to an hour. */
bool kept_is_due(int64_t asked, uint32_t failures, int64_t now);
