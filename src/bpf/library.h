/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf, loaded when something is to be loaded: readers do without it and its libelf. */
#pragma once

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define LIBBPF_FUNCTIONS(X)               \
	X(bpf_iter_create)                \
	X(bpf_link__destroy)              \
	X(bpf_link__disconnect)           \
	X(bpf_link__fd)                   \
	X(bpf_map__fd)                    \
	X(bpf_map__key_size)              \
	X(bpf_map__map_flags)             \
	X(bpf_map__max_entries)           \
	X(bpf_map__name)                  \
	X(bpf_map__reuse_fd)              \
	X(bpf_map__set_map_flags)         \
	X(bpf_map__type)                  \
	X(bpf_map__value_size)            \
	X(bpf_map_create)                 \
	X(bpf_map_freeze)                 \
	X(bpf_map_update_elem)            \
	X(bpf_obj_get)                    \
	X(bpf_obj_get_info_by_fd)         \
	X(bpf_obj_pin)                    \
	X(bpf_object__btf)                \
	X(bpf_object__close)              \
	X(bpf_object__load)               \
	X(bpf_object__next_map)           \
	X(bpf_object__next_program)       \
	X(bpf_object__open_mem)           \
	X(bpf_program__attach)            \
	X(bpf_program__attach_perf_event) \
	X(bpf_program__attach_xdp)        \
	X(bpf_program__fd)                \
	X(bpf_program__name)              \
	X(bpf_program__section_name)      \
	X(bpf_program__set_autoload)      \
	X(bpf_program__set_log_buf)       \
	X(btf__find_by_name_kind)         \
	X(btf__free)                      \
	X(btf__load_vmlinux_btf)          \
	X(btf__name_by_offset)            \
	X(btf__resolve_size)              \
	X(btf__type_by_id)                \
	X(btf__type_cnt)                  \
	X(libbpf_register_prog_handler)   \
	X(libbpf_set_print)

#define LIBBPF_MEMBER(name) __typeof__(&name) name;
struct libbpf {
	LIBBPF_FUNCTIONS(LIBBPF_MEMBER)
};
#undef LIBBPF_MEMBER

/* 0, or -ENOSYS with ret_why when it is not installed or too old. It says nothing by itself. */
int libbpf_open(struct libbpf *ret, const char **ret_why);
