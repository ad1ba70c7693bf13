/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NVMe vocabulary as it is on the wire: NVM Express base 2.0, NVM command
 * set 1.0, NVMe-oF (in base 2.0, chapter 3 and 6), NVMe/TCP transport 1.0.
 *
 * All fields are little-endian, and weft runs on little-endian machines only,
 * so they are used as they are. A static assertion stands beside each layout.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only");

#define NVME_NQN_MAX 223 /* bytes, without the terminating zero */
#define NVME_NQN_FIELD 256
#define NVME_DISCOVERY_NQN "nqn.2014-08.org.nvmexpress.discovery"
#define NVME_NSID_ALL 0xffffffffu
#define NVME_ADMIN_SQ_MIN 32 /* entries: NVMe-oF, 3.3.1.1 (discovery and I/O controllers) */

/* --- commands and completions (base 3.3.3) -------------------------------- */

struct nvme_sgl {
	union {
		struct {
			uint64_t address;
			uint32_t length;
			uint8_t reserved[3];
			uint8_t type; /* 7:4 type, 3:0 sub type */
		};
		struct {
			uint64_t address;
			uint8_t length3[3];
			uint8_t key[4];
			uint8_t type;
		} __attribute__((packed)) keyed;
	};
};
_Static_assert(sizeof(struct nvme_sgl) == 16, "SGL descriptor");

#define NVME_SGL_DATA_BLOCK 0x00
#define NVME_SGL_OFFSET 0x01          /* data block, address is an offset (in-capsule) */
#define NVME_SGL_BIT_BUCKET 0x10
#define NVME_SGL_SEGMENT 0x20
#define NVME_SGL_LAST_SEGMENT 0x30
#define NVME_SGL_KEYED 0x40
#define NVME_SGL_KEYED_INVALIDATE 0x4f
#define NVME_SGL_TRANSPORT 0x5a /* transport data block, transport-specific sub type 0xA */

/* SGLS of Identify Controller */
#define NVME_SGLS_KEYED (1u << 2)
#define NVME_SGLS_OFFSET (1u << 20) /* address as an offset: in-capsule data */

struct nvme_cmd {
	uint8_t opcode;
	uint8_t flags; /* 1:0 fused, 7:6 PSDT */
	uint16_t cid;
	uint32_t nsid; /* fabrics: byte 4 is the FCTYPE */
	uint32_t cdw2, cdw3;
	uint64_t metadata;
	struct nvme_sgl sgl;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_cmd) == 64, "submission queue entry");

#define NVME_CMD_FUSE_MASK 0x03
#define NVME_CMD_PSDT_MASK 0xc0
#define NVME_CMD_PSDT_SGL 0x40

struct nvme_cpl {
	union {
		struct {
			uint32_t dw0, dw1;
		};
		uint64_t value;
	};
	uint16_t sqhd;
	uint16_t sqid; /* reserved in fabrics */
	uint16_t cid;
	uint16_t status; /* bit 0 is the phase tag: 0 in fabrics; 15:1 see NVME_SC_* */
};
_Static_assert(sizeof(struct nvme_cpl) == 16, "completion queue entry");

/*
 * Status as the code handles it: SCT in 10:8, SC in 7:0, DNR bit 14, More bit
 * 13, CRD 12:11; nvme_cpl.status is this value shifted left by one.
 */
#define NVME_STATUS(sct, sc) ((uint16_t)((sct) << 8 | (sc)))
#define NVME_DNR 0x4000u
#define NVME_SCT_MASK 0x700u
#define NVME_SCT_COMMAND 0x100u /* command specific */
#define NVME_SCT_MEDIA 0x200u	/* media and data integrity errors */
#define NVME_SCT_PATH 0x300u	/* path related */
#define NVME_MORE 0x2000u

