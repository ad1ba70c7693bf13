/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of opcodes and status values, for people. */
#include <stddef.h>

#include "target/nvme/nvme.h"

struct name {
	uint16_t value;
	const char *name;
};

static const struct name admin_opcodes[] = {
	{ NVME_ADMIN_GET_LOG_PAGE, "GET LOG PAGE" },
	{ NVME_ADMIN_IDENTIFY, "IDENTIFY" },
	{ NVME_ADMIN_ABORT, "ABORT" },
	{ NVME_ADMIN_SET_FEATURES, "SET FEATURES" },
	{ NVME_ADMIN_GET_FEATURES, "GET FEATURES" },
	{ NVME_ADMIN_AER, "ASYNC EVENT REQUEST" },
	{ NVME_ADMIN_KEEP_ALIVE, "KEEP ALIVE" },
	{ 0, NULL },
};

static const struct name io_opcodes[] = {
	{ NVME_CMD_FLUSH, "FLUSH" },
	{ NVME_CMD_WRITE, "WRITE" },
	{ NVME_CMD_READ, "READ" },
	{ NVME_CMD_WRITE_UNCORRECTABLE, "WRITE UNCORRECTABLE" },
	{ NVME_CMD_COMPARE, "COMPARE" },
	{ NVME_CMD_WRITE_ZEROES, "WRITE ZEROES" },
	{ NVME_CMD_DSM, "DATASET MANAGEMENT" },
	{ NVME_CMD_VERIFY, "VERIFY" },
	{ NVME_CMD_COPY, "COPY" },
	{ 0, NULL },
};

static const struct name fabrics_types[] = {
	{ NVME_FCTYPE_PROPERTY_SET, "PROPERTY SET" },
	{ NVME_FCTYPE_CONNECT, "CONNECT" },
	{ NVME_FCTYPE_PROPERTY_GET, "PROPERTY GET" },
	{ NVME_FCTYPE_AUTH_SEND, "AUTHENTICATION SEND" },
	{ NVME_FCTYPE_AUTH_RECV, "AUTHENTICATION RECEIVE" },
	{ NVME_FCTYPE_DISCONNECT, "DISCONNECT" },
	{ 0, NULL },
};

