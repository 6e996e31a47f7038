import { generateKeyPairSync, randomBytes, X509Certificate } from "crypto";
import { md, pki } from "node-forge";
import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import type { Identity, Member } from "../privateAuthority";

interface Inputs {
  /** Whose authority it is: stands in the certificates' names. */
  group: string;
  members: Member[];
  renew: number;
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

interface Issued {
  /** Certificate of the authority, PEM. */
  authority: string;
  authorityKey: string;
  /** By the member's name. */
  identities: Record<string, Identity & { address: string }>;
  client: Identity;
  /** From then on an update issues new certificates. */
  renewFrom: string;
}

const day = 24 * 60 * 60 * 1000;
// The authority outlives the group; what is on hosts and with clients is renewed every year, by any `up` in the
// last quarter of it.
const authorityLife = 20 * 365 * day;
const identityLife = 398 * day;
const renewalBefore = 100 * day;

/** A key pair of Node's own making: node-forge puts certificates together and signs them, nothing else. */
function keyPair(): { public: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { public: publicKey, key: privateKey };
}

/** Who signs: the authority's name, its two keys. */
interface Signer {
  subject: string;
  publicKey: string;
  key: string;
}

function certify(
  publicKey: string,
  subject: string,
  life: number,
  extensions: object[],
  signer: Signer,
): string {
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(publicKey);
  // A serial number is positive: no first digit above 7.
  certificate.serialNumber = `1${randomBytes(16).toString("hex").slice(1)}`;
  // Hosts whose clocks are a little behind take it too.
  certificate.validity.notBefore = new Date(Date.now() - day);
  certificate.validity.notAfter = new Date(Date.now() + life);
  certificate.setSubject([{ name: "commonName", value: subject }]);
  certificate.setIssuer([{ name: "commonName", value: signer.subject }]);
  const keyIdentifier = (pem: string) =>
    pki.getPublicKeyFingerprint(pki.publicKeyFromPem(pem), { type: "RSAPublicKey" }).getBytes();
  // Strict clients, Python's from 3.13 on, look for both identifiers.
  certificate.setExtensions([
    ...extensions,
    { name: "subjectKeyIdentifier" },
    { name: "authorityKeyIdentifier", keyIdentifier: keyIdentifier(signer.publicKey) },
  ]);
  certificate.sign(pki.privateKeyFromPem(signer.key), md.sha256.create());
  return pki.certificateToPem(certificate).replaceAll("\r", "");
}

function issue(subject: string, names: object[], signer: Signer): Identity {
  const pair = keyPair();
  const extensions = [
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    // A daemon is a client of its peers too.
    { name: "extKeyUsage", serverAuth: names.length > 0, clientAuth: true },
    ...(names.length > 0 ? [{ name: "subjectAltName", altNames: names }] : []),
  ];
  return {
    certificate: certify(pair.public, subject, identityLife, extensions, signer),
    key: pair.key,
  };
}

function issueAll(inputs: Inputs, before?: Inputs & Issued): Inputs & Issued {
  const subject = `authority of ${inputs.group}`;
  let { authority, authorityKey } = before ?? {};
  if (authority === undefined || authorityKey === undefined) {
    const pair = keyPair();
    authorityKey = pair.key;
    authority = certify(
      pair.public,
      subject,
      authorityLife,
      [
        { name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
      ],
      { subject, publicKey: pair.public, key: pair.key },
    );
  }
  const publicKey = new X509Certificate(authority).publicKey;
  const signer = {
    subject,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    key: authorityKey,
  };
  const kept = before?.renew === inputs.renew && !due(before) ? before : undefined;
  const identities: Issued["identities"] = {};
  for (const { name, address } of inputs.members) {
    const old = kept?.identities[name];
    identities[name] =
      old?.address === address
        ? old
        : {
            address,
            ...issue(
              name,
              // 7 is an address, 2 a name (RFC 5280).
              [
                { type: 7, ip: address },
                { type: 2, value: name },
              ],
              signer,
            ),
          };
  }
  return {
    ...inputs,
    authority,
    authorityKey,
    identities,
    client: kept?.client ?? issue(`client of ${inputs.group}`, [], signer),
    renewFrom: kept?.renewFrom ?? new Date(Date.now() + identityLife - renewalBefore).toISOString(),
  };
}

function due({ renewFrom }: Issued): boolean {
  return Date.now() > Date.parse(renewFrom);
}

const inputNames: (keyof Inputs)[] = ["group", "members", "renew", "sources"];

function diff(_id: string, olds: Inputs & Issued, news: Inputs): Promise<dynamic.DiffResult> {
  const changes =
    due(olds) || inputNames.some((name) => !isDeepStrictEqual(olds[name], news[name]));
  return Promise.resolve({ changes });
}

/** Of the resource in ../privateAuthority.ts. */
export const provider: dynamic.ResourceProvider<Inputs, Inputs & Issued> = {
  diff,
  create: (inputs) => Promise.resolve({ id: inputs.group, outs: issueAll(inputs) }),
  update: (_id, olds, news) => Promise.resolve({ outs: issueAll(news, olds) }),
};
