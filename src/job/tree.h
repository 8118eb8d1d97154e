/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMD with all its descendants: who they are, what they use, and their end. Orphans come to us
 * (PR_SET_CHILD_SUBREAPER), so nobody escapes by forking twice; a cgroup of CMD's own, where we
 * may make one, counts those too whose parent ignores SIGCHLD, whom no rusage ever tells of.
 */
#pragma once

#include "job/cgroup.h"
#include "job/child.h"
#include "job/oom.h"
#include "job/scope.h"

enum tree_way {
	TREE_AUTO, /* what can be had, the first of the following */
	TREE_SCOPE,
	TREE_CGROUP,
	TREE_SUBREAPER,
};

enum tree_event_kind { TREE_EXITED, TREE_STOPPED, TREE_CONTINUED };

struct tree_event {
	pid_t pid;
	enum tree_event_kind kind;
	int status; /* as wait(2) has it */
	bool ours;  /* a child told of by tree_ignore() */
};

struct tree {
	enum tree_way way;
	int proc;   /* /proc, -1 where it is that of another pid namespace */
	int reaper; /* whether we were one before */
	pid_t self, command;
	struct cgroup cgroup;
	int scope; /* directory of the scope's cgroup, or -1 */
	struct scope_conf scope_conf;
	pid_t helper; /* asks for the scope */
	bool asked;
	bool counted; /* CMD was seen in the cgroup */
	struct oom oom;
	bool oom_missed; /* somebody was killed, and the scope gone before it could be asked */
	struct pids ours;
	struct usage reaped, best;
	struct arena keep, scratch;
};

/*
 * Prepares for CMD, which is to be started next: it is to be born in the cgroup told by
 * tree_cgroup(), if any. Nothing here fails: what cannot be had is done without.
 */
void tree_open(struct tree *tree, enum tree_way way);

/* The directory fd for struct child_conf, or -1. */
int tree_cgroup(const struct tree *tree);

/* CMD runs. Again for another attempt: what the former one used is kept. */
void tree_started(struct tree *tree, pid_t command);

/*
 * Asks systemd for a scope, once, where that gains something and harms nobody (scope_allowed()).
 * To be called when CMD has run for a while, a short one not being worth it; nothing waits for
 * it, and what comes of it tree_reap() sees.
 */
void tree_ask_scope(struct tree *tree);

/* A child that is ours and none of CMD's: neither accounted nor signalled, with all below it. */
void tree_ignore(struct tree *tree, pid_t pid);

/*
 * Takes the next change of a child's state; false when there is none. To be called until then,
 * at each SIGCHLD. The end of CMD does not end the tree: orphans may live on.
 */
bool tree_reap(struct tree *tree, struct tree_event *ret);

/*
 * What the tree has used until now. There are two views, each of which may miss something and
 * neither of which counts twice: the cgroup's counters, and the rusage of who has been reaped
 * with the numbers of who lives, from /proc. The larger one is taken, and none ever falls.
 */
void tree_sample(struct tree *tree, struct usage *ret);

/* "cgroup" or "subreaper": where the numbers come from. */
const char *tree_accounting(struct tree *tree);

/*
 * Sends the signal to CMD and all its descendants and returns how many there were. SIGKILL goes
 * out again until nobody new turns up. After SIGTERM they are continued: the stopped shall die.
 */
size_t tree_kill(struct tree *tree, int signal);

/* Ends nobody; removes the cgroup. Who is left lives on in ours. */
void tree_close(struct tree *tree);
