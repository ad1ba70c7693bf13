/* SPDX-License-Identifier: BSD-3-Clause */
/* What nvmetcli saves of Linux nvmet: the calls that each becomes, and what is said of bad ones. */
#include <glib.h>

#include "tests/unit/config/forms.h"
#include "tests/unit/config/texts.h"

#define OWN_IDENTITY                                                                               \
	"line 43: a subsystem: \"attr\": \"firmware\" has no effect: hosts see weft's own\n"       \
	"line 44: a subsystem: \"attr\": \"ieee_oui\" has no effect: hosts see weft's own\n"       \
	"line 49: a subsystem: \"attr\": \"version\" has no effect: hosts see weft's own\n"

#define PORT_ADDR_BY(type_, traddr_)                                                               \
	"\"addr\":{\"trtype\":\"" type_ "\",\"traddr\":\"" traddr_ "\",\"trsvcid\":\"4420\"}"
#define PORT_ADDR(traddr_) PORT_ADDR_BY("tcp", traddr_)
#define TRANSPORT_BY(type_, line_, more_)                                                          \
	line_ " ports nvmf_create_transport {\"trtype\":\"" type_ "\"" more_ "}\n"
#define TRANSPORT(line_, more_) TRANSPORT_BY("TCP", line_, more_)
#define BDEV(line_, nqn_, name_, file_, more_)                                                     \
	line_ " subsystem " nqn_ " bdev_aio_create {\"name\":\"" name_ "\",\"filename\":\"" file_  \
	      "\"" more_ "}\n"
#define CREATE(line_, nqn_, any_, more_)                                                           \
	line_ " subsystem " nqn_ " nvmf_create_subsystem {\"nqn\":\"" nqn_                         \
	      "\",\"allow_any_host\":" any_ "," more_ "}\n"
#define NS(line_, nqn_, more_)                                                                     \
	line_ " subsystem " nqn_ " nvmf_subsystem_add_ns {\"nqn\":\"" nqn_                         \
	      "\",\"namespace\":{" more_ "}}\n"
#define ADDRESS_BY(type_, traddr_)                                                                 \
	"\"listen_address\":{\"trtype\":\"" type_ "\",\"adrfam\":\"IPv4\",\"traddr\":\"" traddr_   \
	"\",\"trsvcid\":\"4420\"}"
#define ADDRESS(traddr_) ADDRESS_BY("TCP", traddr_)
#define LISTENER_BY(type_, line_, nqn_, traddr_, portid_)                                          \
	line_ " port " portid_ " nvmf_subsystem_add_listener {\"nqn\":\"" nqn_                     \
	      "\"," ADDRESS_BY(type_, traddr_) ",\"portid\":" portid_ "}\n"
#define LISTENER(line_, nqn_, traddr_, portid_) LISTENER_BY("TCP", line_, nqn_, traddr_, portid_)
#define STATE(line_, nqn_, traddr_, portid_, state_, group_)                                       \
	line_ " port " portid_ " nvmf_subsystem_listener_set_ana_state {\"nqn\":\"" nqn_           \
	      "\"," ADDRESS(traddr_) ",\"ana_state\":\"" state_ "\",\"anagrpid\":" group_ "}\n"
#define NO_ANA "\"max_namespaces\":32,\"ana_reporting\":false"

#define F3_CALLS(type_)                                                                            \
	TRANSPORT_BY(type_, "8",                                                                   \
		     ",\"max_io_qpairs_per_ctrlr\":128,\"in_capsule_data_size\":16384")            \
	BDEV("59", "nvme-test-1", "nullb0", "/dev/nullb0", "")                                     \
	CREATE("37", "nvme-test-1", "true",                                                        \
	       "\"serial_number\":\"d958dba9aa7f964f3163\",\"model_number\":\"Linux\","            \
	       "\"max_namespaces\":32,\"ana_reporting\":true,\"min_cntlid\":1,"                    \
	       "\"max_cntlid\":65519")                                                             \
	NS("52", "nvme-test-1",                                                                    \
	   "\"nsid\":1,\"bdev_name\":\"nullb0\","                                                  \
	   "\"uuid\":\"43c4260a-826b-475d-9b42-883b4258f53f\",\"anagrpid\":1")                     \
	LISTENER_BY(type_, "8", "nvme-test-1", "192.168.11.100", "1")

