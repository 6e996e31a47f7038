import { Host, Hosts } from "./hosts";

/** A whole group of three hosts whose daemons are the units', run by what stands for systemd. Destroy it. */
export async function groupOfUnits(): Promise<Hosts> {
  const hosts = new Hosts();
  hosts.all[0].write("bootstrap", "console\n");
  for (const host of hosts.all) host.useSystemctl();
  for (const host of hosts.all) await host.startUnit("node");
  for (const host of hosts.all) await host.startUnit("sentinel");
  await whole(hosts.all[1]);
  return hosts;
}

/** Waits for the gate of a host, with the patience it has. */
export async function whole(host: Host): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { status, stderr } = await host.run("gate");
    if (status === 0) return;
    if (tries === 6) throw new Error(stderr);
  }
}
