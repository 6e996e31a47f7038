import * as pulumi from "@pulumi/pulumi";
import { DynamicResource, RouteInputs } from "./dynamic";
import { programHash } from "./remote/hostProgram";

export interface ProgramArgs extends RouteInputs {
  /** The program is written again when it changes. */
  repair: pulumi.Input<string>;
}

/**
 * The program that a host's units and all steps call, and the script that writes files whole. Its provider sends it: a
 * Command would have it in the state twice for each host, and the engine writes the whole state with every resource.
 */
export class Program extends DynamicResource {
  /** What the host printed; its last line is a fresh id each time the program was written. */
  declare readonly stdout: pulumi.Output<string>;

  constructor(name: string, args: ProgramArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "program",
      "Program",
      name,
      {
        ...args,
        program: programHash(),
        stdout: undefined,
      },
      opts,
    );
  }
}
