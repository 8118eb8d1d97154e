/* SPDX-License-Identifier: Apache-2.0 */
/* How long operations on files of ext4 take, in the page cache or not; as ebpf_exporter's ext4dist.
 */
#include "calls.h"

enum { READ, WRITE, OPEN, FSYNC, GETATTR, OPERATIONS };

PP_MAP(ext4_latency_seconds, PERCPU_ARRAY, OPERATIONS, u32, struct calls_slots)
	PP_HISTOGRAM("Time of operations on files of ext4.", "exp2 0..27 * 1e-6")
	PP_SCALE("1e-9") PP_SKIP_ZERO
	PP_LABEL("operation|map:0=read,1=write,2=open,3=fsync,4=getattr");

CALLS(read, ext4_file_read_iter, ext4_latency_seconds, READ)
CALLS(write, ext4_file_write_iter, ext4_latency_seconds, WRITE)
CALLS(open, ext4_file_open, ext4_latency_seconds, OPEN)
CALLS(fsync, ext4_sync_file, ext4_latency_seconds, FSYNC)
CALLS(getattr, ext4_file_getattr, ext4_latency_seconds, GETATTR)

char LICENSE[] SEC("license") = "GPL";
