/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel addresses to symbols. kallsyms has some 200,000 lines and takes the kernel a tenth of a
 * second to write, so what has been found is kept, and the file is read only when an address is
 * new. Who may not see addresses (kernel.kptr_restrict; no CAP_SYSLOG) gets zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "bpf/decode_internal.h"

struct symbol {
	uint64_t address;
	size_t name; /* offset */
};

enum { CHUNK = 64 << 10, NAMES_MAX = 64 << 20 };

static void add_symbol(struct symbols *symbols, struct str line)
{
	struct symbol symbol = { .name = symbols->names.n };
	struct str address, type, name;

	if (!str_word(&line, &address) || !str_word(&line, &type) || !str_word(&line, &name) ||
	    num_hex(address, &symbol.address) || !symbol.address)
		return;
	buf_str(&symbols->names, name);
	buf_char(&symbols->names, '\0');
	if (!symbols->names.err)
		buf_put(&symbols->entries, &symbol, sizeof(symbol));
}

static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

static void read_symbols(struct decoder *decoder)
{
	struct symbols *symbols = &decoder->symbols;
	int root = decoder->host->dir[HOST_PROC];
	_cleanup_fd_ int fd = root < 0 ? root : openat(root, "kallsyms", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *chunk = malloc(CHUNK);
	size_t have = 0;
	ssize_t n = 0;

	symbols->read = true;
	symbols->names.max = symbols->entries.max = NAMES_MAX;
	if (!chunk)
		return;
	while (fd >= 0 && (n = read(fd, chunk + have, CHUNK - have)) != 0) {
		struct str rest = { chunk, have + (size_t)n }, line;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		while (str_find(rest, '\n') < rest.n && str_line(&rest, &line))
			add_symbol(symbols, line);
		have = rest.n == CHUNK ? 0 : rest.n;
		memmove(chunk, rest.p, have);
	}
	if (symbols->entries.n)
		qsort(symbols->entries.p, symbols->entries.n / sizeof(struct symbol),
		      sizeof(struct symbol), compare);
}

/* The name of the last symbol at or before it, the first of several; without a `p`: none. */
static struct str search(const struct symbols *symbols, uint64_t address)
{
	const struct symbol *v = (const void *)symbols->entries.p;
	size_t low = 0, high = symbols->entries.n / sizeof(*v);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - v[low - 1].address >= SYMBOL_REACH)
		return (struct str){ 0 };
	while (low > 1 && v[low - 2].address == v[low - 1].address)
		low--;
	return str_of(symbols->names.p + v[low - 1].name);
}

static struct str symbol_of(struct decoder *decoder, uint64_t address)
{
	const struct known_entry *entry = known_find(&decoder->addresses, address);

	if (entry)
		return entry->name;
	if (decoder->addresses.n >= LOOKUPS_MAX)
		known_release(&decoder->addresses);
	if (!decoder->symbols.read)
		read_symbols(decoder);
	return known_put(&decoder->addresses, address, search(&decoder->symbols, address))->name;
}

struct str decode_ksym(struct decoder *decoder, uint64_t address, struct arena *arena)
{
	struct str name = symbol_of(decoder, address);

	/* A copy, as the table may be emptied before the label is used. */
	if (name.p)
		return arena_str(arena, name);
	return arena_printf(arena, "unknown_addr:0x%llx", (unsigned long long)address);
}

struct str decode_kstack(struct decoder *decoder, struct str bytes, struct arena *arena)
{
	struct str out = { 0 };

	for (; bytes.n >= 8; bytes = str_skip(bytes, 8)) {
		uint64_t address;
		struct str name;

		memcpy(&address, bytes.p, 8);
		if (!address)
			break;
		name = symbol_of(decoder, address);
		out = ARENA_CONCAT(arena, out, out.n ? STR("\n") : STR(""),
				   name.p ? name : STR("??"));
	}
	return out.p ? out : STR("");
}
