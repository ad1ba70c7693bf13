# SPDX-License-Identifier: BSD-3-Clause
"""Trees of files as the kernels of machines with RNICs show them below /sys, /proc and /dev."""
import os
import pathlib
import tempfile

UID = 12345  # nobody's who runs the tests: what is not for all is not for it


def v4(address):
    """An IPv4 address as a GID."""
    a = [int(n) for n in address.split(".")]
    return "0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x" % tuple(a)


LINK_LOCAL = "fe80:0000:0000:0000:0e42:a1ff:fe00:0001"


class Machine:
    """One with Linux and rdma-core, weftd's user, and no RNIC."""

    def __init__(self, memlock="unlimited", nodes=2):
        self.tmp = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.tmp.name)
        self.irqs = []
        self.file("proc/self/status", f"Name:\tweft-setup\nUid:\t{UID}\t{UID}\t{UID}\t{UID}\n"
                  f"Gid:\t{UID}\t{UID}\t{UID}\t{UID}\nGroups:\t{UID} \nCapEff:\t0000000000000000")
        self.memlock(memlock)
        for n in range(nodes):
            self.file(f"sys/devices/system/node/node{n}/cpulist", f"{4 * n}-{4 * n + 3}")
        self.file("sys/devices/system/node/possible", f"0-{nodes - 1}")
        for name in ("libibverbs.so.1", "librdmacm.so.1"):
            self.file(f"usr/lib/x86_64-linux-gnu/{name}", "")
        for name in ("mlx5", "qedr", "rxe", "siw"):
            self.file(f"usr/lib/x86_64-linux-gnu/libibverbs/lib{name}-rdmav34.so", "")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tmp.cleanup()

    def path(self, path):
        return self.root / path

    def file(self, path, text, mode=None):
        p = self.path(path)
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(text + "\n")
        if mode is not None:
            p.chmod(mode)

    def link(self, path, to):
        """As the kernel makes them: the name of what it leads to is always its last part."""
        p, to = self.path(path), self.path(to)
        p.parent.mkdir(parents=True, exist_ok=True)
        p.symlink_to(os.path.join(os.path.relpath(to.parent, p.parent), to.name))

    def memlock(self, limit, pid="self"):
        self.file(f"proc/{pid}/limits",
                  "Limit                     Soft Limit           Hard Limit           Units     \n"
                  "Max open files            1024                 1048576              files     \n"
                  f"Max locked memory         {limit:<20} {limit:<20} bytes     ")

    def pci(self, slot, driver, vendor, numa=None):
        """A network card, of whose driver the part for Ethernet is there."""
        base = f"sys/devices/pci0000:00/{slot}"
        self.file(f"{base}/class", "0x020000")
        self.file(f"{base}/vendor", vendor)
        self.file(f"{base}/current_link_speed", "16.0 GT/s PCIe")
        self.file(f"{base}/max_link_speed", "16.0 GT/s PCIe")
        self.file(f"{base}/current_link_width", "16")
        self.file(f"{base}/max_link_width", "16")
        self.file(f"{base}/numa_node", "-1" if numa is None else str(numa))
        self.path(f"sys/bus/pci/drivers/{driver}").mkdir(parents=True, exist_ok=True)
        self.link(f"{base}/driver", f"sys/bus/pci/drivers/{driver}")
        self.link(f"sys/bus/pci/devices/{slot}", base)
        return base

    def interface(self, name, mtu, pci=None):
        self.file(f"sys/class/net/{name}/mtu", str(mtu))
        if pci:
            self.file(f"{pci}/net/{name}/mtu", str(mtu))

    def device(self, name, base, uverbs, kind="1: CA", fw="22.35.1012", mode=0o666):
        """An RDMA device; base: the files of its card, or None."""
        dev = f"{base or 'sys/devices/virtual'}/infiniband/{name}"
        self.file(f"{dev}/node_type", kind)
        self.file(f"{dev}/fw_ver", fw)
        if base:
            self.link(f"{dev}/device", base)
        self.link(f"sys/class/infiniband/{name}", dev)
        self.file(f"sys/class/infiniband_verbs/{uverbs}/ibdev", name)
        self.file(f"dev/infiniband/{uverbs}", "", mode)
        if not self.path("dev/infiniband/rdma_cm").exists():
            self.file("dev/infiniband/rdma_cm", "", mode)
        return dev

    def port(self, dev, netdev, gids, number=1, state="4: ACTIVE", phys="5: LinkUp",
             layer="Ethernet", rate="100 Gb/sec (4X EDR)"):
        """gids: (address, type) each; those after them are empty, as the kernel shows them."""
        port = f"{dev}/ports/{number}"
        for name, text in (("state", state), ("phys_state", phys), ("link_layer", layer),
                           ("rate", rate)):
            self.file(f"{port}/{name}", text)
        for i, (gid, kind) in enumerate(gids):
            self.file(f"{port}/gids/{i}", gid)
            self.file(f"{port}/gid_attrs/types/{i}", kind)
            if netdev:
                self.file(f"{port}/gid_attrs/ndevs/{i}", netdev)
        self.file(f"{port}/gids/{len(gids)}", ":".join(["0000"] * 8))

    def interrupts(self, base, first, cpus):
        """One for each of cpus, a list of where it may come."""
        for i, where in enumerate(cpus):
            n = first + i
            self.file(f"{base}/msi_irqs/{n}", "msix")
            self.file(f"proc/irq/{n}/smp_affinity_list", "0-7")
            self.file(f"proc/irq/{n}/effective_affinity_list", where)
            self.irqs.append(f"{n:4}: {'10':>10} {'5':>10}  IR-PCI-MSIX-0000:3b:00.0 {i}-edge "
                             f"     mlx5_comp{i}@pci:0000:3b:00.0")
        self.file("proc/interrupts", "           CPU0       CPU1\n  0:          7          0  "
                  "IO-APIC    2-edge      timer\n" + "\n".join(self.irqs)
                  + "\nNMI:          3          1   Non-maskable interrupts")


