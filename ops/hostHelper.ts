/**
 * npm run host-helper -- DIRECTORY [INSTANCE]: writes what an administrator installs on each host of a stack with
 * `ssh.helper: true`: the host's programs, the units that root may start by them, and the script that installs
 * both, with one line for sudo.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "fs";
import { dirname, join } from "path";
import { instanceForm, namesOf } from "../components/names";
import { hostPrograms } from "../components/remote/hostProgram";
import {
  renderFirewallUnit,
  renderHelperBackupUnits,
  renderKernelUnit,
  renderNodeUnit,
  renderSentinelUnit,
} from "../components/release/render";

const [directory, instance] = process.argv.slice(2);
// The description alone tells the group, and is not compared.
const any = { masterName: "this host", instance };
const { cluster, sentinel } = namesOf(instance);
const backup = renderHelperBackupUnits(any);

const files = {
  install: readFileSync(join(__dirname, "../templates/install-helper.sh"), "utf8"),
  ...hostPrograms(),
  ...(instance !== undefined && { instance: `${instance}\n` }),
  [`units/${cluster}.service`]: renderNodeUnit(any),
  [`units/${sentinel}.service`]: renderSentinelUnit(any),
  [`units/${cluster}-firewall.service`]: renderFirewallUnit(any),
  // Started only where the stack has kernelSettings.
  [`units/${cluster}-kernel.service`]: renderKernelUnit({ ...any, kernelSettings: true }),
  // Installed only where the stack has a backup.
  [`units/${cluster}-backup.service`]: backup.service,
  [`units/${cluster}-backup.timer`]: backup.timer,
};

if (!directory || (instance !== undefined && !instanceForm.test(instance))) {
  console.error(
    "no directory is given, or what is no instance; expected: npm run host-helper -- DIRECTORY [INSTANCE]",
  );
  process.exit(1);
}
// What an earlier run has left there of another group would be installed with it.
for (const name of ["instance", "units"])
  rmSync(join(directory, name), { recursive: true, force: true });
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), text);
  chmodSync(join(directory, name), name.includes("/") ? 0o644 : 0o755);
}
console.log(
  `Read ${directory}, copy it to each host, and there, as root: ${directory}/install USER`,
);