enum {
	NVME_SUCCESS = 0x000,
	NVME_SC_INVALID_OPCODE = 0x001,
	NVME_SC_INVALID_FIELD = 0x002,
	NVME_SC_CID_CONFLICT = 0x003,
	NVME_SC_DATA_TRANSFER_ERROR = 0x004,
	NVME_SC_INTERNAL_ERROR = 0x006,
	NVME_SC_ABORT_REQUESTED = 0x007,
	NVME_SC_ABORTED_SQ_DELETED = 0x008,
	NVME_SC_FUSED_FAILED = 0x009,  /* the other half of the pair failed */
	NVME_SC_FUSED_MISSING = 0x00a, /* there is no other half */
	NVME_SC_INVALID_NS = 0x00b, /* invalid namespace or format */
	NVME_SC_SEQUENCE_ERROR = 0x00c,
	NVME_SC_INVALID_SGL_SEGMENT = 0x00d,
	NVME_SC_INVALID_SGL_COUNT = 0x00e,
	NVME_SC_SGL_LENGTH_INVALID = 0x00f,
	NVME_SC_SGL_TYPE_INVALID = 0x011,
	NVME_SC_SGL_OFFSET_INVALID = 0x016,
	NVME_SC_HOSTID_INCONSISTENT = 0x018,
	NVME_SC_KATO_EXPIRED = 0x019,
	NVME_SC_KATO_INVALID = 0x01a,
	NVME_SC_NS_WRITE_PROTECTED = 0x020,
	NVME_SC_COMMAND_INTERRUPTED = 0x021,
	NVME_SC_TRANSIENT_TRANSPORT = 0x022,
	NVME_SC_LBA_RANGE = 0x080,
	NVME_SC_CAPACITY_EXCEEDED = 0x081,
	NVME_SC_NS_NOT_READY = 0x082,
	/* command specific */
	NVME_SC_INVALID_QID = 0x101,
	NVME_SC_ABORT_LIMIT = 0x103,
	NVME_SC_AER_LIMIT = 0x105,
	NVME_SC_INVALID_LOG_PAGE = 0x109,
	NVME_SC_FEATURE_NOT_SAVEABLE = 0x10d,
	NVME_SC_FEATURE_NOT_CHANGEABLE = 0x10e,
	NVME_SC_FEATURE_NOT_NS = 0x10f,
	NVME_SC_COMMAND_SIZE_LIMIT = 0x183, /* NVM command set: Copy */
	NVME_SC_CONNECT_FORMAT = 0x180,
	NVME_SC_CONNECT_BUSY = 0x181,
	NVME_SC_CONNECT_INVALID_PARAM = 0x182,
	NVME_SC_CONNECT_RESTART_DISCOVERY = 0x183,
	NVME_SC_CONNECT_INVALID_HOST = 0x184,
	NVME_SC_DISCOVERY_RESTART = 0x190,
	NVME_SC_AUTH_REQUIRED = 0x191,
	/* media */
	NVME_SC_WRITE_FAULT = 0x280,
	NVME_SC_READ_ERROR = 0x281,
	NVME_SC_COMPARE_FAILURE = 0x285,
	/* path */
	NVME_SC_INTERNAL_PATH_ERROR = 0x300,
	NVME_SC_ANA_PERSISTENT_LOSS = 0x301,
	NVME_SC_ANA_INACCESSIBLE = 0x302,
	NVME_SC_ANA_TRANSITION = 0x303,
};

enum {
	NVME_OP_FABRICS = 0x7f,
	/* admin */
	NVME_ADMIN_GET_LOG_PAGE = 0x02,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_ABORT = 0x08,
	NVME_ADMIN_SET_FEATURES = 0x09,
	NVME_ADMIN_GET_FEATURES = 0x0a,
	NVME_ADMIN_AER = 0x0c,
	NVME_ADMIN_KEEP_ALIVE = 0x18,
	/* NVM command set */
	NVME_CMD_FLUSH = 0x00,
	NVME_CMD_WRITE = 0x01,
	NVME_CMD_READ = 0x02,
	NVME_CMD_WRITE_UNCORRECTABLE = 0x04,
	NVME_CMD_COMPARE = 0x05,
	NVME_CMD_WRITE_ZEROES = 0x08,
	NVME_CMD_DSM = 0x09,
	NVME_CMD_VERIFY = 0x0c,
	NVME_CMD_COPY = 0x19,
};

