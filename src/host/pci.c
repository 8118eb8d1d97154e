/* SPDX-License-Identifier: Apache-2.0 */
#include "host/pci.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

enum { IDS_MAX = 16 << 20, NEEDLE_MAX = 32 };

bool pci_location(struct str text, struct pci_location *ret)
{
	struct str part[4];
	uint64_t number;

	for (int i = 0; i < 4; i++)
		if (!str_cut(&text, i < 2 ? ':' : '.', &part[i]) || num_hex(part[i], &number) < 0)
			return false;
	*ret = (struct pci_location){ part[0], part[1], part[2], part[3] };
	return !text.n;
}

struct pci_location pci_parent(struct str link)
{
	struct pci_location root = { STR("*"), STR("*"), STR("*"), STR("*") }, parent;
	struct str part, above = STR("");

	while (str_cut(&link, '/', &part) && link.n)
		above = part;
	return pci_location(above, &parent) ? parent : root;
}

int pci_ids_read(const struct host *host, const char *path, struct arena *arena, struct str *ret)
{
	static const char *const places[] = { "usr/share/misc/pci.ids",
					      "usr/share/hwdata/pci.ids" };
	int r = -ENOENT;

	if (*path)
		return file_read(AT_FDCWD, path, IDS_MAX, arena, ret);
	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(places); i++)
		r = host->dir[HOST_ROOT] < 0
			    ? host->dir[HOST_ROOT]
			    : file_read(host->dir[HOST_ROOT], places[i], IDS_MAX, arena, ret);
	return r;
}

/*
 * The name on the line that begins with `id`, behind so many tabs. ret_below is what stands below
 * it: the lines with more tabs, and the end of the line itself in front of them.
 */
static struct str find(struct str text, size_t tabs, struct str id, struct str *ret_below)
{
	char needle[NEEDLE_MAX] = "\n\t\t";
	struct str line;
	const char *at;
	size_t n = 1 + tabs;

	*ret_below = (struct str){ 0 };
	if (!id.n || id.n > NEEDLE_MAX - 5)
		return (struct str){ 0 };
	memcpy(needle + n, id.p, id.n);
	memcpy(needle + n + id.n, "  ", 2);
	n += id.n + 2;
	at = text.n ? memmem(text.p, text.n, needle, n) : NULL;
	if (!at)
		return (struct str){ 0 };
	text = str_skip(text, (size_t)(at - text.p) + n);

	struct str name = { text.p, str_find(text, '\n') }, rest = str_skip(text, name.n);
	const char *begin = rest.p;

	(void)str_line(&rest, &line);
	for (const char *end = rest.p;; end = rest.p) {
		*ret_below = str_between(begin, end);
		if (!str_line(&rest, &line) ||
		    (line.n && line.p[0] != '#' && (line.n <= tabs || line.p[tabs] != '\t')))
			break;
	}
	return str_trim(name);
}

static struct str digits(struct str number)
{
	return str_starts(number, STR("0x")) ? str_skip(number, 2) : number;
}

static struct str or_number(struct str name, struct str number)
{
	return name.n ? name : digits(number);
}

static struct str class_name(struct str ids, struct str class, struct arena *arena)
{
	struct str below, name, part = class.n < 6 ? STR("") : class, last;

	last = find(ids, 0, ARENA_CONCAT(arena, STR("C "), (struct str){ part.p, part.n / 3 }),
		    &below);
	for (size_t i = 2; last.n && i < 6; i += 2) {
		name = find(below, i / 2, (struct str){ part.p + i, 2 }, &below);
		if (!name.n)
			break;
		last = name;
	}
	return last.n ? last : ARENA_CONCAT(arena, STR("Unknown class ("), class, STR(")"));
}

static struct str number_of(int dir, const char *name, struct arena *arena)
{
	struct str text;

	return host_attr(dir, name, arena, &text) == 0 ? text : STR("");
}

struct pci_device pci_names(struct str ids, int dir, struct arena *arena)
{
	const struct pci_device numbers = {
		.vendor = number_of(dir, "vendor", arena),
		.device = number_of(dir, "device", arena),
		.subsystem_vendor = number_of(dir, "subsystem_vendor", arena),
		.subsystem_device = number_of(dir, "subsystem_device", arena),
		.class = number_of(dir, "class", arena),
	};
	struct str devices, subsystems, none, vendor, device, subsystem;

	vendor = find(ids, 0, digits(numbers.vendor), &devices);
	device = find(devices, 1, digits(numbers.device), &subsystems);
	subsystem = find(subsystems, 2,
			 ARENA_CONCAT(arena, digits(numbers.subsystem_vendor), STR(" "),
				      digits(numbers.subsystem_device)),
			 &none);
	return (struct pci_device){
		.vendor = or_number(vendor, numbers.vendor),
		.device = or_number(device, numbers.device),
		.subsystem_vendor = or_number(find(ids, 0, digits(numbers.subsystem_vendor), &none),
					      numbers.subsystem_vendor),
		.subsystem_device = or_number(subsystem, numbers.subsystem_device),
		.class = class_name(ids, digits(numbers.class), arena),
	};
}
