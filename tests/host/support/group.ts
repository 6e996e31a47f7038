import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startWriter, Writer, WriterOptions } from "../../writer";
import { askByTls } from "./tls";
import { eventually, Host, Hosts, masterName, Outcome, passwords, pause } from "./hosts";

/** A line of INFO, or a field of a sentinel's answer. */
export const field = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}[:\n](.*?)\r?$`, "m").exec(text)?.[1];

export const replication = (host: Host): string => host.ask("node", "INFO", "replication");
export const says = (host: Host, ...words: string[]): string =>
  host.ask("sentinel", "SENTINEL", ...words);
export const named = (host: Host): string | undefined =>
  field(says(host, "MASTER", masterName), "ip");

/** What ExecStop does before the stop. */
export const leave = (host: Host): Promise<Outcome> => host.run("leave");

/** A handover as the step of a rollout does it, after some code, and before some. */
export const handOver = (host: Host, before = "", after = ""): Promise<Outcome> =>
  host.python(`${before}
from redis_cluster.handover import handover
print(handover("${host.path("current/members")}", "${host.path("current/secrets")}", "${host.path(".")}").pair)
${after}`);

/** How a handover ends that went well. */
export const handedOver = (from: Host): Partial<Outcome> => ({
  status: 0,
  stderr: expect.stringMatching(
    new RegExp(`^redis-cluster\\[${from.name}\\]: handed over to [\\d.]+:\\d+\\n$`),
  ) as string,
});

/** A whole group with the settings that bound a failover by default, and whose handovers may be stopped at a stage. */
export class Group extends Hosts {
  private readonly writers: Writer[] = [];

  /**
   * @param files of a host's release, in the place of what it has else
   * @param tls whether the daemons are asked by TLS
   */
  async begin(
    files: (host: Host) => Record<string, string> = (host) => host.releaseFiles(),
    tls = false,
  ): Promise<void> {
    const path = (file: string) => join(this.directory, "redis_cluster", file);
    copyFileSync(join(__dirname, "stages.py"), path("stages.py"));
    appendFileSync(path("handover.py"), "\nfrom . import stages\n");
    // The user redis says there what it has reached.
    chmodSync(this.directory, 0o777);
    const [first] = this.all;
    for (const host of this.all) {
      const release = files(host);
      const sentinel = release["sentinel.conf"].replace(" 30000", " 6001");
      const node = `${release["redis.conf"]}min-replicas-to-write 1\nmin-replicas-max-lag 5\n`;
      host.release("one", "current", {
        ...release,
        "redis.conf": node,
        "sentinel.conf": sentinel,
      });
      if (tls) askByTls(host, "current");
    }
    first.write("bootstrap", `${first.name}\n`);
    for (const host of this.all) await host.composeAndStart("node");
    await eventually(20, () => this.linked(first));
    for (const host of this.all) await host.composeAndStart("sentinel");
    await this.whole();
  }

  masters(): Host[] {
    return this.all.filter((host) => field(replication(host), "role") === "master");
  }

  private linked(master: Host): boolean {
    const others = this.all.filter((host) => host !== master);
    const count = Number(field(replication(master), "connected_slaves"));
    return (
      count === others.length &&
      others.every((host) => field(replication(host), "master_link_status") === "up")
    );
  }

  /** Whether all say the same of each other, and the one master has all others linked. */
  private isWhole(): boolean {
    const [master, ...more] = this.masters();
    if (!master || more.length > 0 || !this.linked(master)) return false;
    const told = this.all.map((host) => says(host, "MASTER", masterName));
    const others = String(told.length - 1);
    return (
      told.every(
        (text) =>
          field(text, "ip") === master.address &&
          field(text, "flags") === "master" &&
          field(text, "config-epoch") === field(told[0], "config-epoch") &&
          field(text, "num-slaves") === others &&
          field(text, "num-other-sentinels") === others,
      ) && new Set(this.all.map((host) => says(host, "MYID"))).size === told.length
    );
  }

  whole(seconds = 30): Promise<void> {
    return eventually(seconds, () => this.isWhole());
  }

  /** Who is the master after a handover; nobody is asked, which would hold up the writer of this process. */
  successor({ stderr }: Outcome): Host {
    const host = this.all.find(({ address }) => stderr.includes(`handed over to ${address}:`));
    if (!host) throw new Error(`no handover: ${stderr}`);
    return host;
  }

  async application(options: Partial<WriterOptions> = {}): Promise<Writer> {
    const writer = await startWriter({
      sentinels: this.all.map(({ address }) => ({ host: address, port: 26389 })),
      masterName,
      username: "operator",
      password: passwords.operator,
      ...options,
    });
    this.writers.push(writer);
    await pause(500);
    return writer;
  }

  /** The next handover's fate, "kill STAGE", "wait STAGE" or nothing; see stages.py. */
  stage(text: string): void {
    for (const file of ["stage", "reached", "go"])
      rmSync(join(this.directory, file), { force: true });
    if (text) writeFileSync(join(this.directory, "stage"), text);
  }

  /** Waits until it is there; its process. */
  async reached(): Promise<number> {
    const file = join(this.directory, "reached");
    await eventually(30, () => existsSync(file) && readFileSync(file, "utf8") !== "");
    return Number(readFileSync(file, "utf8"));
  }

  go(): void {
    writeFileSync(join(this.directory, "go"), "");
  }

  override async destroy(): Promise<void> {
    for (const writer of this.writers) await writer.stop().catch(() => null);
    await super.destroy();
  }
}