/* Data direction is in the low two bits of an opcode (of FCTYPE for fabrics). */
enum nvme_xfer { NVME_XFER_NONE, NVME_XFER_H2C, NVME_XFER_C2H, NVME_XFER_BIDIR };

#define NVME_FCTYPE_PROPERTY_SET 0x00
#define NVME_FCTYPE_CONNECT 0x01
#define NVME_FCTYPE_PROPERTY_GET 0x04
#define NVME_FCTYPE_AUTH_SEND 0x05
#define NVME_FCTYPE_AUTH_RECV 0x06
#define NVME_FCTYPE_DISCONNECT 0x08

static inline uint8_t nvme_cmd_fctype(const struct nvme_cmd *cmd)
{
	return (uint8_t)(cmd->nsid & 0xff);
}

static inline enum nvme_xfer nvme_cmd_xfer(const struct nvme_cmd *cmd)
{
	return (enum nvme_xfer)((cmd->opcode == NVME_OP_FABRICS ? nvme_cmd_fctype(cmd) : cmd->opcode) & 3);
}

/* NVM command set: LBA in cdw10/11; cdw12 15:0 NLB (0's based), bit 30 FUA, bit 25 deallocate. */
#define NVME_RW_FUA (1u << 30)
#define NVME_WZ_DEAC (1u << 25)

/* Fused operations (base 2.0, 3.4.2): NVME_CMD_FUSE_MASK of flags */
#define NVME_FUSE_FIRST 1
#define NVME_FUSE_SECOND 2

/* Dataset Management: cdw10 7:0 number of ranges (0's based), cdw11 bit 2 deallocate. */
#define NVME_DSM_AD (1u << 2)
#define NVME_DSM_RANGES_MAX 256
struct nvme_dsm_range {
	uint32_t attributes, blocks;
	uint64_t slba;
};
_Static_assert(sizeof(struct nvme_dsm_range) == 16, "Dataset Management range");

/* Copy: SDLBA in cdw10/11; cdw12 7:0 number of ranges (0's based), 11:8 descriptor format. */
#define NVME_COPY_FORMAT(cdw12) ((cdw12) >> 8 & 0xf)
struct nvme_copy_range { /* format 0 */
	uint8_t reserved0[8];
	uint64_t slba;
	uint16_t nlb; /* 0's based */
	uint8_t reserved18[6];
	uint32_t eilbrt;
	uint16_t elbat, elbatm;
};
_Static_assert(sizeof(struct nvme_copy_range) == 32, "Copy source range, format 0");

static inline uint64_t nvme_cmd_slba(const struct nvme_cmd *cmd)
{
	return cmd->cdw10 | (uint64_t)cmd->cdw11 << 32;
}

static inline uint32_t nvme_cmd_nlb(const struct nvme_cmd *cmd)
{
	return (cmd->cdw12 & 0xffff) + 1;
}

/* --- fabrics commands (base 6) --------------------------------------------- */

struct nvme_connect_cmd {
	uint8_t opcode, flags;
	uint16_t cid;
	uint8_t fctype, reserved5[19];
	struct nvme_sgl sgl;
	uint16_t recfmt, qid, sqsize; /* sqsize is 0's based */
	uint8_t cattr; /* bit 2: disable SQ flow control */
	uint8_t reserved47;
	uint32_t kato; /* ms */
	uint8_t reserved52[12];
};
_Static_assert(sizeof(struct nvme_connect_cmd) == 64, "Connect");

#define NVME_CATTR_NO_SQ_FLOW_CONTROL 0x04

struct nvme_connect_data {
	uint8_t hostid[16];
	uint16_t cntlid;
	uint8_t reserved18[238];
	char subnqn[256];
	char hostnqn[256];
	uint8_t reserved768[256];
};
_Static_assert(sizeof(struct nvme_connect_data) == 1024, "Connect data");

