/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Management datagrams of the communication manager (InfiniBand volume 1,
 * chapter 12), which a RoCEv2 port exchanges through queue pair 1: the 256 bytes
 * that a UD SEND to it carries, and the header that the RDMA IP CM service
 * (annex A11) puts before its user's private data.
 *
 * Pure functions. Every field has its place in a structure, numbers in host byte
 * order; reserved bits are written as zero and not read. What a value may be is
 * left to whoever answers with a REJ; only what cannot be read is refused here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROCE_MAD_LEN 256
#define ROCE_MAD_HEAD_LEN 24
#define ROCE_MAD_BASE_VERSION 1
#define ROCE_MAD_CLASS_CM 7
#define ROCE_MAD_CM_VERSION 2
#define ROCE_MAD_SEND 3

enum roce_cm_kind {
	ROCE_CM_REQ = 0x10,
	ROCE_CM_MRA = 0x11,
	ROCE_CM_REJ = 0x12,
	ROCE_CM_REP = 0x13,
	ROCE_CM_RTU = 0x14,
	ROCE_CM_DREQ = 0x15,
	ROCE_CM_DREP = 0x16,
	ROCE_CM_SIDR_REQ = 0x17,
	ROCE_CM_SIDR_REP = 0x18,
	ROCE_CM_LAP = 0x19,
	ROCE_CM_APR = 0x1a,
};

/* The message that a REJ or an MRA is about. */
enum roce_cm_about {
	ROCE_CM_ABOUT_REQ = 0,
	ROCE_CM_ABOUT_REP = 1,
	ROCE_CM_ABOUT_OTHER = 2, /* REJ: no message; MRA: a LAP */
};

enum roce_cm_reason {
	ROCE_REJ_NO_QP = 1,
	ROCE_REJ_NO_EEC = 2,
	ROCE_REJ_NO_RESOURCES = 3,
	ROCE_REJ_TIMEOUT = 4,
	ROCE_REJ_UNSUPPORTED_REQUEST = 5,
	ROCE_REJ_INVALID_COMM_ID = 6,
	ROCE_REJ_INVALID_COMM_INSTANCE = 7,
	ROCE_REJ_INVALID_SERVICE_ID = 8,
	ROCE_REJ_INVALID_TRANSPORT_TYPE = 9,
	ROCE_REJ_STALE_CONNECTION = 10,
	ROCE_REJ_NO_RDC = 11,
	ROCE_REJ_PRIMARY_GID = 12,
	ROCE_REJ_PRIMARY_LID = 13,
	ROCE_REJ_PRIMARY_SL = 14,
	ROCE_REJ_PRIMARY_TRAFFIC_CLASS = 15,
	ROCE_REJ_PRIMARY_HOP_LIMIT = 16,
	ROCE_REJ_PRIMARY_PACKET_RATE = 17,
	ROCE_REJ_ALTERNATE_GID = 18,
	ROCE_REJ_ALTERNATE_LID = 19,
	ROCE_REJ_ALTERNATE_SL = 20,
	ROCE_REJ_ALTERNATE_TRAFFIC_CLASS = 21,
	ROCE_REJ_ALTERNATE_HOP_LIMIT = 22,
	ROCE_REJ_ALTERNATE_PACKET_RATE = 23,
	ROCE_REJ_CM_REDIRECT = 24,
	ROCE_REJ_PORT_REDIRECT = 25,
	ROCE_REJ_INVALID_MTU = 26,
	ROCE_REJ_RESPONDER_RESOURCES = 27,
	ROCE_REJ_CONSUMER = 28,
	ROCE_REJ_RNR_RETRY = 29,
	ROCE_REJ_DUPLICATE_COMM_ID = 30,
	ROCE_REJ_CLASS_VERSION = 31,
	ROCE_REJ_PRIMARY_FLOW_LABEL = 32,
	ROCE_REJ_ALTERNATE_FLOW_LABEL = 33,
	ROCE_REJ_VENDOR_OPTION = 35,
};

/* "invalid service id"; "unknown reason" where there is none of that number. */
const char *roce_cm_reason_str(uint16_t reason);

