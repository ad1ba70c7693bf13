/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a machine has for RDMA, as the kernel's files say, and what is wrong with it.
 * Nothing is changed, no library of RDMA is needed. Files are those below a root, so that
 * a copy of another machine's can be looked at; what is no file (netlink, ioctl) is not
 * readable then.
 *
 * look.c devices, ports, GIDs; place.c NUMA and interrupts; flow.c PFC, pause, ECN;
 * access.c nodes, limits, the service, libraries; judge.c what is wrong; show.c output.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum rdma_kind { RDMA_ROCE, RDMA_IWARP, RDMA_INFINIBAND };

struct rdma_gid {
	unsigned index;
	char *type;    /* "RoCE v2" */
	char *address; /* an IPv4 address if it is one */
	char *netdev;  /* or NULL */
	bool v2, link_local;
};

enum rdma_known {
	RDMA_UNREADABLE,  /* why not is in why */
	RDMA_UNSUPPORTED, /* the driver has no such thing */
	RDMA_KNOWN,
};

struct rdma_flow {
	enum rdma_known pfc, pause;
	uint8_t priorities; /* of PFC, a bit each */
	bool pause_rx, pause_tx;
	const char *why;
	char *ecn; /* priorities with notification and reaction points; NULL: not readable */
	bool ecn_on;
};

struct rdma_port {
	unsigned number;
	char *state, *phys, *layer, *rate; /* "ACTIVE", "LinkUp", "Ethernet"; NULL: unknown */
	bool active;
	GPtrArray *gids;
	char *netdev;	     /* or NULL */
	unsigned netdev_mtu; /* 0: unknown */
	unsigned active_mtu; /* bytes of data in a packet; 0: not readable */
	struct rdma_flow flow;
};

struct rdma_irq {
	unsigned number;
	uint64_t count; /* on all processors */
	char *name;
	char *cpus; /* where it may come, as a list; NULL: not readable */
};

struct rdma_device {
	char *name;
	enum rdma_kind kind;
	char *driver, *pci, *firmware, *board; /* NULL: none, or unknown */
	char *node;			       /* "uverbs0" */
	const char *provider;		       /* of libibverbs; NULL: unknown */
	int numa;			       /* -1: none */
	char *cpus;			       /* of that node */
	char *slower;			       /* a PCIe link that is less than it could be */
	GPtrArray *ports, *irqs;
};

/* Who is to use the devices. */
struct rdma_user {
	char *name;	     /* "weftd (process 4711)", "a process started here" */
	pid_t pid;	     /* 0: self */
	bool of_service;     /* it is, or nobody can say */
	bool known;	     /* uid and the following have been read */
	unsigned uid;	     /* effective */
	GArray *groups;	     /* unsigned: the effective one and the others */
	bool locks;	     /* CAP_IPC_LOCK: the limit does not count */
	bool has_limit;	     /* it could be read */
	uint64_t max_locked; /* bytes; UINT64_MAX: none */
};

/* The unit weftd.service, with what is added to it. */
struct rdma_service {
	char *path;	    /* NULL: there is none */
	char *memlock;	    /* LimitMEMLOCK=; NULL: the system's default */
	bool no_devices;    /* PrivateDevices=yes */
	GPtrArray *allowed; /* DeviceAllow= */
	bool closed;	    /* DevicePolicy= strict or closed */
};

struct rdma_look {
	char *root; /* "" or a directory */
	GPtrArray *devices;
	struct rdma_user user;
	struct rdma_service service;
	unsigned nodes;	     /* of NUMA */
	GPtrArray *unloaded; /* "0000:3b:00.0 (mlx5_core): modprobe mlx5_ib" */
	bool copy;	     /* root is not this machine's */
};

/* root NULL: this machine. pid 0: a weftd that runs, else whoever calls. */
struct rdma_look *rdma_look_new(const char *root, pid_t pid);
void rdma_look_free(struct rdma_look *look);
/* Appends to findings of findings.h. wanted: RDMA by an RNIC there must be. */
void rdma_judge(const struct rdma_look *look, bool wanted, GArray *findings);
void rdma_print(const struct rdma_look *look);
/* Appends "devices": [...], ... */
void rdma_json(const struct rdma_look *look, GString *out);
/* The device that has that address of an interface, or NULL. */
const struct rdma_device *rdma_device_at(const struct rdma_look *look, const char *address);
/* The kernel shows an RDMA device of that name; NULL: of any. */
bool rdma_present(const char *name);

/* --- between the parts ------------------------------------------------------------------ */

/* A whole file below the root, without white space at its end; NULL: cannot be read. */
char *tree_read(const struct rdma_look *look, const char *format, ...) G_GNUC_PRINTF(2, 3);
char *tree_path(const struct rdma_look *look, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The names in a directory, numbers by their value; empty when there is none. */
GPtrArray *tree_names(const struct rdma_look *look, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* What a symbolic link leads to, its last part; NULL: none. */
char *tree_link(const struct rdma_look *look, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool tree_exists(const struct rdma_look *look, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* False: no whole number at its beginning. */
bool tree_number(const char *text, uint64_t *value);

void rdma_place(const struct rdma_look *look, struct rdma_device *dev);
/* "0-3,8" as bits, numbers from 1023 on left out. */
void rdma_cpus(const char *list, uint8_t bits[1024 / 8]);
void rdma_flow(const struct rdma_look *look, const struct rdma_device *dev, struct rdma_port *port);
void rdma_user(struct rdma_look *look, pid_t pid);
void rdma_service(struct rdma_look *look);
/* Whether a library, such as "librdmacm.so.1", is where the linker looks. */
enum rdma_known rdma_library(const struct rdma_look *look, const char *name);
enum rdma_known rdma_provider(const struct rdma_look *look, const char *name);
/* Whether the user may read and write it: 0, ENOENT or EACCES. */
int rdma_may_open(const struct rdma_look *look, const char *node);

/* What the kernel answers a question for PFC; false: that is no such answer. */
bool rdma_parse_pfc(const void *answer, size_t len, uint8_t *priorities, int *err);
