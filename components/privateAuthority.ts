import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "./dynamic";

/** A certificate and its private key, PEM. */
export interface Identity {
  certificate: string;
  key: string;
}

export interface Member {
  name: string;
  address: string;
}

export interface PrivateAuthorityArgs {
  group: string;
  members: Member[];
  /** Another number than last time issues new certificates to everybody, from the same authority. */
  renew: number;
}

/**
 * A certificate authority for one group alone, with a certificate for each member and one for clients. Redis does
 * not compare a peer's name with its certificate, so whoever has one of this authority is let in: nobody else gets
 * any. All private keys are secrets of the stack's state.
 */
export class PrivateAuthority extends DynamicResource {
  declare readonly authority: pulumi.Output<string>;
  /** Secret, as `client`. */
  declare readonly identities: pulumi.Output<Record<string, Identity>>;
  declare readonly client: pulumi.Output<Identity>;

  constructor(name: string, args: PrivateAuthorityArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "privateAuthority",
      "PrivateAuthority",
      name,
      {
        ...args,
        authority: undefined,
        authorityKey: undefined,
        identities: undefined,
        client: undefined,
        renewFrom: undefined,
      },
      { ...opts, additionalSecretOutputs: ["authorityKey", "identities", "client"] },
    );
  }
}