static const struct form_case good[] = {
	{ "f3", F3("tcp", "192.168.11.100"), .calls = F3_CALLS("TCP"), .notes = OWN_IDENTITY },
	{ "f3-rdma", F3("rdma", "192.168.11.100"), .calls = F3_CALLS("RDMA"),
	  .notes = OWN_IDENTITY },
	{ "types",
	  "{\"ports\":[{" PORT_ADDR(
		  "192.0.2.1") ",\"portid\":1,\"subsystems\":[\"a\"],"
			       "\"param\":{\"inline_data_size\":4096,\"max_queue_size\":64}},\n"
			       "{" PORT_ADDR_BY(
				       "rdma",
				       "192.0.2.1") ",\"portid\":2,\"subsystems\":[\"a\"],"
						    "\"param\":{\"inline_data_size\":16384,\"max_"
						    "queue_size\":128}},\n"
						    "{" PORT_ADDR_BY(
							    "RDMA",
							    "192.0.2.2") ",\"portid\":3,\n"
									 "\"param\":{\"inline_data_"
									 "size\":8192,\"max_queue_"
									 "size\":128}}],\n"
									 "\"subsystems\":[{\"nqn\":"
									 "\"a\",\"attr\":{\"qid_"
									 "max\":9}},\n"
									 "{\"nqn\":\"b\",\"attr\":{"
									 "\"qid_max\":7}}]}",
	  .calls = TRANSPORT("1", ",\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":9,"
				  "\"in_capsule_data_size\":4096") //
	  TRANSPORT_BY("RDMA", "2",
		       ",\"max_queue_depth\":128,\"max_io_qpairs_per_ctrlr\":9,"
		       "\"in_capsule_data_size\":16384")		      //
	  CREATE("5", "a", "false", NO_ANA) CREATE("6", "b", "false", NO_ANA) //
	  LISTENER("1", "a", "192.0.2.1", "1") LISTENER_BY("RDMA", "2", "a", "192.0.2.1", "2"),
	  .notes =
		  "line 6: \"qid_max\" differs from that in line 5; the larger one is for all\n"
		  "line 4: \"inline_data_size\" differs from that in line 2; the larger one is for "
		  "all\n" },
	{ "nothing", "{\"hosts\":[],\"ports\":[],\"subsystems\":[]}", .calls = "" },
	{ "before-ana",
	  "{\"ports\":[{" PORT_ADDR(
		  "192.0.2.1") ",\"portid\":\"7\",\"subsystems\":[\"a\"]}],\n"
			       "\"subsystems\":[{\"nqn\":\"a\",\"allowed_hosts\":[\"nqn.2014-08."
			       "org.weft:h1\",\n"
			       "\"nqn.2014-08.org.weft:h2\"],\"attr\":{\"allow_any_host\":0,"
			       "\"serial\":\"\"},\n"
			       "\"namespaces\":[\n"
			       "{\"nsid\":2,\"enable\":\"1\",\"device\":{\"path\":\"//srv//"
			       "a\",\"eui64\":"
			       "\"0011223344556677\",\"nguid\":\"00112233-4455-6677-8899-"
			       "AABBCCDDEEFF\",\n"
			       "\"uuid\":\"00000000-0000-0000-0000-000000000000\"}},\n"
			       "{\"nsid\":3,\"enable\":0,\"device\":{\"path\":\"(null)\"}},\n"
			       "{\"nsid\":40,\"enable\":1,\"device\":{\"path\":\"/dev/mapper/"
			       "x\"},\"buffered_io\":1},\n"
			       "{\"nsid\":41,\"enable\":1,\"device\":{\"path\":\"/dev/shm/"
			       "x\"},\"buffered_io\":1}]}]}",
	  .calls = TRANSPORT("1", "")						     //
	  BDEV("5", "a", "/srv/a", "//srv//a", ",\"block_size\":4096")		     //
	  BDEV("8", "a", "mapper/x", "/dev/mapper/x", "")			     //
	  BDEV("9", "a", "shm/x", "/dev/shm/x", ",\"block_size\":4096")		     //
	  CREATE("2", "a", "false", "\"max_namespaces\":41,\"ana_reporting\":false") //
	  NS("5", "a",
	     "\"nsid\":2,\"bdev_name\":\"/srv/a\",\"nguid\":"
	     "\"00112233445566778899aabbccddeeff\",\"eui64\":\"0011223344556677\"") //
	  NS("8", "a", "\"nsid\":40,\"bdev_name\":\"mapper/x\"")		    //
	  NS("9", "a", "\"nsid\":41,\"bdev_name\":\"shm/x\"")			    //
	  "2 subsystem a nvmf_subsystem_add_host {\"nqn\":\"a\",\"host\":"
	  "\"nqn.2014-08.org.weft:h1\"}\n"
	  "3 subsystem a nvmf_subsystem_add_host {\"nqn\":\"a\",\"host\":"
	  "\"nqn.2014-08.org.weft:h2\"}\n" LISTENER("1", "a", "192.0.2.1", "7"),
	  .notes = "line 8: a namespace: \"buffered_io\" has no effect: weft reads and writes past "
		   "the page cache where it can\n"
		   "line 7: namespace 3 is not added: its \"enable\" is not 1\n" },
	{ "ana-states",
	  "{\"ports\":[\n"
	  "{" PORT_ADDR(
		  "192.0.2.1") ",\"portid\":0,\"subsystems\":[\"a\",\"b\"],\"ana_groups\":["
			       "{\"grpid\":1,\"ana\":{\"state\":\"non-optimized\"}},"
			       "{\"grpid\":2,\"ana\":{\"state\":\"optimized\"}},"
			       "{\"grpid\":4,\"ana\":{\"state\":\"inaccessible\"}},{\"grpid\":5}]},"
			       "\n"
			       "{" PORT_ADDR(
				       "192.0.2.2") ",\"portid\":65535,\"subsystems\":[\"a\"]}],\n"
						    "\"subsystems\":[{\"nqn\":\"a\",\"namespaces\":"
						    "[\n"
						    "{\"nsid\":1,\"enable\":1,\"ana\":{\"grpid\":"
						    "\"2\"},\"device\":{\"path\":\"/dev/a\"}},\n"
						    "{\"nsid\":2,\"enable\":1,\"ana_grpid\":100,"
						    "\"device\":{\"path\":\"/dev/b\"}}]},\n"
						    "{\"nqn\":\"b\"},\n{\"nqn\":\"c\"}]}",
	  .calls = TRANSPORT("2", "") BDEV("5", "a", "a", "/dev/a", "")
		  BDEV("6", "a", "b", "/dev/b", "")				     //
	  CREATE("4", "a", "false", "\"max_namespaces\":100,\"ana_reporting\":true") //
	  NS("5", "a", "\"nsid\":1,\"bdev_name\":\"a\",\"anagrpid\":2")		     //
	  NS("6", "a", "\"nsid\":2,\"bdev_name\":\"b\",\"anagrpid\":100")	     //
	  CREATE("7", "b", "false", "\"max_namespaces\":32,\"ana_reporting\":true")  //
	  CREATE("8", "c", "false", NO_ANA) LISTENER("2", "a", "192.0.2.1", "0")     //
	  STATE("2", "a", "192.0.2.1", "0", "non_optimized", "1")		     //
	  STATE("2", "a", "192.0.2.1", "0", "inaccessible", "4")		     //
	  STATE("2", "a", "192.0.2.1", "0", "inaccessible", "100")		     //
	  LISTENER("2", "b", "192.0.2.1", "0")					     //
	  STATE("2", "b", "192.0.2.1", "0", "non_optimized", "1")		     //
	  STATE("2", "b", "192.0.2.1", "0", "inaccessible", "4")		     //
	  LISTENER("3", "a", "192.0.2.2", "65535")				     //
	  STATE("3", "a", "192.0.2.2", "65535", "inaccessible", "2")		     //
	  STATE("3", "a", "192.0.2.2", "65535", "inaccessible", "100") },
	{ "largest",
	  "{\"ports\":[{" PORT_ADDR(
		  "192.0.2.1") ",\"portid\":1,\"param\":{\"inline_data_size\":-1,"
			       "\"max_queue_size\":\"-1\",\"mdts\":0}},\n"
			       "{" PORT_ADDR(
				       "192.0.2.2") ",\"portid\":2,\"param\":{\"inline_data_size\":"
						    "\"1001\","
						    "\"max_queue_size\":64}},\n"
						    "{" PORT_ADDR(
							    "192.0.2.3") ",\"portid\":3,\"param\":{"
									 "\"inline_data_size\":"
									 "\"8\","
									 "\"max_queue_size\":64}}]"
									 "}",
	  .calls = TRANSPORT("1", ",\"max_queue_depth\":64,\"in_capsule_data_size\":1008"),
	  .notes =
		  "line 1: a port: \"param\": \"mdts\" has no effect: weft's transports have "
		  "max_io_size\n"
		  "line 3: \"inline_data_size\" differs from that in line 2; the larger one is for "
		  "all\n" },
	{ "referrals",
	  "{\"ports\":[{" PORT_ADDR(
		  "192.0.2.1") ",\"portid\":1,\"referrals\":[\n"
			       "{\"name\":\"one\",\"enable\":1,\"addr\":{\"trtype\":\"rdma\","
			       "\"traddr\":\"192.0.2.9\","
			       "\"trsvcid\":\"8009\",\"portid\":3,\"treq\":\"required\"}},\n"
			       "{\"name\":\"two\",\"enable\":0,\"addr\":{}},\n"
			       "{\"name\":\"same\",\"addr\":{\"trtype\":\"rdma\",\"traddr\":\"192."
			       "0.2.9\","
			       "\"trsvcid\":\"8009\"}}]}]}",
	  .calls = TRANSPORT("1", "") "2 referrals nvmf_discovery_add_referral {\"address\":"
				      "{\"trtype\":\"RDMA\",\"adrfam\":\"IPv4\",\"traddr\":"
				      "\"192.0.2.9\",\"trsvcid\":\"8009\"},"
				      "\"secure_channel\":true}\n" },
	{ "switched-off",
	  "{\"hosts\":[{\"nqn\":\"x\",\"dhchap\":{\"key\":\"\",\"ctrl_key\":null,\"hash\":"
	  "\"hmac(sha256)\",\"dhgroup\":\"null\"}}],\n\"subsystems\":[{\"nqn\":\"a\",\"passthru\":"
	  "{\"enable\":0,\"device\":{\"path\":\"(null)\"}},\"attr\":{\"pi_enable\":false}}]}",
	  .calls = CREATE("2", "a", "false", NO_ANA) },
	{ "not-required",
	  "{\"ports\":[{\"portid\":1,\"addr\":{\"trtype\":\"TCP\",\"adrfam\":\"ipv4\",\"traddr\":"
	  "\"192.0.2.1\",\"trsvcid\":\"4420\",\"treq\":\"not required\",\"tsas\":\"\"}}]}",
	  .calls = TRANSPORT("1", ""),
	  .notes = "line 1: addr.treq has no effect: hosts read \"not specified\"\n" },
	{ 0 },
};

