/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins made by hand, in a BPF file system of the test's own: what a loader would leave, and what
 * none would.
 */
#pragma once

#include "bpf/loaded.h"

#define PINNED_HASH "0123456789abcdef"

struct pinned {
	char path[64]; /* of the file system */
};

/* False where BPF is not to be had; says so as a skipped test. */
bool pinned_start(struct pinned *pinned);
void pinned_stop(struct pinned *pinned);

/* A map, with the entries that are put into it. */
int pinned_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries);
void pinned_put(int map, const void *key, const void *value);
void pinned_remove(int map, const void *key);
/* Pins a descriptor as DIR/NAME; the directory is made. */
void pinned_add(const struct pinned *pinned, const char *dir, const char *name, int fd);
/* Pins a text as DIR/meta, and a description as OBJECT_HASH/meta. */
void pinned_text(const struct pinned *pinned, const char *dir, struct str text);
void pinned_spec(const struct pinned *pinned, const struct spec *spec);
/* Removes a directory of pins. */
void pinned_drop(const struct pinned *pinned, const char *dir);