/* How an MTU stands in a REQ: 1 for 256 bytes to 5 for 4096; 0 where there is none. */
static inline unsigned roce_cm_mtu_bytes(uint8_t code)
{
	return code >= 1 && code <= 5 ? 128u << code : 0;
}
/* The largest code of at most so many bytes; 0 below 256. */
uint8_t roce_cm_mtu_code(unsigned bytes);

/* Timeouts are 4.096 us times a power of two, by a five-bit exponent. */
static inline uint64_t roce_cm_timeout_ns(uint8_t exponent)
{
	return UINT64_C(4096) << (exponent & 0x1f);
}
/* The smallest exponent whose timeout is at least so long; at most 31. */
uint8_t roce_cm_timeout_exponent(uint64_t ns);

struct roce_mad {
	uint8_t base_version, mgmt_class, class_version, method;
	uint16_t status, class_specific;
	uint64_t tid;
	uint16_t attribute; /* enum roce_cm_kind */
	uint32_t modifier;
};

struct roce_cm_path {
	uint16_t local_lid, remote_lid;
	uint8_t local_gid[16], remote_gid[16];
	uint32_t flow_label; /* 20 bits */
	uint8_t packet_rate; /* 6 bits */
	uint8_t traffic_class, hop_limit;
	uint8_t sl; /* 4 bits */
	bool subnet_local;
	uint8_t ack_timeout; /* exponent */
};

struct roce_cm_req {
	uint32_t local_id;
	uint32_t vendor; /* Linux: vendor id of its capability extension, else 0 */
	uint64_t service_id;
	uint64_t ca_guid;
	uint32_t qkey, qpn;
	uint8_t responder_resources, initiator_depth;
	uint32_t local_eecn, remote_eecn;
	uint8_t remote_response_timeout; /* exponent */
	uint8_t transport;		 /* 0: RC */
	bool flow_control;
	uint32_t psn;			/* of the first request that the sender of this expects */
	uint8_t local_response_timeout; /* exponent */
	uint8_t retry_count;		/* 3 bits */
	uint16_t pkey;
	uint8_t mtu; /* roce_cm_mtu_bytes() */
	bool rdc;
	uint8_t rnr_retry_count; /* 3 bits, 7: for ever */
	uint8_t max_cm_retries;	 /* 4 bits */
	bool srq;
	uint8_t extended_transport; /* 3 bits */
	struct roce_cm_path primary, alternate;
	bool sap; /* suggested alternate paths supported */
};

struct roce_cm_rep {
	uint32_t local_id, remote_id;
	uint32_t qkey, qpn, eecn;
	uint32_t psn; /* of the first request that the sender of this expects */
	uint8_t responder_resources, initiator_depth;
	uint8_t ack_delay; /* exponent */
	uint8_t failover;  /* 0: the alternate path is accepted */
	bool flow_control;
	uint8_t rnr_retry_count;
	bool srq;
	uint64_t ca_guid;
};

/* RTU and DREP have no more; DREQ has the queue pair too. */
struct roce_cm_ids {
	uint32_t local_id, remote_id;
	uint32_t remote_qpn;
};

struct roce_cm_mra {
	uint32_t local_id, remote_id;
	uint8_t about;		 /* enum roce_cm_about */
	uint8_t service_timeout; /* exponent */
};

struct roce_cm_rej {
	uint32_t local_id, remote_id;
	uint8_t about;	 /* enum roce_cm_about */
	uint16_t reason; /* enum roce_cm_reason */
};

struct roce_cm_lap {
	uint32_t local_id, remote_id;
	uint32_t remote_qpn;
	uint8_t response_timeout; /* exponent */
	struct roce_cm_path path;
};

struct roce_cm_apr {
	uint32_t local_id, remote_id;
	uint8_t status;
};

enum roce_sidr_status {
	ROCE_SIDR_VALID = 0,
	ROCE_SIDR_NO_SERVICE = 1,
	ROCE_SIDR_REJECTED = 2,
	ROCE_SIDR_NO_QP = 3,
	ROCE_SIDR_REDIRECT = 4,
	ROCE_SIDR_VERSION = 5,
};

struct roce_cm_sidr_req {
	uint32_t request_id;
	uint16_t pkey;
	uint64_t service_id;
};

