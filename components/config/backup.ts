/** Who saves the group's data, when, and where it is kept besides. */
import { Fields, isMap } from "../directives/values";
import type { Checker } from "./checker";
import { usableKey } from "./privateKey";
import { show } from "./problem";
import { Backup, HostConfig, nodeHosts, TopologyConfig } from "./topology";

// What goes into the unit and into restic's environment; nothing that either would take for something else.
const directory = /^(?!\/(home|root|run|tmp|var\/tmp|dev|proc|sys)(\/|$))(\/[\w@+~-][\w.@+~-]*)+$/;
const sftp = /^sftp:([\w.-]+@[\w.-]+:\/|\/\/[\w.-]+@[\w.-]+:\d{1,5}\/\/)[\w.@+~/-]*[\w@+~-]$/;
const s3 = /^s3:(https?:\/\/)?[\w.-]+(:\d{1,5})?\/[\w.@+~/-]*[\w@+~-]$/;
const aws = /^AWS_[A-Z_]+$/;

/** isSecret: whether a key was set with --secret. */
export function readBackup(
  check: Checker,
  hosts: HostConfig[],
  helper: boolean,
  isSecret: (key: string) => boolean,
): { backup: TopologyConfig["backup"]; backupSecrets: Record<string, string> } {
  const value = check.wanted("backup");
  if (value === undefined) return { backup: undefined, backupSecrets: {} };
  const names = ["hosts", "onCalendar", "keep", "drill", "repository", "hostKey"];
  const fields = check.fields(value, "backup", names) ?? {};
  const known = nodeHosts(hosts).map(({ name }) => name);
  const saving = check.list(
    fields.hosts ?? [],
    "backup.hosts",
    [],
    /./,
    "a list of names of redis-cluster:hosts",
  );
  const strange = saving.filter((name) => !known.includes(name));
  if (known.length > 0 && (saving.length === 0 || strange.length > 0)) {
    check.problem(
      "backup.hosts",
      strange.length > 0 ? `has ${strange.join(", ")}` : "has no host",
      `at least one of ${known.join(", ")}; two, so that one of them is a replica after a failover`,
    );
  }
  const onCalendar = check.text(
    fields.onCalendar ?? "daily",
    "backup.onCalendar",
    /^[A-Za-z0-9*][A-Za-z0-9 *:,./~-]{0,99}$/,
    'when, as systemd.time(7) has it: "daily", "*-*-* 03:00:00"',
  );
  const keep = fields.keep ?? 7;
  if (typeof keep !== "number" || !Number.isInteger(keep) || keep < 1 || keep > 1000) {
    check.problem("backup.keep", show(keep), "how many backups each host keeps, from 1 to 1000");
  }
  const drill = fields.drill;
  const days = typeof drill === "number" && Number.isInteger(drill) ? drill : 0;
  if (drill !== undefined && (days < 1 || days > 1000)) {
    check.problem(
      "backup.drill",
      show(drill),
      "after how many days a backup is proven again, from 1 to 1000",
    );
  }
  return {
    backup: {
      ...{ hosts: saving, onCalendar, keep: Number(keep) },
      ...(days > 0 && { drill: days }),
      ...readPlace(check, fields, helper),
    },
    backupSecrets: fields.repository === undefined ? {} : readSecrets(check, fields, isSecret),
  };
}

/** The second place. */
function readPlace(
  check: Checker,
  fields: Fields,
  helper: boolean,
): Pick<Backup, "repository" | "hostKey"> {
  if (fields.repository === undefined) return {};
  const forms = [directory, sftp, s3].map(({ source }) => source).join("|");
  const repository = check.text(
    fields.repository,
    "backup.repository",
    new RegExp(forms),
    "a directory of a volume of its own (/mnt/backup; not below /home, /root, /run or /tmp), sftp:USER@HOST:/PATH, or s3:https://HOST/BUCKET",
  );
  if (helper && repository.startsWith("/") && !repository.startsWith("/mnt/")) {
    check.problem(
      "backup.repository",
      `is ${repository} while ssh.helper is true`,
      "a directory below /mnt, the only one that the administrator's unit may write to",
    );
  }
  const hostKey = repository.startsWith("sftp:")
    ? check.hostKey(fields.hostKey, "backup.hostKey")
    : undefined;
  return { repository, ...(hostKey && { hostKey }) };
}

/** What restic gets to know, by the names of its variables, and the key of SFTP. */
function readSecrets(
  check: Checker,
  { repository }: Fields,
  isSecret: (key: string) => boolean,
): Record<string, string> {
  const set = (name: string) => `pulumi config set --secret --path backupSecrets.${name}`;
  if (check.raw.backupSecrets !== undefined && !isSecret("backupSecrets")) {
    check.problem("backupSecrets", "are in plain text", "secrets; make new ones, set --secret");
    return {};
  }
  const given = check.optional("backupSecrets");
  const secrets: Record<string, string> = {};
  for (const [name, value] of Object.entries(isMap(given) ? given : {})) {
    if (typeof value === "string") secrets[name] = value;
    const fits = name === "sshPrivateKey" || /^[!-~]{1,512}$/.test(secrets[name] ?? "");
    if (!fits || !(name === "RESTIC_PASSWORD" || name === "sshPrivateKey" || aws.test(name))) {
      check.problem(
        `backupSecrets.${name}`,
        fits ? "is unknown" : "is unfit",
        "RESTIC_PASSWORD, sshPrivateKey or AWS_..., of 1 to 512 visible ASCII characters",
      );
    }
  }
  if (!secrets.RESTIC_PASSWORD) {
    check.problem(
      "backupSecrets.RESTIC_PASSWORD",
      "is missing",
      `what encrypts the repository; keep it elsewhere too, nobody reads the backups without it: openssl rand -hex 32 | ${set("RESTIC_PASSWORD")}`,
    );
  }
  if (!String(repository).startsWith("sftp:")) return secrets;
  const usable = usableKey(secrets.sshPrivateKey ?? "");
  if (!("key" in usable)) {
    check.problem(
      "backupSecrets.sshPrivateKey",
      secrets.sshPrivateKey ? `is no usable key (${usable.reason})` : "is missing",
      `${usable.expected}, of its own; set it: ${set("sshPrivateKey")} < KEY`,
    );
    return secrets;
  }
  return { ...secrets, sshPrivateKey: usable.key };
}
