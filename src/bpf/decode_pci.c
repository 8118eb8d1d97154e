/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI numbers by the file pci.ids: 1.4 MB of text, in which names stand below those that they
 * belong to. Few of them are ever asked for, so each is searched for once and then kept.
 */
#include "base/num.h"
#include "bpf/decode_internal.h"

struct place {
	bool is_class;
	bool has_child;
	uint64_t top, child;
};

static void read_pci(struct decoder *decoder)
{
	static const char *const paths[] = { "usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids" };

	decoder->read_pci = true;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && !decoder->pci_ids.p; i++)
		(void)host_read(decoder->host, HOST_ROOT, paths[i], &decoder->arena,
				&decoder->pci_ids);
}

/* "ID  NAME" at the front of a line. */
static bool take_entry(struct str line, uint64_t id, struct str *ret)
{
	struct str word;
	uint64_t number;

	if (!str_word(&line, &word) || num_hex(word, &number) || number != id)
		return false;
	*ret = str_trim(line);
	return true;
}

/* Without a `p` where there is none. ret_top: the one above is there. */
static struct str search(struct str text, const struct place *place, bool *ret_top)
{
	struct str line, name;
	bool inside = false;

	while (str_line(&text, &line)) {
		bool is_class = str_starts(line, STR("C "));

		if (!line.n || line.p[0] == '#')
			continue;
		if (line.p[0] == '\t') {
			if (inside && !str_starts(line, STR("\t\t")) &&
			    take_entry(line, place->child, &name))
				return name;
			continue;
		}
		if (inside)
			break;
		inside = is_class == place->is_class &&
			 take_entry(is_class ? str_skip(line, 2) : line, place->top, &name);
		*ret_top |= inside;
		if (inside && !place->has_child)
			return name;
	}
	return (struct str){ 0 };
}

static struct str unknown(enum decoder_kind kind, uint64_t number, bool has_class,
			  struct arena *arena)
{
	unsigned long long n = number;

	switch (kind) {
	case DECODE_PCI_VENDOR:
		return arena_printf(arena, "unknown pci vendor: 0x%02llx", n);
	case DECODE_PCI_DEVICE:
		return arena_printf(arena, "unknown pci device: 0x%04llx", n);
	case DECODE_PCI_CLASS:
		return arena_printf(arena, "unknown pci class: 0x%02llx", n);
	default:
		return has_class ? arena_printf(arena,
						"unknown pci subclass: 0x%02llx (class 0x%02llx)",
						n & 0xff, n >> 8)
				 : arena_printf(arena, "unknown pci class: 0x%02llx", n >> 8);
	}
}

struct str decode_pci(struct decoder *decoder, enum decoder_kind kind, uint64_t number,
		      struct arena *arena)
{
	struct place place = { kind == DECODE_PCI_CLASS || kind == DECODE_PCI_SUBCLASS,
			       kind == DECODE_PCI_DEVICE || kind == DECODE_PCI_SUBCLASS, number,
			       0 };
	uint64_t id = (uint32_t)number | (uint64_t)kind << 32;
	const struct known_entry *entry =
		number <= UINT32_MAX ? known_find(&decoder->pci, id) : NULL;
	struct str name = { 0 };
	bool has_top = false;

	if (entry)
		return arena_str(arena, entry->name);
	if (!decoder->read_pci)
		read_pci(decoder);
	if (!decoder->pci_ids.p)
		return STR("missing pci.ids db");
	/* No bus has such numbers; and above 32 bits stands the kind. */
	if (number > UINT32_MAX)
		return unknown(kind, number, false, arena);
	if (kind == DECODE_PCI_DEVICE) {
		place.top = number >> 16;
		place.child = number & 0xffff;
	} else if (kind == DECODE_PCI_SUBCLASS) {
		place.top = number >> 8;
		place.child = number & 0xff;
	}
	/* Numbers that are none may come by the thousand; each would cost a millisecond. */
	if (decoder->pci_searches++ >= SEARCHES_MAX)
		return unknown(kind, number, false, arena);
	name = search(decoder->pci_ids, &place, &has_top);
	if (!name.p)
		name = unknown(kind, number, has_top, arena);
	if (decoder->pci.n >= LOOKUPS_MAX)
		known_release(&decoder->pci);
	return arena_str(arena, known_put(&decoder->pci, id, name)->name);
}