/* Connect with Invalid Parameters: dw0 15:0 IPO (offset), 16 IATTR (1: in the data). */
#define NVME_CONNECT_IPO_CMD(field) offsetof(struct nvme_connect_cmd, field)
#define NVME_CONNECT_IPO_DATA(field) (1u << 16 | offsetof(struct nvme_connect_data, field))

struct nvme_property_cmd {
	uint8_t opcode, flags;
	uint16_t cid;
	uint8_t fctype, reserved5[35];
	uint8_t attrib; /* 2:0 size: 0 four bytes, 1 eight */
	uint8_t reserved41[3];
	uint32_t offset;
	uint64_t value; /* set only */
	uint8_t reserved56[8];
};
_Static_assert(sizeof(struct nvme_property_cmd) == 64, "Property Get/Set");

#define NVME_REG_CAP 0x00
#define NVME_REG_VS 0x08
#define NVME_REG_CC 0x14
#define NVME_REG_CSTS 0x1c
#define NVME_REG_NSSR 0x20
#define NVME_REG_CRTO 0x68

#define NVME_CC_EN 0x1u
#define NVME_CC_CSS(cc) ((cc) >> 4 & 7)
#define NVME_CC_MPS(cc) ((cc) >> 7 & 0xf)
#define NVME_CC_AMS(cc) ((cc) >> 11 & 7)
#define NVME_CC_SHN(cc) ((cc) >> 14 & 3)
#define NVME_CC_IOSQES(cc) ((cc) >> 16 & 0xf)
#define NVME_CC_IOCQES(cc) ((cc) >> 20 & 0xf)
#define NVME_CSTS_RDY 0x1u
#define NVME_CSTS_CFS 0x2u
#define NVME_CSTS_SHST_MASK 0xcu
#define NVME_CSTS_SHST_COMPLETE 0x8u

/* --- Identify (base 5.17) ---------------------------------------------------- */

#define NVME_CNS_NS 0x00
#define NVME_CNS_CTRLR 0x01
#define NVME_CNS_ACTIVE_NS 0x02
#define NVME_CNS_NS_DESC 0x03
#define NVME_CNS_CSI_NS 0x05
#define NVME_CNS_CSI_CTRLR 0x06
#define NVME_CNS_CSI_ACTIVE_NS 0x07
#define NVME_CNS_CSI_INDEPENDENT_NS 0x08
#define NVME_CNS_ALLOCATED_NS_LIST 0x10
#define NVME_CNS_ALLOCATED_NS 0x11
#define NVME_CNS_NS_CTRLRS 0x12
#define NVME_CNS_CTRLRS 0x13
#define NVME_CNS_IO_COMMAND_SETS 0x1c

struct nvme_id_power_state {
	uint16_t mp;
	uint8_t reserved2, flags;
	uint32_t enlat, exlat;
	uint8_t rrt, rrl, rwt, rwl;
	uint8_t reserved16[16];
};
_Static_assert(sizeof(struct nvme_id_power_state) == 32, "power state");

