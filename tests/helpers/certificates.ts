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
  /** A certificate for that address, good for so many seconds; `usage` as openssl's extendedKeyUsage. */
  issue(name: string, address: string, usage?: string, seconds?: number): Pair;
}

const day = 24 * 60 * 60;

/** A pair that ends in so many seconds, which may be in the past, signed by `issuer` or by itself. */
function issue(subject: string, seconds: number, extensions: string[], issuer?: Pair): Pair {
  const directory = mkdtempSync(join(tmpdir(), "certificates-"));
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
  const time = (from: number) =>
    new Date(Date.now() + from * 1000).toISOString().replace(/[-:T]|\.\d+/g, "");
  const files = {
    config: [
      ...[
        "[ca]",
        "default_ca=own",
        "[own]",
        "database=index",
        "new_certs_dir=.",
        "rand_serial=yes",
      ],
      ...[
        "default_md=sha256",
        "policy=any",
        "x509_extensions=kind",
        "[any]",
        "commonName=supplied",
      ],
      ...["[kind]", "subjectKeyIdentifier=hash", ...extensions, ""],
    ].join("\n"),
    index: "",
    "ca.crt": issuer?.certificate ?? "",
    "ca.key": issuer?.key ?? "",
  };
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl("req", "-new", ...kind, "-subj", `/CN=${subject}`, "-keyout", "key", "-out", "request");
    const by = issuer
      ? ["-cert", "ca.crt", "-keyfile", "ca.key"]
      : ["-selfsign", "-keyfile", "key"];
    const life = ["-startdate", time(Math.min(seconds, 0) - day), "-enddate", time(seconds)];
    const made = ["-in", "request", "-out", "certificate"];
    openssl("ca", "-batch", "-notext", "-config", "config", ...by, ...life, ...made);
    const read = (name: string) => readFileSync(join(directory, name), "utf8");
    return { certificate: read("certificate"), key: read("key") };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function authority(name: string, seconds = 40 * day): Authority {
  const own = issue(name, seconds, ["basicConstraints=critical,CA:TRUE"]);
  return {
    ...own,
    issue: (subject, address, usage = "serverAuth,clientAuth", life = 40 * day) =>
      issue(
        subject,
        life,
        [
          "basicConstraints=critical,CA:FALSE",
          `extendedKeyUsage=${usage}`,
          `subjectAltName=IP:${address}`,
        ],
        own,
      ),
  };
}
