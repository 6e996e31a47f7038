/** Passwords and the private key of SSH. */
import type { Checker } from "./checker";
import { usableKey } from "./privateKey";
import { ownUsers, Topology } from "./topology";

/** The key of a user's password: `applicationPassword`. */
export const passwordKey = (user: string): string => `${user}Password`;

/** The key of the password before it: `applicationPreviousPassword`. */
export const previousKey = (user: string): string => `${user}PreviousPassword`;

export function readSecrets(
  check: Checker,
  stack: string,
  names: string[],
  agent: boolean,
  isSecret: (key: string) => boolean,
): Omit<Topology<string>["secrets"], "tlsKeys" | "backupSecrets"> {
  const command = (key: string) => `pulumi config set --stack ${stack} --secret ${key}`;
  const sshPrivateKey = agent
    ? undefined
    : readSshPrivateKey(check, command("sshPrivateKey"), isSecret);
  if (agent && check.raw.sshPrivateKey) {
    check.problem("sshPrivateKey", "is set", "none where ssh.agent is true");
  }
  const password = (name: string, key: string): string => {
    const set = `openssl rand -hex 32 | ${command(key)}`;
    const value = readSecret(check, key, set, isSecret);
    if (!value) {
      return "";
    }
    if (ownUsers.includes(name)) {
      // Redis writes these into files of its own, partly without quotes.
      if (!/^[A-Za-z0-9_-]{32,512}$/.test(value)) {
        check.problem(key, "is unfit", `32 to 512 of A-Z a-z 0-9 _ -; set it: ${set}`);
      }
    } else if (!/^\P{Cc}{1,512}$/u.test(value)) {
      // Old applications keep the password they have.
      check.problem(
        key,
        "is unfit",
        `1 to 512 characters and no control character; set it: ${set}`,
      );
    }
    return value;
  };
  const passwords = names.map((name) => [name, password(name, passwordKey(name))]);
  const previousPasswords = names
    .filter((name) => check.raw[previousKey(name)])
    .map((name) => [name, password(name, previousKey(name))]);
  for (const [name, value] of previousPasswords) {
    if (value !== "" && value === check.raw[passwordKey(name)]) {
      check.problem(
        previousKey(name),
        `is what ${passwordKey(name)} is`,
        "the password before it, or none",
      );
    }
  }
  const adoptPassword = check.raw.adoptPassword
    ? readSecret(check, "adoptPassword", command("adoptPassword"), isSecret)
    : undefined;
  if (adoptPassword && !/^[!-~]{1,512}$/.test(adoptPassword)) {
    check.problem(
      "adoptPassword",
      "is unfit",
      `1 to 512 visible ASCII characters, the password of the old group's clients; set it: ${command("adoptPassword")}`,
    );
  }
  const migratePassword = check.raw.migratePassword
    ? readSecret(check, "migratePassword", command("migratePassword"), isSecret)
    : undefined;
  if (migratePassword && !/^\P{Cc}{1,512}$/u.test(migratePassword)) {
    check.problem(
      "migratePassword",
      "is unfit",
      `1 to 512 characters and no control character, the password of migrateFrom; set it: ${command("migratePassword")}`,
    );
  }
  return {
    sshPrivateKey,
    adoptPassword,
    migratePassword,
    passwords: Object.fromEntries(passwords) as Record<string, string>,
    previousPasswords: Object.fromEntries(previousPasswords) as Record<string, string>,
  };
}

function readSshPrivateKey(
  check: Checker,
  command: string,
  isSecret: (key: string) => boolean,
): string {
  const set = `${command} < ~/.ssh/id_ed25519`;
  const value = readSecret(check, "sshPrivateKey", `${set}, or set ssh.agent: true`, isSecret);
  const usable = value ? usableKey(value) : { key: "" };
  if ("key" in usable) return usable.key;
  const { reason, expected } = usable;
  check.problem("sshPrivateKey", `is no usable key (${reason})`, `${expected}; set it: ${set}`);
  return "";
}

function readSecret(
  check: Checker,
  key: string,
  set: string,
  isSecret: (key: string) => boolean,
): string {
  const value = check.raw[key] ?? "";
  if (!value) {
    check.problem(key, "is missing", `a secret; set it: ${set}`);
  } else if (!isSecret(key)) {
    check.problem(key, "is in plain text", `a secret; make a new one and set it: ${set}`);
    return "";
  }
  return value;
}