static const struct name statuses[] = {
	{ NVME_SUCCESS, "Success" },
	{ NVME_SC_INVALID_OPCODE, "Invalid Command Opcode" },
	{ NVME_SC_INVALID_FIELD, "Invalid Field in Command" },
	{ NVME_SC_CID_CONFLICT, "Command ID Conflict" },
	{ NVME_SC_DATA_TRANSFER_ERROR, "Data Transfer Error" },
	{ NVME_SC_INTERNAL_ERROR, "Internal Error" },
	{ NVME_SC_ABORT_REQUESTED, "Command Abort Requested" },
	{ NVME_SC_ABORTED_SQ_DELETED, "Command Aborted due to SQ Deletion" },
	{ NVME_SC_INVALID_NS, "Invalid Namespace or Format" },
	{ NVME_SC_SEQUENCE_ERROR, "Command Sequence Error" },
	{ NVME_SC_INVALID_SGL_SEGMENT, "Invalid SGL Segment Descriptor" },
	{ NVME_SC_INVALID_SGL_COUNT, "Invalid Number of SGL Descriptors" },
	{ NVME_SC_SGL_LENGTH_INVALID, "Data SGL Length Invalid" },
	{ NVME_SC_SGL_TYPE_INVALID, "SGL Descriptor Type Invalid" },
	{ NVME_SC_SGL_OFFSET_INVALID, "SGL Offset Invalid" },
	{ NVME_SC_HOSTID_INCONSISTENT, "Host Identifier Inconsistent Format" },
	{ NVME_SC_KATO_EXPIRED, "Keep Alive Timer Expired" },
	{ NVME_SC_KATO_INVALID, "Keep Alive Timeout Invalid" },
	{ NVME_SC_FUSED_FAILED, "Command Aborted due to Failed Fused Command" },
	{ NVME_SC_FUSED_MISSING, "Command Aborted due to Missing Fused Command" },
	{ NVME_SC_NS_WRITE_PROTECTED, "Namespace is Write Protected" },
	{ NVME_SC_COMMAND_INTERRUPTED, "Command Interrupted" },
	{ NVME_SC_TRANSIENT_TRANSPORT, "Transient Transport Error" },
	{ NVME_SC_LBA_RANGE, "LBA Out of Range" },
	{ NVME_SC_CAPACITY_EXCEEDED, "Capacity Exceeded" },
	{ NVME_SC_NS_NOT_READY, "Namespace Not Ready" },
	{ NVME_SC_INVALID_QID, "Invalid Queue Identifier" },
	{ NVME_SC_ABORT_LIMIT, "Abort Command Limit Exceeded" },
	{ NVME_SC_AER_LIMIT, "Asynchronous Event Request Limit Exceeded" },
	{ NVME_SC_INVALID_LOG_PAGE, "Invalid Log Page" },
	{ NVME_SC_FEATURE_NOT_SAVEABLE, "Feature Identifier Not Saveable" },
	{ NVME_SC_FEATURE_NOT_CHANGEABLE, "Feature Not Changeable" },
	{ NVME_SC_FEATURE_NOT_NS, "Feature Not Namespace Specific" },
	{ NVME_SC_CONNECT_FORMAT, "Connect Incompatible Format" },
	{ NVME_SC_CONNECT_BUSY, "Connect Controller Busy" },
	{ NVME_SC_CONNECT_INVALID_PARAM, "Connect Invalid Parameters" },
	{ NVME_SC_CONNECT_RESTART_DISCOVERY, "Connect Restart Discovery" },
	{ NVME_SC_CONNECT_INVALID_HOST, "Connect Invalid Host" },
	{ NVME_SC_DISCOVERY_RESTART, "Discovery Restart" },
	{ NVME_SC_AUTH_REQUIRED, "Authentication Required" },
	{ NVME_SC_WRITE_FAULT, "Write Fault" },
	{ NVME_SC_READ_ERROR, "Unrecovered Read Error" },
	{ NVME_SC_COMPARE_FAILURE, "Compare Failure" },
	{ NVME_SC_INTERNAL_PATH_ERROR, "Internal Path Error" },
	{ NVME_SC_ANA_PERSISTENT_LOSS, "Asymmetric Access Persistent Loss" },
	{ NVME_SC_ANA_INACCESSIBLE, "Asymmetric Access Inaccessible" },
	{ NVME_SC_ANA_TRANSITION, "Asymmetric Access Transition" },
	{ 0, NULL },
};

static const char *find(const struct name *names, uint16_t value, const char *fallback)
{
	for (; names->name != NULL; names++) {
		if (names->value == value)
			return names->name;
	}
	return fallback;
}

const char *nvme_opcode_name(uint16_t qid, const struct nvme_cmd *cmd)
{
	if (cmd->opcode == NVME_OP_FABRICS)
		return find(fabrics_types, nvme_cmd_fctype(cmd), "FABRICS (unknown)");
	if (qid == 0)
		return find(admin_opcodes, cmd->opcode, "ADMIN (unknown)");
	return find(io_opcodes, cmd->opcode, "IO (unknown)");
}

const char *nvme_status_name(uint16_t status)
{
	status &= 0x7ff;
	switch (status >> 8) {
	case 0:
		return find(statuses, status, "Unknown Generic Status");
	case 1:
		return find(statuses, status, "Unknown Command Specific Status");
	case 2:
		return find(statuses, status, "Unknown Media Error");
	case 3:
		return find(statuses, status, "Unknown Path Related Status");
	case 7:
		return "Vendor Specific Status";
	default:
		return "Unknown Status";
	}
}
