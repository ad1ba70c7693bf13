/* SPDX-License-Identifier: BSD-3-Clause */
/* INI files of 2018: the calls that each becomes, and what is said of bad ones. */
#include <glib.h>

#include "tests/unit/config/forms.h"
#include "tests/unit/config/texts.h"

#define ADDR_BY(type_, host_, port_)                                                               \
	"\"listen_address\":{\"trtype\":\"" type_ "\",\"adrfam\":\"IPv4\",\"traddr\":\"" host_     \
	"\",\"trsvcid\":\"" port_ "\"}"
#define ADDR(host_, port_) ADDR_BY("TCP", host_, port_)

#define F0_CALLS(type_)                                                                            \
	"2 [Null] bdev_null_create "                                                               \
	"{\"name\":\"Nvme0n1\",\"block_size\":512,\"num_blocks\":131072}\n"                        \
	"3 [Null] bdev_null_create "                                                               \
	"{\"name\":\"Nvme1n1\",\"block_size\":512,\"num_blocks\":131072}\n"                        \
	"7 [Subsystem1] nvmf_create_transport {\"trtype\":\"" type_ "\"}\n"                        \
	"5 [Subsystem1] nvmf_create_subsystem {\"nqn\":\"" F0_NQN "\",\"allow_any_host\":true,"    \
	"\"serial_number\":\"SPDK00000000000001\",\"max_namespaces\":20}\n"                        \
	"13 [Subsystem1] nvmf_subsystem_add_ns {\"nqn\":\"" F0_NQN                                 \
	"\",\"namespace\":{\"nsid\":1,\"bdev_name\":\"Nvme0n1\"}}\n"                               \
	"14 [Subsystem1] nvmf_subsystem_add_ns {\"nqn\":\"" F0_NQN                                 \
	"\",\"namespace\":{\"nsid\":2,\"bdev_name\":\"Nvme1n1\"}}\n"                               \
	"10 [Subsystem1] nvmf_subsystem_add_host {\"nqn\":\"" F0_NQN                               \
	"\",\"host\":\"nqn.2016-06.io.spdk:init\"}\n"                                              \
	"7 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":\"" F0_NQN                            \
	"\"," ADDR_BY(type_, "192.168.11.11",                                                      \
		      "4420") "}\n"                                                                \
			      "8 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":\"" F0_NQN      \
			      "\"," ADDR_BY(type_, "192.168.12.11", "4420") "}\n"

#define SUBSYSTEM(number_, lines_)                                                                 \
	"[Subsystem" number_ "]\nNQN nqn.2016-06.io.spdk:n" number_ "\nAllowAnyHost Yes\n" lines_
#define CREATE(line_, number_, more_)                                                              \
	line_ " [Subsystem" number_                                                                \
	      "] nvmf_create_subsystem {\"nqn\":\"nqn.2016-06.io.spdk:n" number_                   \
	      "\",\"allow_any_host\":true," more_ "}\n"
#define NS(line_, number_, ns_)                                                                    \
	line_ " [Subsystem" number_                                                                \
	      "] nvmf_subsystem_add_ns {\"nqn\":\"nqn.2016-06.io.spdk:n" number_                   \
	      "\",\"namespace\":{" ns_ "}}\n"
#define MALLOC(line_, name_, blocks_)                                                              \
	line_ " [Malloc] bdev_malloc_create {\"name\":\"" name_                                    \
	      "\",\"block_size\":512,\"num_blocks\":" blocks_ "}\n"