struct nvme_id_ctrlr {
	uint16_t vid, ssvid;
	char sn[20], mn[40], fr[8];
	uint8_t rab, ieee[3], cmic, mdts;
	uint16_t cntlid;
	uint32_t ver, rtd3r, rtd3e, oaes, ctratt;
	uint16_t rrls;
	uint8_t reserved102[9], cntrltype, fguid[16];
	uint16_t crdt1, crdt2, crdt3;
	uint8_t reserved134[119], nvmsr, vwci, mec;
	uint16_t oacs; /* 256 */
	uint8_t acl, aerl, frmw, lpa, elpe, npss, avscc, apsta;
	uint16_t wctemp, cctemp, mtfa;
	uint32_t hmpre, hmmin;
	uint8_t tnvmcap[16], unvmcap[16];
	uint32_t rpmbs;
	uint16_t edstt;
	uint8_t dsto, fwug;
	uint16_t kas, hctma, mntmt, mxtmt; /* kas: 320 */
	uint32_t sanicap, hmminds;
	uint16_t hmmaxd, nsetidmax, endgidmax;
	uint8_t anatt, anacap;
	uint32_t anagrpmax, nanagrpid, pels;
	uint16_t domain;
	uint8_t reserved358[10], megcap[16], reserved384[128];
	uint8_t sqes, cqes; /* 512 */
	uint16_t maxcmd;
	uint32_t nn;
	uint16_t oncs, fuses;
	uint8_t fna, vwc;
	uint16_t awun, awupf;
	uint8_t icsvscc, nwpc;
	uint16_t acwu, cdfs;
	uint32_t sgls, mnan;
	uint8_t maxdna[16];
	uint32_t maxcna;
	uint8_t reserved564[204];
	char subnqn[256]; /* 768 */
	uint8_t reserved1024[768];
	uint32_t ioccsz, iorcsz; /* 1792; units of 16 bytes */
	uint16_t icdoff;
	uint8_t fcatt, msdbd;
	uint16_t ofcs;
	uint8_t dctype, reserved1807[241];
	struct nvme_id_power_state psd[32];
	uint8_t vs[1024];
};
_Static_assert(sizeof(struct nvme_id_ctrlr) == 4096, "Identify Controller");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, oacs) == 256, "oacs");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, kas) == 320, "kas");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, anatt) == 342, "anatt");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, sqes) == 512, "sqes");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, sgls) == 536, "sgls");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, subnqn) == 768, "subnqn");
_Static_assert(__builtin_offsetof(struct nvme_id_ctrlr, ioccsz) == 1792, "ioccsz");

/* CNS 06h, of the NVM command set: limits; 0: none */
struct nvme_id_ctrlr_nvm {
	uint8_t vsl, wzsl, wusl, dmrl;
	uint32_t dmrsl;
	uint64_t dmsl;
	uint8_t reserved16[4080];
};
_Static_assert(sizeof(struct nvme_id_ctrlr_nvm) == 4096, "I/O command set specific controller");

#define NVME_CTRATT_HOSTID128 (1u << 0)
#define NVME_CTRATT_TBKAS (1u << 6)
#define NVME_OAES_NS_ATTR (1u << 8)
#define NVME_OAES_ANA (1u << 11)
#define NVME_OAES_DISCOVERY (1u << 31)

struct nvme_lbaf {
	uint16_t ms;
	uint8_t lbads, rp;
};

struct nvme_id_ns {
	uint64_t nsze, ncap, nuse;
	uint8_t nsfeat, nlbaf, flbas, mc, dpc, dps, nmic, rescap, fpi, dlfeat;
	uint16_t nawun, nawupf, nacwu, nabsn, nabo, nabspf, noiob; /* 34 */
	uint8_t nvmcap[16];
	uint16_t npwg, npwa, npdg, npda, nows; /* 64 */
	uint16_t mssrl; /* 74 */
	uint32_t mcl;
	uint8_t msrc, reserved81[11];
	uint32_t anagrpid; /* 92 */
	uint8_t reserved96[3], nsattr;
	uint16_t nvmsetid, endgid;
	uint8_t nguid[16], eui64[8]; /* 104 */
	struct nvme_lbaf lbaf[64];   /* 128 */
	uint8_t vs[3712];
};
_Static_assert(sizeof(struct nvme_id_ns) == 4096, "Identify Namespace");
_Static_assert(__builtin_offsetof(struct nvme_id_ns, npwg) == 64, "npwg");
_Static_assert(__builtin_offsetof(struct nvme_id_ns, anagrpid) == 92, "anagrpid");
_Static_assert(__builtin_offsetof(struct nvme_id_ns, nguid) == 104, "nguid");
_Static_assert(__builtin_offsetof(struct nvme_id_ns, lbaf) == 128, "lbaf");

#define NVME_CTRLR_LIST_MAX 2047

