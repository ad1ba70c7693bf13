/* SPDX-License-Identifier: BSD-3-Clause */
/* The files with which users of others arrive: scenarios F0 and F3. */
#pragma once

#define F0_NQN "nqn.2016-06.io.spdk:cnode1"

/* Scenario F0's own file. */
#define F0_SUBSYSTEM(type_)                                                                        \
	"[Subsystem1]\n"                                                                           \
	"  NQN " F0_NQN "\n"                                                                       \
	"  Listen " type_ " 192.168.11.11:4420\n"                                                  \
	"  Listen " type_ " 192.168.12.11:4420\n"                                                  \
	"  AllowAnyHost Yes\n"                                                                     \
	"  Host nqn.2016-06.io.spdk:init\n"                                                        \
	"  SN SPDK00000000000001\n"                                                                \
	"  MaxNamespaces 20\n"                                                                     \
	"  Namespace Nvme0n1 1\n"                                                                  \
	"  Namespace Nvme1n1 2\n"

#define F0                                                                                         \
	"[Nvme]\n"                                                                                 \
	"  TransportID \"trtype:PCIe traddr:0000:18:00.0\" Nvme0\n"                                \
	"  TransportID \"trtype:PCIe traddr:0000:19:00.0\" Nvme1\n"                                \
	"\n" F0_SUBSYSTEM("RDMA")

/* What serves what it asks for, by memory that keeps nothing. */
#define F0_ADAPTED(type_)                                                                          \
	"[Null]\n"                                                                                 \
	"  Dev Nvme0n1 64 512\n"                                                                   \
	"  Dev Nvme1n1 64\n"                                                                       \
	"\n" F0_SUBSYSTEM(type_)

/* As nvmetcli writes it, scenario F3. */
#define F3(trtype_, traddr_)                                                                       \
	"{\n"                                                                                      \
	"  \"hosts\": [\n"                                                                         \
	"    {\n"                                                                                  \
	"      \"nqn\": \"hostnqn\"\n"                                                             \
	"    }\n"                                                                                  \
	"  ],\n"                                                                                   \
	"  \"ports\": [\n"                                                                         \
	"    {\n"                                                                                  \
	"      \"addr\": {\n"                                                                      \
	"        \"adrfam\": \"ipv4\",\n"                                                          \
	"        \"traddr\": \"" traddr_ "\",\n"                                                   \
	"        \"treq\": \"not specified\",\n"                                                   \
	"        \"trsvcid\": \"4420\",\n"                                                         \
	"        \"trtype\": \"" trtype_ "\",\n"                                                   \
	"        \"tsas\": \"none\"\n"                                                             \
	"      },\n"                                                                               \
	"      \"ana_groups\": [\n"                                                                \
	"        {\n"                                                                              \
	"          \"ana\": {\n"                                                                   \
	"            \"state\": \"optimized\"\n"                                                   \
	"          },\n"                                                                           \
	"          \"grpid\": 1\n"                                                                 \
	"        }\n"                                                                              \
	"      ],\n"                                                                               \
	"      \"param\": {\n"                                                                     \
	"        \"inline_data_size\": \"16384\",\n"                                               \
	"        \"pi_enable\": \"0\"\n"                                                           \
	"      },\n"                                                                               \
	"      \"portid\": 1,\n"                                                                   \
	"      \"referrals\": [],\n"                                                               \
	"      \"subsystems\": [\n"                                                                \
	"        \"nvme-test-1\"\n"                                                                \
	"      ]\n"                                                                                \
	"    }\n"                                                                                  \
	"  ],\n"                                                                                   \
	"  \"subsystems\": [\n"                                                                    \
	"    {\n"                                                                                  \
	"      \"allowed_hosts\": [],\n"                                                           \
	"      \"attr\": {\n"                                                                      \
	"        \"allow_any_host\": \"1\",\n"                                                     \
	"        \"cntlid_max\": \"65519\",\n"                                                     \
	"        \"cntlid_min\": \"1\",\n"                                                         \
	"        \"firmware\": \"6.1.0\",\n"                                                       \
	"        \"ieee_oui\": \"0x000000\",\n"                                                    \
	"        \"model\": \"Linux\",\n"                                                          \
	"        \"pi_enable\": \"0\",\n"                                                          \
	"        \"qid_max\": \"128\",\n"                                                          \
	"        \"serial\": \"d958dba9aa7f964f3163\",\n"                                          \
	"        \"version\": \"1.3\"\n"                                                           \
	"      },\n"                                                                               \
	"      \"namespaces\": [\n"                                                                \
	"        {\n"                                                                              \
	"          \"ana\": {\n"                                                                   \
	"            \"grpid\": \"1\"\n"                                                           \
	"          },\n"                                                                           \
	"          \"ana_grpid\": 1,\n"                                                            \
	"          \"device\": {\n"                                                                \
	"            \"nguid\": \"00000000-0000-0000-0000-000000000000\",\n"                       \
	"            \"path\": \"/dev/nullb0\",\n"                                                 \
	"            \"uuid\": \"43C4260A-826b-475d-9b42-883b4258f53f\"\n"                         \
	"          },\n"                                                                           \
	"          \"enable\": 1,\n"                                                               \
	"          \"nsid\": 1\n"                                                                  \
	"        }\n"                                                                              \
	"      ],\n"                                                                               \
	"      \"nqn\": \"nvme-test-1\"\n"                                                         \
	"    }\n"                                                                                  \
	"  ]\n"                                                                                    \
	"}\n"