#define SUBSYSTEM(more_) "{\"subsystems\":[{\"nqn\":\"a\"," more_ "}]}"
#define NAMESPACES(more_) SUBSYSTEM("\"namespaces\":[\n" more_ "]")
#define DEVICE(path_) "\"enable\":1,\"device\":{\"path\":\"" path_ "\"}"
#define PORTS(more_) "{\"ports\":[\n" more_ "]}"

static const struct form_case bad[] = {
	{ "types",
	  "{\"hosts\":{},\n\"ports\":[7],\n\"subsystems\":[{\"nqn\":1,\n\"attr\":[],\n"
	  "\"allowed_hosts\":[{}]}]}",
	  .wrong =
		  "F: line 1: the file: \"hosts\" is an object; it must be an array\n"
		  "F: line 2: an element of the file: \"ports\" is 7; it must be an object\n"
		  "F: line 3: a subsystem: \"nqn\" is 1; it must be a string of at most 223 bytes\n"
		  "F: line 4: a subsystem: \"attr\" is an array; it must be an object\n"
		  "F: line 5: an element of a subsystem: \"allowed_hosts\" is an object; it must "
		  "be a string of at most 1024 bytes" },
	{ "keys",
	  "{\"ports\":[],\n\"subsystem\":[],\n\"subsystems\":[{\"nqn\":\"a\",\n\"Quux\":1,\n"
	  "\"attr\":{\"seriel\":\"x\"},\n\"attr\":{}}]}",
	  .wrong =
		  "F: line 2: the file has no \"subsystem\"; did you mean \"subsystems\"? It has: "
		  "hosts, ports, subsystems\n"
		  "F: line 4: a subsystem has no \"Quux\". It has: nqn, allowed_hosts, attr, "
		  "namespaces, passthru\n"
		  "F: line 5: a subsystem: \"attr\" has no \"seriel\"; did you mean \"serial\"? It "
		  "has: allow_any_host, serial, model, cntlid_min, cntlid_max, qid_max, version, "
		  "firmware, ieee_oui, vendor_id, subsys_vendor_id, pi_enable\n"
		  "F: line 6: a subsystem: \"attr\" is there twice" },
	{ "numbers",
	  SUBSYSTEM(
		  "\"attr\":{\"allow_any_host\":2,\n\"cntlid_min\":\"-1\",\n\"cntlid_max\":65520,\n"
		  "\"qid_max\":1.5,\n\"serial\":\"123456789012345678901\"}"),
	  .wrong =
		  "F: line 1: a subsystem: \"attr\": \"allow_any_host\" is 2; it must be a whole "
		  "number from 0 to 1\n"
		  "F: line 2: a subsystem: \"attr\": \"cntlid_min\" is \"-1\" (a string); it must "
		  "be a whole number from 1 to 65519\n"
		  "F: line 3: a subsystem: \"attr\": \"cntlid_max\" is 65520; it must be a whole "
		  "number from 1 to 65519\n"
		  "F: line 4: a subsystem: \"attr\": \"qid_max\" is 1.5; it must be a whole number "
		  "from 1 to 1024\n"
		  "F: line 5: a subsystem: \"attr\": \"serial\" is \"123456789012345678901\" (a "
		  "string); it must be a string of at most 20 bytes" },
	{ "attr",
	  SUBSYSTEM("\"attr\":{\"cntlid_min\":2,\"cntlid_max\":1,\n\"serial\":\"\\u00e4\",\n"
		    "\"model\":\"\\u0001\",\n\"pi_enable\":\"1\"},\n\"passthru\":{\"enable\":1}"),
	  .wrong = "F: line 1: attr.cntlid_min is above attr.cntlid_max\n"
		   "F: line 2: attr.serial may have printable ASCII characters only\n"
		   "F: line 3: attr.model may have printable ASCII characters only\n"
		   "F: line 4: a subsystem: \"attr\": \"pi_enable\" is on, and weft has no "
		   "protection "
		   "information; switch it off, or remove it\n"
		   "F: line 5: a subsystem: \"passthru\": \"enable\" is on, and weft has no "
		   "controllers that are passed through; switch it off, or remove it" },
	{ "names",
	  "{\"subsystems\":[{\"nqn\":\"a\"},\n{\"nqn\":\"a\"},\n{\"attr\":{}},\n"
	  "{\"nqn\":\"a b\"},\n{\"nqn\":\"c\",\"allowed_hosts\":[\"me\"]}]}",
	  .wrong = "F: line 2: there is a subsystem a already\n"
		   "F: line 3: a subsystem has no \"nqn\"\n"
		   "F: line 4: \"a b\" is no name for a subsystem: an NQN begins with \"nqn.\"\n"
		   "F: line 5: \"me\" is no NQN of a host: an NQN begins with \"nqn.\"" },
	{ "namespaces",
	  NAMESPACES("{\"nsid\":1," DEVICE("/dev/a") "},\n{\"nsid\":1," DEVICE(
		  "/dev/b") "},\n"
			    "{\"nsid\":2," DEVICE("/dev//a") "},\n{\"nsid\":3," DEVICE(
				    "a") "},\n"
					 "{\"nsid\":4,\"enable\":1},\n{\"enable\":1},\n{\"nsid\":"
					 "1025},\n"
					 "{\"nsid\":5,\"resv_enable\":1,\"p2pmem\":\"0000:01:00."
					 "0\"},\n"
					 "{\"nsid\":6,\"enable\":1,\"device\":{\"path\":\"/dev/"
					 "c\",\n\"uuid\":\"12\",\n"
					 "\"nguid\":\"g\",\n\"eui64\":\"00\"}}"),
	  .wrong =
		  "F: line 3: there is a namespace 1 already, in line 2\n"
		  "F: line 4: /dev//a is a namespace already, in line 2; weft serves a device as "
		  "one only: link that subsystem to the port instead\n"
		  "F: line 5: namespace 3 has no device.path; it is that of a device or file, such "
		  "as /dev/nvme0n1\n"
		  "F: line 6: namespace 4 has no device.path; it is that of a device or file, such "
		  "as /dev/nvme0n1\n"
		  "F: line 7: a namespace has no \"nsid\"\n"
		  "F: line 8: a namespace: \"nsid\" is 1025; it must be a whole number from 1 to "
		  "1024\n"
		  "F: line 9: a namespace: \"resv_enable\" is on, and weft has no persistent "
		  "reservations so far; switch it off, or remove it\n"
		  "F: line 9: a namespace: \"p2pmem\" is on, and weft has no peer-to-peer memory; "
		  "switch it off, or remove it\n"
		  "F: line 11: device.uuid is \"12\"; it must have 32 hexadecimal digits\n"
		  "F: line 12: device.nguid is \"g\"; it must have 32 hexadecimal digits\n"
		  "F: line 13: device.eui64 is \"00\"; it must have 16 hexadecimal digits" },
	{ "hosts", "{\"hosts\":[{\"nqn\":\"h\",\"dhchap\":{\"key\":\"DHHC-1:00:x:\"}}]}",
	  .wrong = "F: line 1: a host: \"dhchap\": \"key\" is on, and weft has no in-band "
		   "authentication so far; switch it off, or remove it" },
	{ "addresses",
	  PORTS("{\"portid\":1},\n{\"portid\":2,\"addr\":{\"trtype\":\"loop\"}},\n"
		"{\"portid\":3,\"addr\":{\"trtype\":\"tcp\"}},\n"
		"{\"portid\":4,\"addr\":{\"trtype\":\"tcp\",\"traddr\":\"192.0.2.1\"}},\n"
		"{\"portid\":5,\"addr\":{\"trtype\":\"tcp\",\"traddr\":\"x\",\"trsvcid\":\"1\"}},\n"
		"{\"portid\":6,\"addr\":{\"trtype\":\"tcp\",\"traddr\":\"192.0.2.1\",\"trsvcid\":"
		"\"1\",\"adrfam\":\"ipv6\"}},\n"
		"{\"portid\":7,\"addr\":{\"trtype\":\"tcp\",\"traddr\":\"192.0.2.1\",\"trsvcid\":"
		"\"1\",\"adrfam\":\"ib\"}},\n"
		"{\"portid\":8," PORT_ADDR("192.0.2.1") "},\n{\"portid\":8," PORT_ADDR(
			"192.0.2.1") "},\n"
				     "{" PORT_ADDR("192.0.2.8") "},\n{\"portid\":65536," PORT_ADDR(
					     "192.0.2.9") "}"),
	  .wrong = "F: line 2: a port has no addr.trtype, such as tcp\n"
		   "F: line 3: this build has no loop transport; listen by TCP or RDMA, or remove "
		   "this\n"
		   "F: line 4: a port has no addr.traddr\n"
		   "F: line 5: a port has no addr.trsvcid\n"
		   "F: line 6: \"x\" is not a numeric IP address\n"
		   "F: line 7: 192.0.2.1 is no address of the family ipv6\n"
		   "F: line 8: the address family is \"ib\"; it may be ipv4 or ipv6\n"
		   "F: line 10: there is a port 8 already\n"
		   "F: line 10: there is a port of 192.0.2.1, trsvcid 4420 already\n"
		   "F: line 11: a port has no \"portid\"\n"
		   "F: line 12: a port: \"portid\" is 65536; it must be a whole number from 0 to "
		   "65535" },
	{ "security",
	  PORTS("{\"portid\":1,\"addr\":{\"trtype\":\"tcp\",\"traddr\":\"192.0.2.1\",\"trsvcid\":"
		"\"1\",\n\"treq\":\"required\",\n\"tsas\":\"tls1.3\"}}"),
	  .wrong = "F: line 3: addr.treq is \"required\"; it may be \"not specified\" or \"not "
		   "required\": weft has no secure channels so far\n"
		   "F: line 4: addr.tsas is \"tls1.3\", and weft has no secure channels so far; it "
		   "may be \"none\"" },
	{ "links",
	  "{\"subsystems\":[{\"nqn\":\"nvme-test-1\"}],\"ports\":[{\"portid\":1," PORT_ADDR(
		  "192.0.2.1") ",\"subsystems\":[\n\"nvme-test1\",\n\"nvme-test-1\",\n"
			       "\"nvme-test-1\"]}]}",
	  .wrong = "F: line 2: the port has a subsystem \"nvme-test1\", and the file has none of "
		   "that name; did you mean \"nvme-test-1\"?\n"
		   "F: line 4: the port has the subsystem nvme-test-1 already" },
	{ "ana-groups",
	  PORTS("{\"portid\":1," PORT_ADDR("192.0.2.1") ",\"ana_groups\":[{\"grpid\":1},\n"
							"{\"grpid\":1},\n{},\n{\"grpid\":129},\n"
							"{\"grpid\":2,\"ana\":{\"state\":"
							"\"change\"}}]}"),
	  .wrong = "F: line 3: ANA group 1 is in line 2 already\n"
		   "F: line 4: an ANA group has no \"grpid\"\n"
		   "F: line 5: an ANA group: \"grpid\" is 129; it must be a whole number from 1 to "
		   "128\n"
		   "F: line 6: the state of an ANA group is \"change\"; it may be optimized, "
		   "non-optimized or inaccessible" },
	{ "param",
	  PORTS("{\"portid\":1," PORT_ADDR("192.0.2.1") ",\"param\":{\"inline_data_size\":131073,\n"
							"\"max_queue_size\":1,\n\"pi_enable\":1}}"),
	  .wrong = "F: line 2: a port: \"param\": \"inline_data_size\" is 131073; it must be a "
		   "whole "
		   "number from 0 to 131072, or -1\n"
		   "F: line 3: a port: \"param\": \"max_queue_size\" is 1; it must be a whole "
		   "number "
		   "from 2 to 1024, or -1\n"
		   "F: line 4: a port: \"param\": \"pi_enable\" is on, and weft has no protection "
		   "information; switch it off, or remove it" },
	{ "referrals",
	  PORTS("{\"portid\":1," PORT_ADDR("192.0.2.1") ",\"referrals\":[\n{\"name\":\"a\"},\n"
							"{\"addr\":{\"trtype\":\"fc\"}},\n"
							"{\"addr\":{\"trtype\":\"tcp\"}}]}"),
	  .wrong = "F: line 3: addr.trtype of a referral must be tcp or rdma\n"
		   "F: line 4: addr.trtype of a referral must be tcp or rdma\n"
		   "F: line 5: a referral has no addr.traddr" },
	{ 0 },
};

int main(int argc, char *argv[])
{
	return forms_main(argc, argv, "nvmetcli", good, bad);
}
