import { Authority } from "../../helpers/certificates";
import { Host, masterName } from "./hosts";

/** A host's files of a release in that mode, whose sentinels take a master for dead after 1.5 s. */
export function tlsRelease(
  host: Host,
  mode: "both" | "required",
  issuer: Authority,
): Record<string, string> {
  const plain = host.releaseFiles();
  const lines = (text: string, port: number) =>
    `${text}port ${mode === "both" ? port : 0}\ntls-port ${port + 1}\n` +
    `tls-replication ${mode === "both" ? "no" : "yes"}\ntls-auth-clients yes\n`;
  const { certificate, key } = issuer.issue(host.name, host.address);
  return {
    ...plain,
    "redis.conf": lines(plain["redis.conf"].replace(/^port .*\n/m, ""), 6389),
    "sentinel.conf": lines(
      plain["sentinel.conf"]
        .replace(/^port .*\n/m, "")
        .replace(
          "down-after-milliseconds " + masterName + " 30000",
          "down-after-milliseconds " + masterName + " 1500",
        ),
      26389,
    ),
    members:
      mode === "both"
        ? plain.members
        : `plain-ports 6389 26389\n${plain.members.replace(/ 6389$/gm, " 6390").replace(/ 26389$/gm, " 26390")}`,
    "tls.ca": issuer.certificate,
    "tls.crt": certificate,
    "tls.key": key,
  };
}

/** Asks this host's daemons by TLS from now on, with the certificate of that release. */
export function askByTls(host: Host, release: string): void {
  const path = (file: string) => host.path(`${release}/${file}`);
  host.tls = [
    "--tls",
    "--cacert",
    path("tls.ca"),
    "--cert",
    path("tls.crt"),
    "--key",
    path("tls.key"),
  ];
}
