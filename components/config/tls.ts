/** TLS, and certificates of the stack's own. */
import {
  certificatesPem,
  keyPem,
  readCertificates,
  readKey,
  unusableCertificate,
} from "../certificates";
import { Fields, isMap } from "../directives/values";
import { quote } from "../remote/shell";
import type { Checker } from "./checker";
import { under } from "./path";
import { show } from "./problem";
import type { HostConfig, Tls } from "./topology";

/**
 * hosts: those that need a certificate where the stack brings its own.
 * taken: ports that are not free for TLS.
 */
export function readTls(
  check: Checker,
  hosts: HostConfig[],
  taken: (number | undefined)[],
  isSecret: (key: string) => boolean,
): { tls?: Tls; keys: Record<string, string> } {
  const none = { keys: {} };
  const names = [
    ...["mode", "nodePort", "sentinelPort", "clientCertificates"],
    ...["renew", "authority", "certificates"],
  ];
  const fields = check.fields(check.optional("tls"), "tls", names);
  const { mode = "off", clientCertificates = "required" } = fields ?? {};
  if (!fields || mode === "off") {
    return none;
  }
  if (mode !== "both" && mode !== "required") {
    check.problem("tls.mode", show(mode), "one of off, both, required");
    return none;
  }
  if (clientCertificates !== "required" && clientCertificates !== "optional") {
    check.problem("tls.clientCertificates", show(clientCertificates), "required or optional");
    return none;
  }
  const number = (name: string, preset: number): number | undefined => {
    const value = fields[name] ?? preset;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
    check.problem(`tls.${name}`, show(value), "an integer");
    return undefined;
  };
  const ports = (["nodePort", "sentinelPort"] as const).map((name) => {
    const preset = name === "nodePort" ? 6390 : 26390;
    const port = check.freePort(`tls.${name}`, number(name, preset));
    if (port !== undefined && taken.includes(port)) {
      check.problem(`tls.${name}`, `is ${port}, which is another port's`, "a port of its own");
    }
    taken = [...taken, port];
    return port;
  });
  const [nodePort, sentinelPort, renew] = [...ports, number("renew", 0)];
  const own = readOwnCertificates(check, fields, hosts, isSecret);
  if (nodePort === undefined || sentinelPort === undefined || renew === undefined || !own) {
    return none;
  }
  return {
    tls: { mode, nodePort, sentinelPort, clientCertificates, renew, own: own.certificates },
    keys: own.keys,
  };
}

/** Without certificates where the stack has none; undefined where those that it has will not do. */
function readOwnCertificates(
  check: Checker,
  fields: Fields,
  hosts: HostConfig[],
  isSecret: (key: string) => boolean,
): { certificates?: Tls["own"]; keys: Record<string, string> } | undefined {
  const given = [fields.authority, fields.certificates, check.raw.tlsKeys];
  if (given.every((each) => each === undefined || each === "{}")) {
    return { keys: {} };
  }
  const known = check.problems.length;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const authorities = readCertificates(text(fields.authority));
  if (!authorities) {
    check.problem("tls.authority", "holds no certificate", "the authority's certificate, PEM");
  }
  const names = hosts.map(({ name }) => name);
  const certificates = check.fields(fields.certificates ?? {}, "tls.certificates", names) ?? {};
  // What was set in plain text is not quoted.
  const plain = check.raw.tlsKeys !== undefined && !isSecret("tlsKeys");
  if (plain) {
    check.problem("tlsKeys", "is in plain text", "secrets; make new keys and set them --secret");
  }
  const tlsKeys = check.json("tlsKeys");
  const keys = !plain && isMap(tlsKeys) ? tlsKeys : {};
  const each = hosts.map(({ name, address }) => {
    const chain = readCertificates(text(certificates[name]));
    const key = readKey(text(keys[name]));
    const [certificatePath, keyPath] = [under("tls.certificates", name), under("tlsKeys", name)];
    if (!key) {
      check.problem(
        keyPath,
        "is no private key",
        `the key of ${certificatePath}, PEM, without a passphrase; set it: pulumi config set --secret --path ${quote(keyPath)} < ${name}.key`,
      );
    }
    const fault = chain
      ? key && !chain[0].checkPrivateKey(key)
        ? `is not of ${keyPath}`
        : unusableCertificate(chain, authorities ?? [], address)
      : "holds no certificate";
    if (fault && (authorities ?? !chain)) {
      check.problem(
        certificatePath,
        fault,
        `a certificate of tls.authority for ${address}, serverAuth and clientAuth, PEM`,
      );
    }
    return { name, certificate: certificatesPem(chain ?? []), key: key ? keyPem(key) : "" };
  });
  if (check.problems.length > known) {
    return undefined;
  }
  return {
    certificates: {
      authority: certificatesPem(authorities ?? []),
      certificates: Object.fromEntries(each.map(({ name, certificate }) => [name, certificate])),
    },
    keys: Object.fromEntries(each.map(({ name, key }) => [name, key])),
  };
}