def roce(address):
    return [(LINK_LOCAL, "IB/RoCE v1"), (LINK_LOCAL, "RoCE v2"), (v4(address), "IB/RoCE v1"),
            (v4(address), "RoCE v2")]


def mlx5(**kw):
    """A card of two ports, which are two devices."""
    m = Machine(**kw)
    for i in range(2):
        slot, name = f"0000:3b:00.{i}", f"ens1f{i}np{i}"
        base = m.pci(slot, "mlx5_core", "0x15b3", numa=1)
        m.interface(name, 9000, base)
        dev = m.device(f"mlx5_{i}", base, f"uverbs{i}")
        m.port(dev, name, roce(f"192.0.2.{i + 1}"))
        m.interrupts(base, 60 + 10 * i, ["4", "5", "6", "7"])
        for side in ("np", "rp"):
            for n in range(8):
                m.file(f"sys/class/net/{name}/ecn/roce_{side}/enable/{n}", "1")
    return m


def qedr(iwarp=False, **kw):
    m = Machine(**kw)
    base = m.pci("0000:af:00.0", "qede", "0x1077", numa=0)
    m.interface("ens2f0", 9000, base)
    dev = m.device("qedr0", base, "uverbs0", kind="4: RNIC" if iwarp else "1: CA", fw="8.42.2.0")
    gids = [("020e:1e00:0001:0000:0000:0000:0000:0000", "IB/RoCE v1")] if iwarp else \
        roce("198.51.100.1")
    m.port(dev, None if iwarp else "ens2f0", gids, rate="25 Gb/sec (1X EDR)")
    m.interrupts(base, 90, ["0", "1"])
    return m


def rxe(**kw):
    m = Machine(nodes=1, **kw)
    m.interface("eth0", 4200)
    dev = m.device("rxe0", None, "uverbs0", fw="")
    m.file(f"{dev}/parent", "eth0")
    m.port(dev, "eth0", [(LINK_LOCAL, "RoCE v2"), (v4("203.0.113.5"), "RoCE v2")],
           rate="2.5 Gb/sec (1X SDR)")
    return m
