import { ChildProcess, execFileSync, spawn } from "child_process";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";

/**
 * Every execve on this machine, and so on all of the lab's hosts, by the kernel's audit: not samples. Starts
 * at once; `stop` gives the arguments of each, and throws when the kernel lost a record.
 */
export interface ExecRecord {
  stop(): Promise<string[][]>;
}

const rule = ["always,exit", "-F", "arch=b64", "-S", "execve,execveat", "-F", "key=redis-cluster"];

/** The kernel speaks of its audit in the first network namespace; `lab exec`, an ancestor, is still there. */
function outside(): string[] {
  const network = (pid: string) => readlinkSync(`/proc/${pid}/ns/net`);
  let pid = "self";
  while (network(pid) === network("self")) {
    pid = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "1";
    if (pid === "1" || pid === "0") throw new Error("run this test by lab/lab exec");
  }
  return ["--target", pid, "--net", "--"];
}

const auditctl = (...args: string[]) =>
  execFileSync("nsenter", [...outside(), "auditctl", ...args], { encoding: "utf8" });
const status = (field: string) =>
  Number(new RegExp(`^${field} (\\d+)$`, "m").exec(auditctl("-s"))?.[1]);

export async function recordExecs(): Promise<ExecRecord> {
  if (status("pid") !== 0) throw new Error("auditd runs on this machine; stop it for this test");
  const directory = mkdtempSync(join(tmpdir(), "execs-"));
  const log = join(directory, "audit.log");
  mkdirSync(join(directory, "conf"), { mode: 0o700 });
  writeFileSync(
    join(directory, "conf", "auditd.conf"),
    [
      `log_file = ${log}`,
      "log_format = RAW",
      "flush = NONE",
      "max_log_file_action = IGNORE",
      "space_left = 2",
      "admin_space_left = 1",
      "",
    ].join("\n"),
    { mode: 0o600 },
  );
  // It ends with this process, whatever becomes of that.
  const auditd = ["auditd", "-n", "-c", join(directory, "conf")];
  const daemon = spawn("setpriv", ["--pdeathsig", "TERM", "nsenter", ...outside(), ...auditd], {
    stdio: "ignore",
  });
  await until("auditd is up", () => status("pid") !== 0);
  auditctl("-b", "65536", "--reset-lost");
  // What a killed run has left.
  if (auditctl("-l").includes("key=redis-cluster")) auditctl("-d", ...rule);
  auditctl("-a", ...rule);
  auditctl("-e", "1");
  return {
    stop: async () => {
      const mark = `recorded-until-${process.pid}`;
      execFileSync("true", [mark]);
      try {
        await until("the last record is written", () => readFileSync(log, "latin1").includes(mark));
        if (status("lost") > 0) throw new Error(`the kernel lost ${status("lost")} audit records`);
        return argumentsIn(readFileSync(log, "latin1"));
      } finally {
        auditctl("-d", ...rule);
        auditctl("-e", "0");
        await ended(daemon);
        rmSync(directory, { recursive: true });
      }
    },
  };
}

/** Of each EXECVE record its arguments: a plain one in quotes, any other in hex, a long one in parts. */
function argumentsIn(log: string): string[][] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("type=EXECVE "))
    .map((line) =>
      [...line.matchAll(/ a\d+(?:\[\d+\])?=(?:"([^"]*)"|([0-9A-F]+))/g)].map(([, plain, hex]) =>
        hex ? Buffer.from(hex, "hex").toString("utf8") : plain,
      ),
    );
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function ended(daemon: ChildProcess): Promise<unknown> {
  if (daemon.exitCode !== null) return Promise.resolve();
  const exit = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  return exit;
}
