// two-machines: a host and a phone on a network of their own, made of two network namespaces and
// a cable. Neither can reach anything else; sockets in the file system reach both.

import { Program } from "./program";
import type { Scene } from "./scene";

export const HOST_ADDRESS = "10.77.0.1";
export const PHONE_ADDRESS = "10.77.0.2";

const SETUP = `
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip netns add phone
# An IPv6 address that comes up a second late is a change of network to Chromium.
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 || true
ip netns exec phone sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 || true
ip link set lo up
ip link add cable type veth peer name cable0 netns phone
ip address add ${HOST_ADDRESS}/24 dev cable
ip link set cable up
ip netns exec phone ip link set lo up
ip netns exec phone ip address add ${PHONE_ADDRESS}/24 dev cable0
ip netns exec phone ip link set cable0 up
echo plugged in
exec tail -f /dev/null
`;

export class TwoMachines {
  private constructor(private readonly enter: string[]) {}

  static async make(scene: Scene): Promise<TwoMachines> {
    const root = process.getuid?.() === 0;
    // Without root the namespaces come with a user namespace in which we are root.
    const unshare = root ? ["unshare", "--net", "--mount"] : ["unshare", "--user", "--map-root-user", "--net", "--mount"];
    const holder: Program = scene.start([...unshare, "sh", "-c", SETUP], { name: "two machines" });
    await holder.line(/^plugged in$/);
    const user = root ? [] : ["--user", "--preserve-credentials"];
    return new TwoMachines(["nsenter", "--target", `${holder.pid}`, "--net", "--mount", ...user]);
  }

  /** The words before a command that runs it on the host's machine. */
  get onHost(): string[] {
    return this.enter;
  }

  get onPhone(): string[] {
    return [...this.enter, "ip", "netns", "exec", "phone"];
  }
}
