/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders share: their tables, and who reads them. */
#pragma once

#include "base/regex.h"
#include "bpf/decode.h"

/* By number; without a `p` where a number has no name. */
struct words {
	size_t n;
	struct str *v;
};

struct words decode_syscalls(bool x86_64, struct arena *arena);
struct words decode_errors(struct arena *arena);

/* Numbers and their names, looked up by the number. Names may be without a `p`: known to be none.
 */
struct known_entry {
	uint64_t id;
	struct str name;
	uint32_t used; /* the pass that asked last */
	bool taken;
};

struct known {
	struct arena arena;
	size_t n, size; /* size: 0 or a power of 2 */
	struct known_entry *v;
};

struct known_entry *known_find(struct known *known, uint64_t id);
/* Adds a name, or replaces it; the text is copied. */
struct known_entry *known_put(struct known *known, uint64_t id, struct str name);
/* Forgets what nobody has asked for since pass `since`. */
void known_forget(struct known *known, uint32_t since);
void known_release(struct known *known);

/* Of the kernel's symbols: megabytes, so no longer than a pass. */
struct symbols {
	bool read;
	struct buf entries; /* struct symbol each, by address */
	struct buf names;   /* NUL-ended, one after another */
};

enum {
	EXPRESSIONS_MAX = 64,
	KNOWN_MAX = 1 << 16, /* of cgroups */
	LOOKUPS_MAX = 4096,  /* results kept of kernel symbols, and of PCI names */
	SEARCHES_MAX = 256,  /* of the file of PCI names, in one pass */
	CGROUP_DEPTH_MAX = 64,
	SYMBOL_REACH = 256 << 10, /* bytes behind its start that a symbol can be of */
};

struct decoder {
	struct host *host;
	uint32_t pass;
	struct arena forever, arena; /* the second: for one pass */
	struct words syscalls, errors;
	struct known cgroups; /* never change, so they are kept while somebody asks */
	struct known addresses, pci;
	struct known interfaces, devices, users; /* of this pass */
	bool read_cgroups, read_interfaces, read_devices, read_users, read_pci;
	uint32_t pci_searches;
	struct str pci_ids; /* the file, without a `p` where there is none */
	struct symbols symbols;
	size_t n_expressions;
	struct regex *expressions[EXPRESSIONS_MAX];
};

/* Each writes the text of a label; unknown numbers as ebpf_exporter has them. */
struct str decode_cgroup(struct decoder *decoder, uint64_t id, struct arena *arena);
struct str decode_ifname(struct decoder *decoder, uint64_t index, struct arena *arena);
struct str decode_majorminor(struct decoder *decoder, uint64_t device, struct arena *arena);
struct str decode_user(struct decoder *decoder, uint64_t uid, struct arena *arena);
struct str decode_pci(struct decoder *decoder, enum decoder_kind kind, uint64_t number,
		      struct arena *arena);
struct str decode_ksym(struct decoder *decoder, uint64_t address, struct arena *arena);
struct str decode_kstack(struct decoder *decoder, struct str bytes, struct arena *arena);
struct str decode_dname(struct str bytes, struct arena *arena);
