/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The energy of a run. A child of the watcher's own, the meter, reads the sensors: some of them
 * are slow, some hang, some count only while they are open, and a GPU's need a library. It knows
 * when counters must be read so that none wraps unseen; the watcher tells it now and then how much
 * CPU time the job has used, and is told how much energy that was. It ends when the watcher does.
 */
#pragma once

#include <sys/types.h>

#include "app.h"
#include "job/energy_share.h"

struct tree;

enum { JOB_ENERGY_WORDS = 200 };

/* Both messages are passed whole over a socket. */
struct job_energy_ask {
	uint64_t number; /* rising from 1 */
	uint64_t cpu_ns; /* of the job since its start */
};

struct job_energy_answer {
	uint64_t number; /* of what it answers; 0: unasked, why there is nothing to tell */
	bool there[JOB_ENERGY_DOMAINS];
	uint64_t dynamic_uj[JOB_ENERGY_DOMAINS], idle_uj[JOB_ENERGY_DOMAINS];
	int64_t elapsed_ns;         /* that these were measured in */
	uint64_t gaps;              /* readings that said nothing of the time before */
	bool model, guess;          /* guess: nobody has learnt what the host consumes idle */
	char source[16];            /* "rapl", ...; "" as long as nothing is known */
	char why[JOB_ENERGY_WORDS]; /* or why not */
};

struct job_energy {
	int socket; /* -1: there is none */
	pid_t meter;
	uint64_t asked;
	struct job_energy_answer last;
	bool said;
};

/* Starts the meter where there is something to read, and once only. CMD runs already. */
void job_energy_start(struct job_energy *energy, const struct app *app, struct tree *tree);

/* Has it take a sample for a job that has used so much CPU time until now. Never waits. */
void job_energy_sample(struct job_energy *energy, uint64_t cpu_ns);

/* Takes the answer, for which it waits up to `wait_ns`: then `last` is newer. */
void job_energy_take(struct job_energy *energy, int64_t wait_ns);

/* The meter ends by itself then; nothing waits for that. */
void job_energy_stop(struct job_energy *energy);

/* Whether NVIDIA's driver is there, by a device node below that directory. */
bool job_energy_has_gpus(int root);

/* energy_meter.c: what the child does; it ends when the other end of the socket is closed. */
_Noreturn void job_energy_meter(const struct app *app, pid_t watcher, int socket);
