import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { HostConfig, TopologyConfig } from "./config";
import { Connection, connectionTo } from "./connection";
import { hostProgram, programDirectory, stagedDirectory, writeFileProgram } from "./hostProgram";
import { remoteFile, remoteFileWriter } from "./remoteFile";
import { remoteClaim, remoteStep, RemoteStepArgs } from "./remoteService";
import {
  passwords,
  renderMembers,
  renderNodeAcl,
  renderNodeUnit,
  renderRedisConf,
  renderSecrets,
} from "./render";

export interface RedisNodeArgs {
  config: TopologyConfig;
  host: HostConfig;
}

/**
 * The Redis node of one host: the host's programs, its preparation, the node's staged files, and the
 * steps that make them live. The topology says in which order the steps run.
 */
export class RedisNode extends pulumi.ComponentResource {
  /** Changes each time the host was prepared anew. */
  readonly preparation: pulumi.Output<string>;
  /** Takes the node away; a sentinel's claim depends on all of these, so that sentinels go first. */
  readonly claim: remote.Command;
  private readonly connection: pulumi.Input<Connection>;
  private readonly override?: string;
  private readonly staged: remote.Command[];

  constructor(
    private readonly prefix: string,
    args: RedisNodeArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("redis-cluster:index:RedisNode", prefix, {}, opts);
    const { config, host } = args;
    const connection = connectionTo(host, config);
    this.connection = connection;
    this.override = config.override;

    const writer = remoteFileWriter(
      `${prefix}-write-file`,
      { connection, content: writeFileProgram() },
      { parent: this },
    );
    const program = remoteFile(
      `${prefix}-program`,
      {
        connection,
        path: `${programDirectory}/redis-cluster`,
        mode: "0755",
        owner: "root:root",
        content: hostProgram(),
      },
      { parent: this, dependsOn: writer },
    );
    const install = remoteStep(
      `${prefix}-install`,
      {
        connection,
        verb: ["install", String(config.nodePort), String(config.sentinelPort)],
        after: [program.stdout],
      },
      { parent: this, dependsOn: program },
    );
    this.preparation = install.stdout;
    this.claim = remoteClaim(
      `${prefix}-claim`,
      { connection, component: "node", token: install.stdout, deleteData: config.deleteData },
      { parent: this, dependsOn: install },
    );

    const stage = (file: string, content: pulumi.Input<string>) =>
      remoteFile(
        `${prefix}-${file}`,
        {
          connection,
          path: `${stagedDirectory}/${file}`,
          mode: "0640",
          owner: "root:redis",
          content,
        },
        { parent: this, dependsOn: this.claim },
      );
    const secret = passwords(config.secrets);
    this.staged = [
      stage("redis.conf", renderRedisConf(config, host)),
      stage("members", renderMembers(config, host)),
      stage("redis-cluster.service", renderNodeUnit(config)),
      stage("users.acl", secret.apply(renderNodeAcl)),
      stage("secrets", secret.apply(renderSecrets)),
    ];
    this.registerOutputs();
  }

  /** Says what this host holds, anew in every run in which any host was prepared anew. */
  prove(preparations: pulumi.Output<string>[], after: remote.Command[]): remote.Command {
    return this.step("prove", { after: preparations }, [...this.staged, ...after]);
  }

  /** Starts the node if it is down, in the role that the hosts decide. */
  start(proofs: remote.Command[]): remote.Command {
    const stdin = pulumi
      .all(proofs.map((proof) => proof.stdout))
      .apply((lines) => lines.join("\n"));
    return this.step("start", { after: this.staged.map((file) => file.stdout), stdin }, proofs);
  }

  /** Brings a running replica to what is staged; a master that has to restart waits for `rollMaster`. */
  roll(after: remote.Command[]): remote.Command {
    return this.step("roll", { after: this.owedAfter(after) }, after);
  }

  /** Hands over and restarts, if this node was the master in its turn and a restart is owed. */
  rollMaster(after: remote.Command[]): remote.Command {
    return this.step("roll-master", { after: this.owedAfter(after) }, after);
  }

  private owedAfter(steps: remote.Command[]): pulumi.Output<string>[] {
    return [...this.staged, ...steps].map((command) => command.stdout);
  }

  private step(
    verb: string,
    args: Pick<RemoteStepArgs, "after" | "stdin">,
    dependsOn: remote.Command[],
  ): remote.Command {
    return remoteStep(
      `${this.prefix}-${verb}`,
      { connection: this.connection, override: this.override, verb: [`node-${verb}`], ...args },
      { parent: this, dependsOn },
    );
  }
}
