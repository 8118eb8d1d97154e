/* SPDX-License-Identifier: Apache-2.0 */
/* What never changes while the program runs: names of decoders. */
#include "bpf/decode.h"

static const char *const names[DECODERS] = {
	[DECODE_UINT] = "uint",
	[DECODE_INT] = "int",
	[DECODE_BE] = "be",
	[DECODE_HEX] = "hex",
	[DECODE_STRING] = "string",
	[DECODE_MAP] = "map",
	[DECODE_REGEXP] = "regexp",
	[DECODE_CGROUP] = "cgroup",
	[DECODE_DNAME] = "dname",
	[DECODE_ERRNO] = "errno",
	[DECODE_IFNAME] = "ifname",
	[DECODE_INET_IP] = "inet_ip",
	[DECODE_KSTACK] = "kstack",
	[DECODE_KSYM] = "ksym",
	[DECODE_MAJORMINOR] = "majorminor",
	[DECODE_PCI_VENDOR] = "pci_vendor",
	[DECODE_PCI_DEVICE] = "pci_device",
	[DECODE_PCI_CLASS] = "pci_class",
	[DECODE_PCI_SUBCLASS] = "pci_subclass",
	[DECODE_SYSCALL] = "syscall",
	[DECODE_USER] = "user",
};

int decoder_kind(struct str name)
{
	for (int i = 0; i < DECODERS; i++)
		if (str_eq(str_of(names[i]), name))
			return i;
	return -1;
}

const char *decoder_name(enum decoder_kind kind)
{
	return names[kind];
}
