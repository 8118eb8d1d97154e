/* SPDX-License-Identifier: Apache-2.0 */
/* What a stand-in for a library answers: lines of the file that NVML_STANDIN names. */
#pragma once

#include <stdbool.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, TIMEOUT = 10 };
enum { WORDS = 16, GPUS = 80, PARTS = 8 };

struct line {
	char text[512];
	char *word[WORDS];
	int n;
};

unsigned long long number(const char *text);

/* The nth line (from 0) whose first words are these; `gpu` may be -1 for lines without. */
bool find(int gpu, const char *what, unsigned int nth, struct line *ret);

/* What a call of that name gets: 0 and the line, whose words from the third on are the answer. */
int answer(int gpu, const char *what, struct line *ret);

/* The words of the line from there on, with one blank between them. */
int give(const struct line *line, int from, char *to, unsigned int size);

/* A handle is the address of one of these: GPU i, or part j of it at GPUS + i * PARTS + j. */
extern char handles[];
int number_of(const void *device);
int part_of(const void *device); /* -1: it is a whole GPU */
