/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a file or device is: its block size, and an identity that names the
 * object and not the way to it.
 *
 * A regular file is named by its file system and its handle there (inode and
 * generation, or what an NFS server or a cluster calls it), so that each client
 * of a shared file system finds the same. A device is named by what it says of
 * itself (dm uuid, wwid); one that says nothing by the path to it on this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hw/linux/file-internal.h"

#define PROBE_MAX 4096u

static uint32_t power_of_two(uint64_t n, uint32_t least, uint32_t most)
{
	if (n < least || (n & (n - 1)) != 0)
		return least;
	return n > most ? most : (uint32_t)n;
}

/* Reads of that size are possible. */
static bool probe(int fd, uint32_t size)
{
	void *buf;
	ssize_t n;

	if (posix_memalign(&buf, PROBE_MAX, PROBE_MAX) != 0)
		return false;
	n = pread(fd, buf, size, 0);
	free(buf);
	return n >= 0;
}

/* The unit of direct I/O to a regular file; 0: there is none. */
static uint32_t direct_unit(int fd)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) != 0 && stx.stx_dio_offset_align != 0) {
		uint32_t unit = stx.stx_dio_offset_align;

		return power_of_two(MAX(unit, stx.stx_dio_mem_align), 512, 65536);
	}
#endif
	for (uint32_t size = 512; size <= PROBE_MAX; size *= 2) {
		if (probe(fd, size))
			return size;
	}
	return 0;
}

static bool read_line(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	bool good;

	if (f == NULL)
		return false;
	good = fgets(buf, (int)len, f) != NULL;
	fclose(f);
	if (good)
		buf[strcspn(buf, "\n")] = '\0';
	return good && buf[0] != '\0';
}

static bool device_says(dev_t dev, const char *attribute, char *buf, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), attribute);
	return read_line(path, buf, len);
}

/* This machine, and the path with all links resolved. */
static void local_identity(const char *kind, const char *path, char *out, size_t len)
{
	char machine[64] = "";
	char *real = realpath(path, NULL);
	const char *name = real != NULL ? real : path;
	size_t n = strlen(name);

	read_line("/etc/machine-id", machine, sizeof(machine));
	/* The end of a path that is too long tells more, and its length. */
	snprintf(out, len, "%s:%.36s:%zu:%s", kind, machine, n, n > 160 ? name + n - 160 : name);
	free(real);
}

static void identify_device(dev_t dev, const char *path, char *out, size_t len)
{
	static const char *const attributes[] = { "dm/uuid", "wwid", "device/wwid", "uuid" };
	char text[200], part[16] = "0";

	for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
		if (device_says(dev, attributes[i], text, sizeof(text))) {
			snprintf(out, len, "%s:%s", attributes[i], text);
			return;
		}
	}
	/* A partition: its disk's, and its number. */
	if (device_says(dev, "partition", part, sizeof(part)) &&
	    (device_says(dev, "../wwid", text, sizeof(text)) ||
	     device_says(dev, "../device/wwid", text, sizeof(text)))) {
		snprintf(out, len, "part%s:%s", part, text);
		return;
	}
	if (device_says(dev, "loop/backing_file", text, sizeof(text))) {
		char offset[24] = "0";

		device_says(dev, "loop/offset", offset, sizeof(offset));
		snprintf(part, sizeof(part), "loop");
		local_identity(part, text, out, len);
		snprintf(out + strlen(out), len - strlen(out), "+%s", offset);
		return;
	}
	local_identity("device", path, out, len);
}

static void identify_file(int fd, const char *path, char *out, size_t len)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle.handle_bytes = MAX_HANDLE_SZ };
	struct statfs fs;
	int mount, n;

	if (fstatfs(fd, &fs) != 0 ||
	    name_to_handle_at(fd, "", &u.handle, &mount, AT_EMPTY_PATH) != 0 ||
	    u.handle.handle_bytes > 96) {
		local_identity("file", path, out, len);
		return;
	}
	n = snprintf(out, len, "file:%lx:%x%08x:%x:", (unsigned long)fs.f_type,
		     (unsigned)fs.f_fsid.__val[0], (unsigned)fs.f_fsid.__val[1],
		     (unsigned)u.handle.handle_type);
	for (unsigned i = 0; i < u.handle.handle_bytes; i++)
		n += snprintf(out + n, len - (size_t)n, "%02x", u.handle.f_handle[i]);
}

void file_identify(int fd, const char *path, struct file_info *info)
{
	unsigned physical = 0;
	struct stat st;
	int logical = 0;

	if (fstat(fd, &st) != 0)
		return;
	info->device = S_ISBLK(st.st_mode);
	if (info->device) {
		if (ioctl(fd, BLKSSZGET, &logical) != 0 || logical < 0)
			logical = 512;
		if (ioctl(fd, BLKPBSZGET, &physical) != 0)
			physical = 0;
		info->block_size = power_of_two((uint64_t)logical, 512, 65536);
		info->physical_block_size = power_of_two(physical, info->block_size, 1u << 20);
		identify_device(st.st_rdev, path, info->identity, sizeof(info->identity));
		return;
	}
	info->block_size = 512;
	if (info->direct) {
		info->block_size = direct_unit(fd);
		info->direct = info->block_size != 0;
		if (!info->direct)
			info->block_size = 512;
	}
	info->physical_block_size = info->block_size;
	identify_file(fd, path, info->identity, sizeof(info->identity));
}
