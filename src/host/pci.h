/* SPDX-License-Identifier: Apache-2.0 */
/* Where devices on PCI are: "0000:04:00.1", in hexadecimal numbers. */
#pragma once

#include "host/host.h"

struct pci_location {
	struct str segment, bus, device, function;
};

/* False when it is none. */
bool pci_location(struct str text, struct pci_location *ret);

/*
 * The bridge above a device, from the target of its link below /sys/bus/pci/devices; at the root,
 * where no bridge is, four times "*".
 */
struct pci_location pci_parent(struct str link);

/* What a device is, by numbers ("0x1022"), or by what these are called. */
struct pci_device {
	struct str vendor, device, subsystem_vendor, subsystem_device, class;
};

/* The list of names: of that file, or, when `path` is empty, where distributions have it. */
int pci_ids_read(const struct host *host, const char *path, struct arena *arena, struct str *ret);

/*
 * The names of the device whose directory this is. Numbers that are not in the list stay, without
 * "0x"; a class becomes "Unknown class (010802)".
 */
struct pci_device pci_names(struct str ids, int dir, struct arena *arena);
