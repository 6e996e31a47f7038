import { execFileSync } from "child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";

export interface Pair {
  certificate: string;
  key: string;
}

/** An authority that this program knows nothing of, made by openssl. All PEM. */
export interface Authority extends Pair {
  /** A certificate for that address; `usage` as openssl's extendedKeyUsage. */
  issue(name: string, address: string, usage?: string): Pair;
}

/** Runs openssl where `files` are; returns what it left in `certificate` and `key`. */
function openssl(files: Record<string, string>, ...args: string[]): Pair {
  const directory = mkdtempSync(join(tmpdir(), "certificates-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const made = ["-nodes", "-keyout", "key", "-out", "certificate", "-days", "30"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    execFileSync("openssl", ["req", "-x509", ...kind, ...made, ...args], {
      cwd: directory,
      stdio: "ignore",
    });
    const read = (name: string) => readFileSync(join(directory, name), "utf8");
    return { certificate: read("certificate"), key: read("key") };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function authority(name: string): Authority {
  const own = openssl({}, "-subj", `/CN=${name}`);
  return {
    ...own,
    issue: (subject, address, usage = "serverAuth,clientAuth") =>
      openssl(
        { "ca.crt": own.certificate, "ca.key": own.key },
        ...["-CA", "ca.crt", "-CAkey", "ca.key", "-subj", `/CN=${subject}`],
        ...["-addext", "basicConstraints=critical,CA:FALSE"],
        ...["-addext", `extendedKeyUsage=${usage}`],
        ...["-addext", `subjectAltName=IP:${address}`],
      ),
  };
}
