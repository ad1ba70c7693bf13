/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections and the admin queue of the load generator; see rawgen.h. */
#include "tools/bench/bench.h"
#include "tools/bench/rawgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ADMIN_ENTRIES NVME_ADMIN_SQ_MIN
#define HOST_NQN "nqn.2014-08.org.nvmexpress:uuid:5ca1ab1e-0000-4000-8000-0000000000be"

static void read_all(int fd, void *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = recv(fd, (char *)buf + at, len - at, 0);

		if (n == 0)
			bench_die("the target closed the connection");
		if (n < 0 && errno == EAGAIN)
			bench_die("the target does not answer");
		if (n < 0 && errno != EINTR)
			bench_die("recv: %s", strerror(errno));
		at += n > 0 ? (size_t)n : 0;
	}
}

static void write_all(int fd, const void *buf, size_t len)
{
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		bench_die("cannot send to the target: %s", strerror(errno));
}

static int dial(const struct rawgen_target *t)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *ai;
	struct timeval tv = { .tv_sec = 5 };
	int r = getaddrinfo(t->traddr, t->trsvcid, &hints, &ai);

	if (r)
		bench_die("%s port %s: %s", t->traddr, t->trsvcid, gai_strerror(r));
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen))
		bench_die("cannot connect to %s port %s: %s", t->traddr, t->trsvcid,
			  strerror(errno));
	freeaddrinfo(ai);
	bench_tune(fd, 0, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static int connection_open(struct rawgen_ctrl *c, const struct rawgen_target *t)
{
	struct nvme_tcp_icreq req = {
		.hdr = { .type = NVME_TCP_ICREQ, .hlen = sizeof(req), .plen = sizeof(req) }
	};
	struct nvme_tcp_icresp resp;
	int fd = dial(t);

	write_all(fd, &req, sizeof(req));
	read_all(fd, &resp, sizeof(resp));
	if (resp.hdr.type != NVME_TCP_ICRESP || resp.hdr.hlen != sizeof(resp) ||
	    resp.hdr.plen != sizeof(resp) || resp.pfv || resp.digest || resp.cpda > 31)
		bench_die("ICReq answered with type %02x, length %u, version %u, digest %02x, CPDA "
			  "%u",
			  resp.hdr.type, resp.hdr.plen, resp.pfv, resp.digest, resp.cpda);
	c->cpda = resp.cpda;
	return fd;
}

static void send_command(const struct rawgen_ctrl *c, int fd, const void *cmd, const void *out,
			 size_t out_len)
{
	uint8_t buf[2048] = { 0 };
	struct nvme_tcp_capsule_cmd pdu = {
		.hdr = { .type = NVME_TCP_CAPSULE_CMD, .hlen = sizeof(pdu), .plen = sizeof(pdu) }
	};
	unsigned align = (c->cpda + 1u) * 4;

	memcpy(&pdu.sqe, cmd, sizeof(pdu.sqe));
	if (out_len) {
		pdu.hdr.pdo = (uint8_t)((sizeof(pdu) + align - 1) / align * align);
		pdu.hdr.plen = (uint32_t)(pdu.hdr.pdo + out_len);
		memcpy(buf + pdu.hdr.pdo, out, out_len);
	}
	memcpy(buf, &pdu, sizeof(pdu));
	write_all(fd, buf, pdu.hdr.plen);
}

/* Waits for the completion of the one command outstanding; data goes to in. */
static struct nvme_cpl wait_completion(int fd, uint8_t *in, size_t in_len)
{
	union {
		struct nvme_tcp_hdr hdr;
		struct nvme_tcp_data data;
		struct nvme_tcp_capsule_resp resp;
		struct nvme_tcp_term term;
	} pdu;

	for (;;) {
		read_all(fd, &pdu, sizeof(pdu));
		if (pdu.hdr.type == NVME_TCP_CAPSULE_RESP && pdu.hdr.plen == sizeof(pdu))
			return pdu.resp.cqe;
		if (pdu.hdr.type == NVME_TCP_C2H_TERM)
			bench_die("the target ends the connection: FES %04x", pdu.term.fes);
		if (pdu.hdr.type != NVME_TCP_C2H_DATA || pdu.hdr.pdo != sizeof(pdu) ||
		    pdu.hdr.plen - sizeof(pdu) != pdu.data.datal || pdu.data.datao > in_len ||
		    pdu.data.datal > in_len - pdu.data.datao)
			bench_die("an unexpected PDU of type %02x, length %u", pdu.hdr.type,
				  pdu.hdr.plen);
		read_all(fd, in + pdu.data.datao, pdu.data.datal);
	}
}

/* One command to its end; what names it in the message of a failure. */
static uint64_t command(const struct rawgen_ctrl *c, int fd, const void *cmd, const void *out,
			size_t out_len, void *in, size_t in_len, const char *what)
{
	send_command(c, fd, cmd, out, out_len);
	struct nvme_cpl cpl = wait_completion(fd, in, in_len);

	if (cpl.status)
		bench_die("%s: status %04x", what, cpl.status >> 1);
	return cpl.value;
}

static uint64_t fabrics_connect(struct rawgen_ctrl *c, const struct rawgen_target *t, int fd,
				uint16_t qid, unsigned entries)
{
	struct nvme_connect_data data = { .hostid = "weft-bench-host",
					  .cntlid = NVME_CNTLID_DYNAMIC,
					  .hostnqn = HOST_NQN };
	struct nvme_connect_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.flags = NVME_CMD_PSDT_SGL,
		.fctype = NVME_FCTYPE_CONNECT,
		.sgl = { .type = NVME_SGL_OFFSET, .length = sizeof(data) },
		.qid = qid,
		.sqsize = (uint16_t)(entries - 1),
		.cattr = qid ? NVME_CATTR_NO_SQ_FLOW_CONTROL : 0,
	};

	if (qid)
		data.cntlid = c->cntlid;
	strncpy(data.subnqn, t->subnqn, NVME_NQN_MAX);
	return command(c, fd, &cmd, &data, sizeof(data), NULL, 0, "Connect");
}