/* CNS 12h and 13h: ids in order */
struct nvme_ctrlr_list {
	uint16_t n, ids[NVME_CTRLR_LIST_MAX];
};
_Static_assert(sizeof(struct nvme_ctrlr_list) == 4096, "controller list");

/* Namespace identification descriptors (CNS 03h) */
struct nvme_ns_desc {
	uint8_t nidt, nidl, reserved2[2];
	uint8_t nid[];
};
#define NVME_NIDT_EUI64 1
#define NVME_NIDT_NGUID 2
#define NVME_NIDT_UUID 3
#define NVME_NIDT_CSI 4

/* --- log pages, features, events (base 5.16, 5.27, 5.2) ----------------------- */

#define NVME_LOG_ERROR 0x01
#define NVME_LOG_SMART 0x02
#define NVME_LOG_FIRMWARE 0x03
#define NVME_LOG_CHANGED_NS 0x04
#define NVME_LOG_EFFECTS 0x05
#define NVME_LOG_ANA 0x0c
#define NVME_LOG_DISCOVERY 0x70

#define NVME_CHANGED_NS_MAX 1024 /* entries of log 04h */

/* Asymmetric namespace access states (base 2.0, 8.1.3) */
enum nvme_ana_state {
	NVME_ANA_OPTIMIZED = 0x01,
	NVME_ANA_NON_OPTIMIZED = 0x02,
	NVME_ANA_INACCESSIBLE = 0x03,
	NVME_ANA_PERSISTENT_LOSS = 0x04,
	NVME_ANA_CHANGE = 0x0f,
};

/* Log 0Ch: the header, then descriptors with their lists of NSIDs */
struct nvme_ana_log {
	uint64_t chgcnt;
	uint16_t ngrps;
	uint8_t reserved10[6];
};
_Static_assert(sizeof(struct nvme_ana_log) == 16, "ANA log header");

struct nvme_ana_group {
	uint32_t grpid, nnsids;
	uint64_t chgcnt;
	uint8_t state, reserved17[15];
	uint32_t nsids[];
} __attribute__((packed, aligned(4))); /* one lies where the list before it ends */
_Static_assert(sizeof(struct nvme_ana_group) == 32, "ANA group descriptor");

#define NVME_FEAT_ARBITRATION 0x01
#define NVME_FEAT_POWER 0x02
#define NVME_FEAT_TEMPERATURE 0x04
#define NVME_FEAT_ERROR_RECOVERY 0x05
#define NVME_FEAT_VWC 0x06
#define NVME_FEAT_QUEUES 0x07
#define NVME_FEAT_WRITE_ATOMICITY 0x0a
#define NVME_FEAT_AEC 0x0b
#define NVME_FEAT_KATO 0x0f
#define NVME_FEAT_HOST_BEHAVIOR 0x16
#define NVME_FEAT_HOST_ID 0x81
#define NVME_FEAT_WRITE_PROTECT 0x84

#define NVME_AEN_TYPE_ERROR 0
#define NVME_AEN_TYPE_SMART 1
#define NVME_AEN_TYPE_NOTICE 2
#define NVME_AEN_SMART_TEMPERATURE 0x01
#define NVME_AEC_SMART_TEMPERATURE (1u << 1)
#define NVME_AEN_NOTICE_NS_CHANGED 0x00
#define NVME_AEN_NOTICE_ANA 0x03
#define NVME_AEN_NOTICE_DISCOVERY 0xf0
/* completion dword 0 of an AER */
#define NVME_AEN_RESULT(type, info, log) ((uint32_t)(type) | (uint32_t)(info) << 8 | (uint32_t)(log) << 16)

/* Log 01h, newest first */
struct nvme_error_entry {
	uint64_t error_count; /* 1 for the first; 0: no entry */
	uint16_t sqid, cid;
	uint16_t status; /* as in a completion; bit 0 is the phase */
	uint16_t param_error_location;
	uint64_t lba;
	uint32_t nsid;
	uint8_t vs, trtype, reserved30[2];
	uint64_t cmd_specific;
	uint16_t transport_specific;
	uint8_t reserved42[22];
};
_Static_assert(sizeof(struct nvme_error_entry) == 64, "error log entry");

