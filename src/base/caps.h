/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities of this process, by plain system calls. The user's id says little: root of a
 * container has few of them, and a service that is nobody may have been given some.
 */
#pragma once

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#define CAPS_BIT(cap) (UINT64_C(1) << (cap))
#define CAPS_ALL UINT64_MAX
/* What loading BPF programs takes that nothing else here does. */
#define CAPS_BPF (CAPS_BIT(CAP_BPF) | CAPS_BIT(CAP_PERFMON))

/* The effective ones; none inside of a user namespace, whose root has no say over the kernel. */
uint64_t caps_effective(void);

/* Whether BPF programs that observe the kernel may be loaded. */
bool caps_may_bpf(void);

/*
 * Gives capabilities up for good: effective, permitted, inheritable and ambient, and the bounding
 * set as far as that may be changed; with CAPS_ALL no program that is executed gets any, either.
 * 0 or -errno.
 */
int caps_drop(uint64_t caps);