struct roce_cm_sidr_rep {
	uint32_t request_id;
	uint8_t status; /* enum roce_sidr_status */
	uint32_t qpn;
	uint64_t service_id;
	uint32_t qkey;
};

struct roce_cm {
	struct roce_mad mad; /* mad.attribute tells which of the union there is */
	union {
		struct roce_cm_req req;
		struct roce_cm_rep rep;
		struct roce_cm_ids ids; /* RTU, DREQ, DREP */
		struct roce_cm_mra mra;
		struct roce_cm_rej rej;
		struct roce_cm_lap lap;
		struct roce_cm_apr apr;
		struct roce_cm_sidr_req sidr_req;
		struct roce_cm_sidr_rep sidr_rep;
	};
	/*
	 * Decoded: into the datagram, as long as its place. To be encoded: shorter
	 * is filled up with zero.
	 */
	const uint8_t *private_data;
	size_t private_len;
	/* Additional information of a REJ, APR or SIDR_REP: as long as it says it is. */
	const uint8_t *info;
	size_t info_len;
};

#define ROCE_CM_INFO_MAX 72
/* How much private data a message has room for; 0 for what is no CM message. */
size_t roce_cm_private_max(uint16_t attribute);
/* "ConnectRequest"; NULL for what is no CM message. */
const char *roce_cm_name(uint16_t attribute);

enum roce_cm_error {
	ROCE_CM_OK,
	ROCE_CM_BAD_LENGTH,    /* not 256 bytes */
	ROCE_CM_BAD_BASE,      /* base version */
	ROCE_CM_BAD_CLASS,     /* another management class; the header is decoded */
	ROCE_CM_BAD_VERSION,   /* class version: to be answered with ROCE_REJ_CLASS_VERSION */
	ROCE_CM_BAD_METHOD,    /* not a Send */
	ROCE_CM_BAD_ATTRIBUTE, /* no CM message */
	ROCE_CM_BAD_INFO,      /* additional information longer than its place */
	ROCE_CM_BAD_PRIVATE,   /* private data longer than its place (encoding only) */
	ROCE_CM_ERRORS,
};

const char *roce_cm_error_str(enum roce_cm_error error);

/*
 * Reads a management datagram. Except after ROCE_CM_BAD_LENGTH, cm->mad is
 * valid; all else of *cm on ROCE_CM_OK only. (A REQ of another class version is
 * rejected by its communication id, which roce_cm_local_id() gets.)
 */
enum roce_cm_error roce_cm_decode(struct roce_cm *cm, const void *mad, size_t len);
/* Fills a header for a message: version, class, method. */
void roce_cm_head(struct roce_cm *cm, enum roce_cm_kind kind, uint64_t tid);
/* Writes all 256 bytes. Fields wider than their place are cut. */
enum roce_cm_error roce_cm_encode(const struct roce_cm *cm, uint8_t mad[ROCE_MAD_LEN]);
/* The first field of every CM message: the sender's communication (or request) id. */
uint32_t roce_cm_local_id(const uint8_t mad[ROCE_MAD_LEN]);

/* ---- RDMA IP CM service ---- */

#define ROCE_CM_IP_LEN 36
#define ROCE_IP_PROTO_TCP 6
#define ROCE_IP_PROTO_UDP 17

/* The service id of a port in a port space (an IP protocol). */
uint64_t roce_cm_service_id(uint8_t protocol, uint16_t port);
/* False when it is none of the IP CM service. */
bool roce_cm_service_port(uint64_t service_id, uint8_t *protocol, uint16_t *port);

/* What stands before the user's private data in REQ and SIDR_REQ. */
struct roce_cm_ip {
	uint8_t major, minor;	  /* 0, 0 */
	uint8_t version;	  /* 4 or 6 */
	uint16_t port;		  /* the connecting side's */
	uint8_t from[16], to[16]; /* network byte order; an IPv4 address has the first 4 */
};

/*
 * False when the data is shorter than the header, of another major version or of
 * neither IP version. An IPv4 address stands last in its place on the wire.
 */
bool roce_cm_ip_decode(struct roce_cm_ip *ip, const uint8_t *data, size_t len);
void roce_cm_ip_encode(const struct roce_cm_ip *ip, uint8_t data[ROCE_CM_IP_LEN]);