/* Parameter error location: the first byte of a field, or a bit of a byte, of the command. */
#define NVME_PEL(field) ((uint16_t)offsetof(struct nvme_cmd, field))
#define NVME_PEL_BIT(field, bit) ((uint16_t)((NVME_PEL(field) + (bit) / 8) | (bit) % 8 << 8))
#define NVME_PEL_NONE 0xffffu

struct nvme_smart_log {
	uint8_t critical_warning;
	uint8_t temperature[2];
	uint8_t spare, spare_threshold, used, endurance_critical, reserved7[25];
	uint8_t units_read[16], units_written[16], reads[16], writes[16], busy_time[16];
	uint8_t power_cycles[16], power_on_hours[16], unsafe_shutdowns[16], media_errors[16];
	uint8_t error_entries[16];
	uint8_t reserved192[320];
};
_Static_assert(sizeof(struct nvme_smart_log) == 512, "SMART log");

struct nvme_effects_log {
	uint32_t admin[256], io[256];
	uint8_t reserved2048[2048];
};
_Static_assert(sizeof(struct nvme_effects_log) == 4096, "effects log");

struct nvme_discovery_entry {
	uint8_t trtype, adrfam, subtype, treq;
	uint16_t portid, cntlid, asqsz, eflags;
	uint8_t reserved12[20];
	char trsvcid[32]; /* 32; space padded where the field is ASCII */
	uint8_t reserved64[192];
	char subnqn[256]; /* 256 */
	char traddr[256]; /* 512 */
	uint8_t tsas[256]; /* 768; TCP: byte 0 security type; RDMA: qptype, prtype, cms, .., pkey */
};
_Static_assert(sizeof(struct nvme_discovery_entry) == 1024, "discovery log entry");

struct nvme_discovery_log {
	uint64_t genctr, numrec;
	uint16_t recfmt;
	uint8_t reserved18[1006];
};
_Static_assert(sizeof(struct nvme_discovery_log) == 1024, "discovery log header");

#define NVME_TRTYPE_RDMA 1
#define NVME_TRTYPE_TCP 3
#define NVME_ADRFAM_IPV4 1
#define NVME_ADRFAM_IPV6 2
#define NVME_SUBTYPE_REFERRAL 1
#define NVME_SUBTYPE_NVM 2
#define NVME_SUBTYPE_CURRENT_DISCOVERY 3
#define NVME_TREQ_NOT_SPECIFIED 0
#define NVME_TREQ_REQUIRED 1 /* a secure channel */
#define NVME_TREQ_NO_SQ_FLOW_CONTROL 4 /* disable SQ flow control supported */
#define NVME_CNTLID_DYNAMIC 0xffff
#define NVME_CNTLID_STATIC_ANY 0xfffe

/* --- NVMe/TCP PDUs (TCP transport 3.6) ---------------------------------------- */

enum {
	NVME_TCP_ICREQ = 0x00,
	NVME_TCP_ICRESP = 0x01,
	NVME_TCP_H2C_TERM = 0x02,
	NVME_TCP_C2H_TERM = 0x03,
	NVME_TCP_CAPSULE_CMD = 0x04,
	NVME_TCP_CAPSULE_RESP = 0x05,
	NVME_TCP_H2C_DATA = 0x06,
	NVME_TCP_C2H_DATA = 0x07,
	NVME_TCP_R2T = 0x09,
};

#define NVME_TCP_HDGSTF 0x01
#define NVME_TCP_DDGSTF 0x02
#define NVME_TCP_LAST_PDU 0x04
#define NVME_TCP_DATA_SUCCESS 0x08
#define NVME_TCP_DIGEST_LEN 4

struct nvme_tcp_hdr {
	uint8_t type, flags, hlen, pdo;
	uint32_t plen;
};
_Static_assert(sizeof(struct nvme_tcp_hdr) == 8, "common header");

