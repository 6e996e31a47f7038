import { createHash } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { Host, passwords } from "./hosts";

const units = {
  "redis-cluster.service": "[Service]\nTimeoutStopSec=120\n",
  "redis-sentinel.service": "[Service]\nTimeoutStopSec=60\n",
};

/** Stages what a host of the group gets, and makes it the current release, as a rollout does. */
export async function deploy(host: Host): Promise<void> {
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
  await host.shell(
    `release=$(release_hash "$staged")
     cp -rT "$staged" "$releases/$release"; chmod -R a+rX "$etc"; rm -rf "$releases/one" "$current"; ln -s "releases/$release" "$current"
     mkdir -p "$programs"; cd "$programs"; echo program >redis-cluster; sha256sum redis-cluster >sums; chmod a+r redis-cluster sums`,
  );
}

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
    '#!/bin/bash\ncase $1 in is-active) echo active ;; show) echo "$PPID" ;; esac\n',
  );
  chmodSync(host.path("/usr/bin/systemctl"), 0o755);
}