static uint64_t property_get(const struct rawgen_ctrl *c, uint32_t offset, bool wide)
{
	struct nvme_property_cmd cmd = { .opcode = NVME_OP_FABRICS,
					 .flags = NVME_CMD_PSDT_SGL,
					 .fctype = NVME_FCTYPE_PROPERTY_GET,
					 .attrib = wide,
					 .offset = offset };

	return command(c, c->fd, &cmd, NULL, 0, NULL, 0, "Property Get");
}

static void enable(struct rawgen_ctrl *c)
{
	struct nvme_property_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.flags = NVME_CMD_PSDT_SGL,
		.fctype = NVME_FCTYPE_PROPERTY_SET,
		.offset = NVME_REG_CC,
		.value = 4 << 20 | 6 << 16 | NVME_CC_EN, /* entries of 16 and 64 bytes */
	};
	uint64_t start = bench_now();

	c->mqes = (uint16_t)property_get(c, NVME_REG_CAP, true);
	command(c, c->fd, &cmd, NULL, 0, NULL, 0, "Property Set of CC");
	while (!(property_get(c, NVME_REG_CSTS, false) & NVME_CSTS_RDY)) {
		if (bench_now() > start + 5 * BENCH_NS)
			bench_die("the controller does not become ready");
	}
}

static void identify(struct rawgen_ctrl *c, const struct rawgen_target *t)
{
	struct nvme_cmd cmd = { .opcode = NVME_ADMIN_IDENTIFY,
				.flags = NVME_CMD_PSDT_SGL,
				.sgl = { .type = NVME_SGL_TRANSPORT, .length = 4096 },
				.cdw10 = NVME_CNS_CTRLR };
	union {
		struct nvme_id_ctrlr ctrlr;
		struct nvme_id_ns ns;
	} id;

	memset(&id, 0, sizeof(id));
	command(c, c->fd, &cmd, NULL, 0, &id, sizeof(id), "Identify Controller");
	c->in_capsule = id.ctrlr.ioccsz > 4 && !id.ctrlr.icdoff ? id.ctrlr.ioccsz * 16u - 64 : 0;
	c->mdts = id.ctrlr.mdts && id.ctrlr.mdts < 20 ? (size_t)4096 << id.ctrlr.mdts : SIZE_MAX;
	cmd.cdw10 = NVME_CNS_NS;
	cmd.nsid = t->nsid;
	memset(&id, 0, sizeof(id));
	command(c, c->fd, &cmd, NULL, 0, &id, sizeof(id), "Identify Namespace");
	uint8_t lbads = id.ns.lbaf[id.ns.flbas & 15].lbads;

	if (!id.ns.nsze || lbads < 9 || lbads > 16)
		bench_die("namespace %u has %llu blocks of 2^%u bytes", t->nsid,
			  (unsigned long long)id.ns.nsze, lbads);
	c->blocks = id.ns.nsze;
	c->block_size = 1u << lbads;
}

void rawgen_ctrl_open(struct rawgen_ctrl *c, const struct rawgen_target *t, unsigned queues)
{
	struct nvme_cmd cmd = { .opcode = NVME_ADMIN_SET_FEATURES,
				.flags = NVME_CMD_PSDT_SGL,
				.sgl = { .type = NVME_SGL_TRANSPORT },
				.cdw10 = NVME_FEAT_QUEUES,
				.cdw11 = (queues - 1) << 16 | (queues - 1) };

	*c = (struct rawgen_ctrl){ .fd = -1 };
	c->fd = connection_open(c, t);
	c->cntlid = (uint16_t)fabrics_connect(c, t, c->fd, 0, ADMIN_ENTRIES);
	enable(c);
	c->queues = (uint16_t)command(c, c->fd, &cmd, NULL, 0, NULL, 0, "Set Features") + 1u;
	if (c->queues > queues)
		c->queues = queues;
	identify(c, t);
}

int rawgen_queue_open(struct rawgen_ctrl *c, const struct rawgen_target *t, uint16_t qid,
		      unsigned entries)
{
	int fd = connection_open(c, t);

	if (entries > c->mqes + 1u)
		bench_die("the target allows queues of %u entries, not %u", c->mqes + 1u, entries);
	fabrics_connect(c, t, fd, qid, entries);
	return fd;
}