struct nvme_tcp_icreq {
	struct nvme_tcp_hdr hdr;
	uint16_t pfv;
	uint8_t hpda; /* 0's based dwords */
	uint8_t digest; /* bit 0 header, 1 data */
	uint32_t maxr2t; /* 0's based */
	uint8_t reserved16[112];
};
_Static_assert(sizeof(struct nvme_tcp_icreq) == 128, "ICReq");

struct nvme_tcp_icresp {
	struct nvme_tcp_hdr hdr;
	uint16_t pfv;
	uint8_t cpda, digest;
	uint32_t maxh2cdata; /* bytes, multiple of 4, at least 4096 */
	uint8_t reserved16[112];
};
_Static_assert(sizeof(struct nvme_tcp_icresp) == 128, "ICResp");

struct nvme_tcp_term {
	struct nvme_tcp_hdr hdr;
	uint16_t fes;
	uint8_t fei[4]; /* field offset, or digest, ... */
	uint8_t reserved14[10];
};
_Static_assert(sizeof(struct nvme_tcp_term) == 24, "TermReq");

enum {
	NVME_TCP_FES_INVALID_HEADER = 0x01,
	NVME_TCP_FES_SEQUENCE = 0x02,
	NVME_TCP_FES_HDGST = 0x03,
	NVME_TCP_FES_RANGE = 0x04,
	NVME_TCP_FES_LIMIT = 0x05, /* data transfer limit exceeded (C2H) / R2T limit exceeded (H2C) */
	NVME_TCP_FES_UNSUPPORTED = 0x06,
};

struct nvme_tcp_capsule_cmd {
	struct nvme_tcp_hdr hdr;
	struct nvme_cmd sqe;
};
_Static_assert(sizeof(struct nvme_tcp_capsule_cmd) == 72, "CapsuleCmd");

struct nvme_tcp_capsule_resp {
	struct nvme_tcp_hdr hdr;
	struct nvme_cpl cqe;
};
_Static_assert(sizeof(struct nvme_tcp_capsule_resp) == 24, "CapsuleResp");

struct nvme_tcp_data { /* H2CData, C2HData */
	struct nvme_tcp_hdr hdr;
	uint16_t cccid, ttag;
	uint32_t datao, datal;
	uint8_t reserved20[4];
};
_Static_assert(sizeof(struct nvme_tcp_data) == 24, "data PDU");

struct nvme_tcp_r2t {
	struct nvme_tcp_hdr hdr;
	uint16_t cccid, ttag;
	uint32_t r2to, r2tl;
	uint8_t reserved20[4];
};
_Static_assert(sizeof(struct nvme_tcp_r2t) == 24, "R2T");

/* Header and data digests: CRC32C. crc is that of what came before, 0 at the start. */
uint32_t nvme_tcp_digest(uint32_t crc, const void *data, size_t len);

/* --- small helpers (target/nvme/nvme.c) ---------------------------------------- */

/* "READ", "CONNECT", ...; qid 0: admin. Never NULL. */
const char *nvme_opcode_name(uint16_t qid, const struct nvme_cmd *cmd);
/* Text of a status ("Invalid Field in Command"); DNR and More are ignored. Never NULL. */
const char *nvme_status_name(uint16_t status);
/*
 * A valid NQN: nqn.yyyy-mm.domain[:anything] or nqn.2014-08.org.nvmexpress:uuid:...,
 * or the discovery NQN; at most 223 bytes of UTF-8. NULL when good, else a sentence.
 */
const char *nvme_nqn_check(const char *nqn);
/*
 * The name of a subsystem: an NQN, or, as with Linux nvmet, a plain name of letters,
 * digits, '.', '-' and '_' ("nvme-test-1") that does not begin with "nqn".
 */
const char *nvme_subnqn_check(const char *name);
/* Copies s into a fixed field of len bytes, padded with spaces (serial, model, ...). */
void nvme_pad(char *field, const char *s, unsigned len);
