import * as pulumi from "@pulumi/pulumi";
import { createPrivateKey, KeyObject, X509Certificate } from "crypto";
import { TopologyConfig } from "./config/topology";
import { Identity, PrivateAuthority } from "./privateAuthority";

/** Whom the group trusts, and what its members and clients show; PEM. */
export interface Certificates {
  authority: pulumi.Output<string>;
  /** By the host's name; secret. */
  hosts: pulumi.Output<Record<string, Identity>>;
  /** For applications; secret. Undefined where the stack brings its own certificates. */
  client?: pulumi.Output<Identity>;
}

/** The stack's own certificates, or those of an authority made for this group; undefined without TLS. */
export function certificatesOf(
  { masterName, hosts, tls, secrets }: TopologyConfig,
  opts: pulumi.CustomResourceOptions,
): Certificates | undefined {
  if (tls === undefined) return undefined;
  const { own } = tls;
  if (own) {
    return {
      authority: pulumi.output(own.authority),
      hosts: pulumi.all(secrets.tlsKeys).apply((keys) => {
        const each = hosts.map(({ name }) => [
          name,
          { certificate: own.certificates[name], key: keys[name] },
        ]);
        return Object.fromEntries(each) as Record<string, Identity>;
      }),
    };
  }
  const made = new PrivateAuthority(
    "private-authority",
    {
      group: masterName,
      members: hosts.map(({ name, address }) => ({ name, address })),
      renew: tls.renew,
    },
    opts,
  );
  return { authority: made.authority, hosts: made.identities, client: made.client };
}

/** The certificates of a PEM text; undefined when it holds none or anything that is none. */
export function readCertificates(text: string): X509Certificate[] | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 ? blocks.map((block) => new X509Certificate(block)) : undefined;
  } catch {
    return undefined;
  }
}

/** A private key of a PEM text, without a passphrase; undefined when it is none. */
export function readKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

/** The texts as the hosts get them: nothing but what Redis reads. */
export const certificatesPem = (chain: X509Certificate[]): string => chain.map(String).join("");
export const keyPem = (key: KeyObject): string =>
  key.export({ type: "pkcs8", format: "pem" }).toString();

const [serverAuth, clientAuth] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];

/**
 * What keeps a host's certificate from being used; undefined when nothing does.
 *
 * @param chain the certificate, then those between it and the authorities
 */
export function unusableCertificate(
  chain: X509Certificate[],
  authorities: X509Certificate[],
  address: string,
): string | undefined {
  const [certificate] = chain;
  // An absent list of usages allows every one.
  const usages = certificate.keyUsage ?? [serverAuth, clientAuth];
  if (!usages.includes(serverAuth) || !usages.includes(clientAuth)) {
    return "is not for both serverAuth and clientAuth";
  }
  if (!certificate.checkIP(address)) return `is not for the address ${address}`;
  const ended = ({ validTo }: X509Certificate) => Date.parse(validTo) < Date.now();
  if (ended(certificate)) return `ended ${certificate.validTo}`;
  const good = authorities.filter((authority) => !ended(authority));
  const signed = (by: X509Certificate) => (one: X509Certificate) =>
    one.checkIssued(by) && one.verify(by.publicKey);
  let last = certificate;
  for (;;) {
    if (good.some((authority) => signed(authority)(last))) return undefined;
    const next = chain.slice(chain.indexOf(last) + 1).find((one) => signed(one)(last));
    if (!next) return "leads to no certificate of tls.authority that has not ended";
    last = next;
  }
}
