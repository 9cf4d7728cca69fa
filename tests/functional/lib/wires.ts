// wires: three machines (host, relay, phone) in network namespaces, and the wires between them in
// our hands: cut, silent in both directions or in one, two seconds late. Nobody is told by a
// socket: what is lost is lost as on a bad network.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Program } from "./program";
import type { Scene } from "./scene";

export const RELAY_ADDRESS = "10.78.9.9"; // reached over hr and pr
export const DOOR_ADDRESS = "10.78.3.2"; // the host's, over ph

/** hr: host and relay; pr: phone and relay; ph: phone and host. */
export type WireName = "hr" | "pr" | "ph";
/** up: from the second end's machine is lost; down: from the first's. */
export type WireMode = "pass" | "drop" | "up" | "down" | `delay ${number}`;

const HERE = dirname(fileURLToPath(import.meta.url));
const WIRE = join(HERE, "wire.py");

const SETUP = `
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 || true
for machine in host relay phone; do
    ip netns add $machine
    ip netns exec $machine sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 || true
    ip netns exec $machine ip link set lo up
done
end() { # NAME MACHINE ADDRESS: one end of a wire in a machine, the other here
    ip link add "$1" type veth peer name "$1-m"
    python3 '${WIRE}' plain "$1"
    ip link set "$1" netns "$2"
    ip netns exec "$2" ip address add "$3/24" dev "$1"
    ip netns exec "$2" ip link set "$1" up
    ip link set "$1-m" up
}
end hr1 host 10.78.1.1
end hr2 relay 10.78.1.2
end pr1 phone 10.78.2.1
end pr2 relay 10.78.2.2
end ph1 phone 10.78.3.1
end ph2 host 10.78.3.2
ip netns exec relay ip address add ${RELAY_ADDRESS}/32 dev lo
ip netns exec host ip route add ${RELAY_ADDRESS} via 10.78.1.2
ip netns exec phone ip route add ${RELAY_ADDRESS} via 10.78.2.2
echo plugged in
exec python3 '${WIRE}' hr=hr1-m:hr2-m pr=pr1-m:pr2-m ph=ph1-m:ph2-m
`;

export class Wires {
  private constructor(private readonly holder: Program) {}

  static async make(scene: Scene): Promise<Wires> {
    const root = process.getuid?.() === 0;
    const unshare = root ? ["unshare", "--net", "--mount"] : ["unshare", "--user", "--map-root-user", "--net", "--mount"];
    const holder: Program = scene.start([...unshare, "sh", "-c", SETUP], { name: "the wires" });
    try {
      await holder.line(/^plugged in$/);
    } catch (error) {
      throw new Error(`this machine cannot make network namespaces (ip netns, veth, python3): nothing was tested. ${(error as Error).message}`);
    }
    return new Wires(holder);
  }

  on(machine: "host" | "relay" | "phone"): string[] {
    const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
    return ["nsenter", "--target", `${this.holder.pid}`, "--net", "--mount", ...user, "ip", "netns", "exec", machine];
  }

  async set(wire: WireName, mode: WireMode): Promise<void> {
    const from = this.holder.lines.items.length;
    this.holder.type(`${wire} ${mode}\n`);
    await this.holder.lines.next(`${wire} ${mode}`, (line) => line === `${wire} ${mode}`, { from });
  }
}