static const struct form_case good[] = {
	{ "f0", F0_ADAPTED("TCP"), .calls = F0_CALLS("TCP") },
	{ "f0-rdma", F0_ADAPTED("RDMA"), .calls = F0_CALLS("RDMA") },
	{ "nothing", "# only this\n\n   # and this\n", .calls = "" },
	{ "case-of-keys", "[mALLOC]\nNUMBEROFLUNS 1\nlunsizeinmb\t1\n",
	  .calls = MALLOC("2", "Malloc0", "2048") },
	{ "crlf", "[Malloc]\r\nNumberOfLuns 1\r\nLunSizeInMB 1 # one\r\n",
	  .calls = MALLOC("2", "Malloc0", "2048") },
	{ "continued",
	  "[Malloc]\n# a comment is not \\\nNumberOf\\\nLuns \\\r\n  2\nLunSizeInMB 1\\",
	  .calls = MALLOC("3", "Malloc0", "2048") MALLOC("3", "Malloc1", "2048") },
	{ "quotes", "[AIO]\n  AIO \"/srv/a file#1\" aio\"0\" 4096\nAIO /dev/sd#b Aio1\n",
	  .calls = "2 [AIO] bdev_aio_create {\"name\":\"aio0\",\"filename\":\"/srv/a file#1\","
		   "\"block_size\":4096}\n"
		   "3 [AIO] bdev_aio_create {\"name\":\"Aio1\",\"filename\":\"/dev/sd#b\"}\n" },
	{ "escapes", "[AIO]\nAIO /srv/back\\slash\xc3\xa4 A\n",
	  .calls = "2 [AIO] bdev_aio_create {\"name\":\"A\",\"filename\":"
		   "\"/srv/back\\\\slash\xc3\xa4\"}\n" },
	{ "malloc-blocks", "[Malloc]\nNumberOfLuns 1\nLunSizeInMB 8\nBlockSize 4096\n",
	  .calls = "2 [Malloc] bdev_malloc_create {\"name\":\"Malloc0\",\"block_size\":4096,"
		   "\"num_blocks\":2048}\n" },
	{ "qos", "[QoS]\nLimit_IOPS N 20000\nLimit_BPS N 100\n[Null]\nDev N 1\n",
	  .calls = "5 [Null] bdev_null_create {\"name\":\"N\",\"block_size\":512,"
		   "\"num_blocks\":2048}\n"
		   "2 [QoS] bdev_set_qos_limit {\"name\":\"N\",\"rw_ios_per_sec\":20000}\n"
		   "3 [QoS] bdev_set_qos_limit {\"name\":\"N\",\"rw_mbytes_per_sec\":100}\n" },
	{ "before-18.10",
	  "[Nvmf]\nMaxQueuesPerSession 4\nMaxQueueDepth 64\nInCapsuleDataSize 8192\n"
	  "MaxIOSize 65536\nMaxSubsystems 10\n" SUBSYSTEM("1", "Listen tcp [2001:db8::1]:4421\n"),
	  .calls = "6 [Nvmf] nvmf_set_max_subsystems {\"max_subsystems\":10}\n"
		   "10 [Subsystem1] nvmf_create_transport {\"trtype\":\"TCP\","
		   "\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":3,"
		   "\"in_capsule_data_size\":8192,\"max_io_size\":65536}\n" CREATE(
			   "7", "1", "\"max_namespaces\":32") //
	  "10 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":"
	  "\"nqn.2016-06.io.spdk:n1\",\"listen_address\":{\"trtype\":\"TCP\","
	  "\"adrfam\":\"IPv6\",\"traddr\":\"2001:db8::1\",\"trsvcid\":\"4421\"}}\n" },
	{ "18.10",
	  "[Bdev]\nBdevIoPoolSize 65536\nBdevIoCacheSize 256\n[Transport1]\nType TCP\n"
	  "MaxQueuesPerSession 17\nMaxAQDepth 64\nC2HSuccess No\nSockPriority 3\n"
	  "AcceptorBacklog 7\n" SUBSYSTEM("1", "Listen TCP 192.0.2.1:4420\n"),
	  .calls =
		  "3 [Bdev] bdev_set_options {\"bdev_io_pool_size\":65536,"
		  "\"bdev_io_cache_size\":256}\n"
		  "4 [Transport1] nvmf_create_transport {\"trtype\":\"TCP\","
		  "\"max_io_qpairs_per_ctrlr\":16,\"max_aq_depth\":64,\"c2h_success\":false,"
		  "\"sock_priority\":3,\"acceptor_backlog\":7}\n" CREATE("11", "1",
									 "\"max_namespaces\":32") //
	  "14 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":"
	  "\"nqn.2016-06.io.spdk:n1\"," ADDR("192.0.2.1", "4420") "}\n" },
	{ "rdma",
	  "[Nvmf]\nMaxQueueDepth 64\n[Transport1]\nType rdma\nMaxSRQDepth 512\nNoSRQ No\n"
	  "[Transport2]\nType TCP\nMaxSRQDepth 1024\nNoSRQ Yes\n" SUBSYSTEM(
		  "1", "Listen TCP 192.0.2.1:4420\nListen RDMA 192.0.2.1:4420\n"),
	  .calls = "3 [Transport1] nvmf_create_transport {\"trtype\":\"RDMA\","
		   "\"max_queue_depth\":64,\"max_srq_depth\":512,\"no_srq\":false}\n"
		   "7 [Transport2] nvmf_create_transport {\"trtype\":\"TCP\","
		   "\"max_queue_depth\":64}\n" CREATE("11", "1", "\"max_namespaces\":32") //
	  "14 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":"
	  "\"nqn.2016-06.io.spdk:n1\"," ADDR(
		  "192.0.2.1", "4420") "}\n" //
				       "15 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":"
				       "\"nqn.2016-06.io.spdk:n1\"," ADDR_BY("RDMA", "192.0.2.1",
									     "4420") "}\n",
	  .notes = "line 9: [Transport2] MaxSRQDepth has no effect: it is of RDMA\n"
		   "line 10: [Transport2] NoSRQ has no effect: it is of RDMA\n" },
	{ "rdma-beside-tcp",
	  "[Transport]\nType TCP\n" SUBSYSTEM("1", "Listen RDMA 192.0.2.1:4420\n") //
	  SUBSYSTEM("2", "Listen RDMA 192.0.2.1:4420\n"),
	  .calls = "1 [Transport] nvmf_create_transport {\"trtype\":\"TCP\"}\n"
		   "6 [Subsystem1] nvmf_create_transport {\"trtype\":\"RDMA\"}\n" //
	  CREATE("3", "1", "\"max_namespaces\":32")				  //
	  "6 [Subsystem1] nvmf_subsystem_add_listener {\"nqn\":"
	  "\"nqn.2016-06.io.spdk:n1\"," ADDR_BY("RDMA", "192.0.2.1",
						"4420") "}\n" //
	  CREATE("7", "2", "\"max_namespaces\":32")	      //
	  "10 [Subsystem2] nvmf_subsystem_add_listener {\"nqn\":"
	  "\"nqn.2016-06.io.spdk:n2\"," ADDR_BY("RDMA", "192.0.2.1", "4420") "}\n" },
	{ "own-before-all", "[Nvmf]\nMaxQueueDepth 64\n[Transport]\nMaxQueueDepth 32\nType TCP\n",
	  .calls = "3 [Transport] nvmf_create_transport {\"trtype\":\"TCP\","
		   "\"max_queue_depth\":32}\n" },
	{ "nsids",
	  "[Malloc]\nNumberOfLuns 5\nLunSizeInMB 1\n" SUBSYSTEM(
		  "7", "Namespace Malloc0\nNamespace Malloc1 40\nNamespace Malloc2\n"
		       "MN \"Model 1\"\n"
		       "Namespace Malloc3 1024 6BA7B810-9dad-11d1-80b4-00c04fd430c8\n"),
	  .calls = MALLOC("2", "Malloc0", "2048") MALLOC("2", "Malloc1", "2048")   //
	  MALLOC("2", "Malloc2", "2048") MALLOC("2", "Malloc3", "2048")		   //
	  MALLOC("2", "Malloc4", "2048")					   //
	  CREATE("4", "7", "\"model_number\":\"Model 1\",\"max_namespaces\":1024") //
	  NS("7", "7", "\"nsid\":1,\"bdev_name\":\"Malloc0\"")			   //
	  NS("8", "7", "\"nsid\":40,\"bdev_name\":\"Malloc1\"")			   //
	  NS("9", "7", "\"nsid\":2,\"bdev_name\":\"Malloc2\"")			   //
	  NS("11", "7",
	     "\"nsid\":1024,\"bdev_name\":\"Malloc3\","
	     "\"uuid\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"") },
	{ "section-twice",
	  "[Null]\nDev A 1\n[Subsystem1]\nNQN nqn.2016-06.io.spdk:n1\n[Null]\n"
	  "Dev B 1\n[SUBSYSTEM1]\nAllowAnyHost true\nNamespace B 2\n",
	  .calls = "2 [Null] bdev_null_create {\"name\":\"A\",\"block_size\":512,"
		   "\"num_blocks\":2048}\n"
		   "6 [Null] bdev_null_create {\"name\":\"B\",\"block_size\":512,"
		   "\"num_blocks\":2048}\n" CREATE("3", "1", "\"max_namespaces\":32") //
	  NS("9", "1", "\"nsid\":2,\"bdev_name\":\"B\"") },
	{ "without-effect",
	  "[Global]\nReactorMask 0x3\nLogFacility local7\n[Rpc]\nEnable No\n[Ioat]\nDisable Yes\n"
	  "[Nvme]\nRetryCount 4\nHotplugEnable No\n[Nvmf]\nAcceptorPollRate 10000\n"
	  "[Subsystem1]\nNQN nqn.2016-06.io.spdk:n1\nCore 0\nMode Virtual\nAllowAnyHost No\n",
	  .calls = "13 [Subsystem1] nvmf_create_subsystem {\"nqn\":\"nqn.2016-06.io.spdk:n1\","
		   "\"allow_any_host\":false,\"max_namespaces\":32}\n",
	  .notes = "line 2: [Global] ReactorMask has no effect: it is an option of weftd (weftd "
		   "--help)\n"
		   "line 3: [Global] LogFacility has no effect: the log goes to standard error, "
		   "which systemd keeps\n"
		   "line 5: [Rpc] Enable has no effect: it is an option of weftd (weftd --help)\n"
		   "line 7: [Ioat] Disable has no effect: weft uses no I/OAT channels\n"
		   "line 9: [Nvme] RetryCount has no effect: this build has no bdevs of NVMe "
		   "controllers\n"
		   "line 10: [Nvme] HotplugEnable has no effect: this build has no bdevs of NVMe "
		   "controllers\n"
		   "line 12: [Nvmf] AcceptorPollRate has no effect: weft waits for events and "
		   "polls no devices\n"
		   "line 15: [Subsystem1] Core has no effect: weft places each queue on a reactor "
		   "by itself\n"
		   "line 16: [Subsystem1] Mode has no effect: every subsystem is what \"Virtual\" "
		   "was\n"
		   "line 13: [Subsystem1] has no Host and no \"AllowAnyHost Yes\": nobody may "
		   "connect\n" },
	{ 0 },
};

#define NO_NVME                                                                                    \
	"[Nvme] TransportID: this build has no bdevs of NVMe controllers; remove the section, or " \
	"serve its bdevs from [AIO], [Malloc] or [Null]"
#define NO_ISCSI ": this build has no iSCSI target; remove the section"

static const struct form_case bad[] = {
	{ "f0", F0, .wrong = "F: line 2: " NO_NVME "\nF: line 3: " NO_NVME },
	{ "absent",
	  "[Ceph]\nCeph rbd img\n[Split]\nSplit Malloc0 2\n[iSCSI]\nNodeBase x\n"
	  "[PortalGroup1]\n[InitiatorGroup1]\n[TargetNode1]\n",
	  .wrong =
		  "F: line 2: [Ceph] Ceph: this build has no Ceph RBD bdevs; remove the section, "
		  "or serve its bdevs from [AIO], [Malloc] or [Null]\n"
		  "F: line 4: [Split] Split: this build has no split bdevs; remove the section, "
		  "or serve its bdevs from [AIO], [Malloc] or [Null]\n"
		  "F: line 5: [iSCSI]" NO_ISCSI "\nF: line 7: [PortalGroup1]" NO_ISCSI
		  "\nF: line 8: [InitiatorGroup1]" NO_ISCSI "\nF: line 9: [TargetNode1]" NO_ISCSI },
	{ "absent-names", "[Split]\nSplit M 2\n" SUBSYSTEM("1", "Namespace Mp0\nNamespace Xp0\n"),
	  .wrong = "F: line 2: [Split] Split: this build has no split bdevs; remove the section, "
		   "or serve its bdevs from [AIO], [Malloc] or [Null]\n"
		   "F: line 7: no section of this file makes a bdev \"Xp0\"" },
	{ "section", "[Subsytem1]\nNQN x\n[Quux]\n",
	  .wrong = "F: line 1: there is no section [Subsytem1]; did you mean \"Subsystem\"?\n"
		   "F: line 3: there is no section [Quux]" },
	{ "numbered", "[Null1]\n",
	  .wrong = "F: line 1: there is no section [Null1]; did you mean \"Null\"?" },
	{ "key", "[Malloc]\nNumberOfLun 1\n[Null]\nFoo 1\n",
	  .wrong = "F: line 1: [Malloc] needs NumberOfLuns and LunSizeInMB\n"
		   "F: line 2: [Malloc] has no key \"NumberOfLun\"; did you mean "
		   "\"NumberOfLuns\"? It has: NumberOfLuns, LunSizeInMB, BlockSize\n"
		   "F: line 4: [Null] has no key \"Foo\". It has: Dev" },
	{ "before-sections", "Dev A 1\nDev B 1\n",
	  .wrong = "F: line 1: \"Dev\" stands before any section; an INI file begins with one, "
		   "such as [Global]" },
	{ "bracket", "[Null\nDev A 1\n",
	  .wrong = "F: line 1: a section is [NAME]: there is no \"]\"\n"
		   "F: line 2: \"Dev\" stands before any section; an INI file begins with one, "
		   "such as [Global]" },
	{ "after-section", "[Null] Dev A 1\n[AIO] # fine\n",
	  .wrong = "F: line 1: something follows [Null]; keys stand on lines of their own" },
	{ "quote", "[Null]\nDev \"A 1\n",
	  .wrong = "F: line 2: a quotation mark (\") is not closed" },
	{ "control", "[Null]\nDev A\x01 1\n",
	  .wrong = "F: line 2: there is a control character 0x01" },
	{ "not-text", "[Null]\n\x80\x81",
	  .wrong = "F: line 2: byte 0x80 is no text; a configuration is JSON, or an INI file in "
		   "UTF-8" },
	{ "values", "[Null]\nDev A\nDev A 1 512 7\n[Malloc]\nNumberOfLuns\nLunSizeInMB 1 2\n",
	  .wrong = "F: line 2: [Null] Dev has 1 values; it is \"Dev NAME MB [BLOCK_SIZE]\"\n"
		   "F: line 3: [Null] Dev has 4 values; it is \"Dev NAME MB [BLOCK_SIZE]\"\n"
		   "F: line 4: [Malloc] needs NumberOfLuns and LunSizeInMB\n"
		   "F: line 5: [Malloc] NumberOfLuns has 0 values; it is \"NumberOfLuns NUMBER\"\n"
		   "F: line 6: [Malloc] LunSizeInMB has 2 values; it is \"LunSizeInMB NUMBER\"" },
	{ "numbers",
	  "[Null]\nDev A 0\nDev B x\nDev C 1 513\n[Malloc]\nNumberOfLuns 1025\n"
	  "LunSizeInMB -1\n[AIO]\nAIO /f D 256\nAIO \"\" E\n",
	  .wrong =
		  "F: line 2: [Null] Dev: the size in MiB is \"0\"; it must be a whole number from "
		  "1 to 4294967296\n"
		  "F: line 3: [Null] Dev: the size in MiB is \"x\"; it must be a whole number from "
		  "1 to 4294967296\n"
		  "F: line 4: the block size is 513; it must be a power of two from 512 to 65536\n"
		  "F: line 5: [Malloc] needs NumberOfLuns and LunSizeInMB\n"
		  "F: line 6: [Malloc] NumberOfLuns is \"1025\"; it must be a whole number from 1 "
		  "to 1024\n"
		  "F: line 7: [Malloc] LunSizeInMB is \"-1\"; it must be a whole number from 1 to "
		  "4294967296\n"
		  "F: line 9: the block size is 256; it must be a power of two from 512 to 65536\n"
		  "F: line 10: [AIO] AIO has an empty file name" },
	{ "malloc-block", "[Malloc]\nNumberOfLuns 1\nLunSizeInMB 1\nBlockSize 520\n",
	  .wrong =
		  "F: line 4: the block size is 520; it must be a power of two from 512 to 65536" },
	{ "twice",
	  "[Malloc]\nNumberOfLuns 2\nLunSizeInMB 1\nNumberOfLuns 1\n[Null]\n"
	  "Dev Malloc1 1\nDev N 1\nDev N 2\n",
	  .wrong = "F: line 2: there is a bdev Malloc1 already, of line 6\n"
		   "F: line 4: [Malloc] NumberOfLuns is given in line 2 already\n"
		   "F: line 8: there is a bdev N already, of line 7" },
	{ "limits", "[Null]\nDev Null0 1\n[QoS]\nLimit_IOPS null1 1000\nLimit_BPS Null0 0\n",
	  .wrong = "F: line 4: no section of this file makes a bdev \"null1\"; did you mean "
		   "\"Null0\"?\n"
		   "F: line 5: [QoS] Limit_BPS: the MiB a second is \"0\"; it must be a whole "
		   "number from 1 to 9223372036854775807" },
	{ "transports",
	  "[Transport1]\nType FC\nMaxSRQDepth 0\nNoSRQ 1\n[Transport2]\nMaxIOSize "
	  "12288\n[Transport]\nType TCP\n"
	  "InCapsuleDataSize 262144\n[Transport]\nType tcp\nMaxQueuesPerSession 1\n"
	  "[Transport3]\nType SCTP\nC2HSuccess maybe\n",
	  .wrong =
		  "F: line 2: this build has no Fibre Channel transport; listen by TCP or RDMA, or "
		  "remove this\n"
		  "F: line 3: [Transport1] MaxSRQDepth is \"0\"; it must be a whole number from 1 "
		  "to 1048576\n"
		  "F: line 4: [Transport1] NoSRQ is \"1\"; it must be Yes or No (or True or "
		  "False)\n"
		  "F: line 5: [Transport2] has no Type, such as TCP\n"
		  "F: line 6: MaxIOSize is 12288; it must be a power of two\n"
		  "F: line 9: InCapsuleDataSize is 262144; it must be a multiple of 16, and at "
		  "most MaxIOSize (131072)\n"
		  "F: line 11: there is a transport tcp already\n"
		  "F: line 12: [Transport] MaxQueuesPerSession is \"1\"; it must be a whole number "
		  "from 2 to 1025\n"
		  "F: line 14: \"SCTP\" is no transport; this build has TCP and RDMA\n"
		  "F: line 15: [Transport3] C2HSuccess is \"maybe\"; it must be Yes or No (or True "
		  "or False)" },
	{ "nvmf",
	  "[Nvmf]\nInCapsuleDataSize 100\nMaxSubsystems 1\n" SUBSYSTEM("1", "") SUBSYSTEM("2", ""),
	  .wrong = "F: line 2: InCapsuleDataSize is 100; it must be a multiple of 16, and at most "
		   "MaxIOSize (131072)\n"
		   "F: line 7: [Subsystem2] is one more than [Nvmf] MaxSubsystems (1)" },
	{ "listen",
	  SUBSYSTEM("1", "Listen FC x:1\nListen TCP 192.0.2.1\nListen TCP 2001:db8::1:4420\n"
			 "Listen TCP [192.0.2.1:4420\nListen TCP host:4420\n"
			 "Listen TCP 192.0.2.1:0\nListen TCP 192.0.2.1:65536\n"
			 "Listen TCP 192.0.2.1:4420\nListen tcp 192.0.2.1:4420\nListen TCP\n"
			 "Listen TCP [2001:db8::1]x:1\n"),
	  .wrong =
		  "F: line 4: this build has no Fibre Channel transport; listen by TCP or RDMA, or "
		  "remove this\n"
		  "F: line 5: \"192.0.2.1\" is no address with a port, such as 192.0.2.1:4420 or "
		  "[2001:db8::1]:4420\n"
		  "F: line 6: \"2001:db8::1:4420\" is no address with a port, such as "
		  "192.0.2.1:4420 or [2001:db8::1]:4420\n"
		  "F: line 7: \"[192.0.2.1:4420\" is no address with a port, such as "
		  "192.0.2.1:4420 or [2001:db8::1]:4420\n"
		  "F: line 8: \"host\" is not a numeric IP address\n"
		  "F: line 9: port 0 cannot be listened on; NVMe's is 4420\n"
		  "F: line 10: port 65536 is above 65535\n"
		  "F: line 12: [Subsystem1] listens on 192.0.2.1 port 4420 already\n"
		  "F: line 13: [Subsystem1] Listen has 1 values; it is \"Listen TYPE IP:PORT\"\n"
		  "F: line 14: \"[2001:db8::1]x:1\" is no address with a port, such as "
		  "192.0.2.1:4420 or [2001:db8::1]:4420" },
	{ "subsystems",
	  "[Subsystem1]\nSN 123456789012345678901\nHost me\nMN \"a\xc3\xa4\"\n[Subsystem2]\n"
	  "NQN nqn.2014-08.org.nvmexpress.discovery\nAllowAnyHost 1\n[Subsystem3]\n"
	  "NQN nqn.bad\n" SUBSYSTEM("4", "") "[Subsystem5]\nNQN nqn.2016-06.io.spdk:n4\n",
	  .wrong =
		  "F: line 1: [Subsystem1] has no NQN\n"
		  "F: line 2: [Subsystem1] SN has 21 characters; it may have 1 to 20\n"
		  "F: line 3: \"me\" is no NQN of a host: an NQN begins with \"nqn.\"\n"
		  "F: line 4: [Subsystem1] MN may have printable ASCII characters only\n"
		  "F: line 6: nqn.2014-08.org.nvmexpress.discovery is the discovery subsystem, "
		  "which is always there; remove it\n"
		  "F: line 7: [Subsystem2] AllowAnyHost is \"1\"; it must be Yes or No (or True or "
		  "False)\n"
		  "F: line 9: \"nqn.bad\" is no name for a subsystem: \"nqn.\" is followed by a "
		  "date "
		  "yyyy-mm, a dot and a reverse domain name\n"
		  "F: line 14: there is a subsystem nqn.2016-06.io.spdk:n4 already" },
	{ "namespaces",
	  "[Null]\nDev A 1\nDev B 1\nDev C 1\n" SUBSYSTEM(
		  "1", "MaxNamespaces 4\nNamespace A 1\nNamespace B 1\nNamespace C 5\n"
		       "Namespace D\nNamespace A 0\nNamespace A 2 x\n") //
	  SUBSYSTEM("2", "Namespace A\n"),
	  .wrong = "F: line 10: [Subsystem1] has a namespace 1 already, of line 9\n"
		   "F: line 11: nsid 5 is above MaxNamespaces (4)\n"
		   "F: line 12: no section of this file makes a bdev \"D\"; did you mean \"A\"?\n"
		   "F: line 13: [Subsystem1] Namespace: the nsid is \"0\"; it must be a whole "
		   "number "
		   "from 1 to 1024\n"
		   "F: line 14: \"x\" is no UUID\n"
		   "F: line 18: bdev A is a namespace already, in line 9; it can be one only" },
	{ "too-many", "[Null]\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\nX\n",
#define Y(line_) "F: line " line_ ": [Null] has no key \"X\". It has: Dev\n"
	  .wrong = Y("2") Y("3") Y("4") Y("5") Y("6") Y("7") Y("8") Y("9") Y("10") Y("11") Y("12")
		  Y("13") Y("14") Y("15") Y("16") Y("17") Y("18") Y("19") Y("20") Y("21") //
	  "F: and perhaps more" },
	{ 0 },
};

int main(int argc, char *argv[])
{
	return forms_main(argc, argv, "ini", good, bad);
}
