import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { Host, Outcome, passwords, releaseHash } from "./hosts";

const units = {
  "redis-cluster.service": "[Service]\nTimeoutStopSec=120\n",
  "redis-sentinel.service": "[Service]\nTimeoutStopSec=60\n",
};

/** Stages what a host of the group gets, and makes it the current release, as a rollout does. */
export function deploy(host: Host): void {
  const files: Record<string, string> = { ...host.releaseFiles(), ...units };
  files["redis.conf"] += "save 3600 1 300 100 60 10000\n";
  for (const [name, password] of Object.entries(passwords)) {
    const hash = createHash("sha256").update(password).digest("hex");
    files.secrets += `hash ${name} ${hash}\n`;
    for (const users of ["users.acl", "sentinel-users.acl"]) {
      files[users] = files[users].replace(`>${password}`, `#${name}`);
    }
  }
  for (const [file, text] of Object.entries(files)) host.write(`staged/${file}`, text);
  for (const [unit, text] of Object.entries(units)) host.write(`/etc/systemd/system/${unit}`, text);
  const release = releaseOfStaged(host);
  for (const path of ["releases/one", "current"])
    rmSync(host.path(path), { recursive: true, force: true });
  symlinkSync(`releases/${release}`, host.path("current"));
  const programs = "/usr/local/lib/redis-cluster";
  host.write(`${programs}/redis-cluster`, "program\n");
  const sum = createHash("sha256").update("program\n").digest("hex");
  host.write(`${programs}/sums`, `${sum}  redis-cluster\n`);
}

/** Makes a release of what is staged, which is not the current one yet; its name. */
export function releaseOfStaged(host: Host): string {
  const release = releaseHash(host.path("staged"));
  cpSync(host.path("staged"), host.path(`releases/${release}`), { recursive: true });
  execFileSync("chmod", ["-R", "a+rX", host.path(".")]);
  return release;
}

/** Has the binaries read what is staged. */
export const validated = (host: Host): Promise<Outcome> =>
  host.python(`from redis_cluster.validate import validate\nvalidate("${host.path("staged")}")`);

/** A Debian that has all packages, on which nothing runs. */
export function pretendDebian(host: Host): void {
  host.write("/etc/os-release", 'ID=debian\nVERSION_ID="12"\n');
  host.program("dpkg-query", "printf installed");
  for (const program of ["systemctl", "ss", "nft"]) host.program(program);
  mkdirSync(host.path("/var/log"), { recursive: true });
}

/** A systemd that says all units run and are enabled, and does nothing. */
export function pretendSystemd(host: Host): void {
  host.write(
    "/usr/bin/systemctl",
    '#!/bin/bash\ncase $1 in is-active) echo active ;; show) echo "$PPID" "$PPID" ;; esac\n',
  );
  chmodSync(host.path("/usr/bin/systemctl"), 0o755);
}
